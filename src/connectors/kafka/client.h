// librdkafka, held in one place: handles that clean up after themselves, its settings, and its errors as ours.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "connectors/kafka/partitions.h"
#include "connectors/kafka/settings.h"
#include "librdkafka/rdkafka.h"

namespace trommel::kafka {

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* handle) const {
    destroy(handle);
  }
};
using TopicHandle = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using Message = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t, Destroy<rd_kafka_topic_partition_list_destroy>>;
using KafkaError = std::unique_ptr<rd_kafka_error_t, Destroy<rd_kafka_error_destroy>>;
using GroupMetadata =
    std::unique_ptr<rd_kafka_consumer_group_metadata_t, Destroy<rd_kafka_consumer_group_metadata_destroy>>;

/// Names and values as librdkafka spells them.
using Properties = std::vector<std::pair<std::string, std::string>>;

/// A consumer or producer. Its own threads begin with it, and look for the brokers at once.
class Client {
 public:
  /// `defaults` give way to what the user passes on, `fixed` do not: what is promised rests on them.
  static Result<std::unique_ptr<Client>> make(rd_kafka_type_t type, const Connection& connection,
                                              const Properties& defaults, const Properties& fixed);
  ~Client();

  rd_kafka_t* get() const { return handle_; }
  /// Worth another try, since outages end; with what librdkafka itself said last.
  tl::unexpected<Error> error(const std::string& what, const std::string& why) const;
  tl::unexpected<Error> error(const std::string& what, rd_kafka_resp_err_t code) const;

  // Of a producer, since `expect_deliveries`: messages that the brokers have, and what became of others.
  void expect_deliveries();
  int64_t delivered() const { return delivered_; }
  std::string failure() const;

 private:
  explicit Client(std::string brokers) : brokers_(std::move(brokers)) {}
  static void log_line(const rd_kafka_t* handle, int level, const char* facility, const char* text);
  static void report(rd_kafka_t* handle, const rd_kafka_message_t* message, void* client);

  const std::string brokers_;
  mutable std::mutex mutex_;
  std::string last_word_, failure_;
  std::atomic<int64_t> delivered_{0};
  rd_kafka_t* handle_ = nullptr;
};

/// Names that librdkafka does not know and values that it does not take.
void check_properties(const Connection& connection, Problems& problems);

PartitionList partition_list(std::span<const Partitions::Taken> offsets);

}  // namespace trommel::kafka
