// Hands messages to librdkafka: as many at once as it takes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/kafka/client.h"
#include "connectors/kafka/message_maker.h"

namespace trommel::kafka {

class Sender {
 public:
  /// `producer` outlives it.
  static Result<std::unique_ptr<Sender>> make(const Client& producer, const std::string& topic);

  /// Batches as those of a MessageMaker, in their order. Waits where librdkafka is full.
  Result<> send(const arrow::RecordBatch& messages);

 private:
  Sender(const Client& producer, TopicHandle topic) : producer_(producer), topic_(std::move(topic)) {}
  Result<> send_plain(const MessageArrays& messages, int64_t from, int64_t count);
  Result<> send_with_headers(const MessageArrays& messages, int64_t row);
  Result<> wait_for_room();

  const Client& producer_;
  TopicHandle topic_;
  std::vector<rd_kafka_message_t> handed_;
};

}  // namespace trommel::kafka
