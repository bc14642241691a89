#include "connectors/kafka/client.h"

#include <fmt/format.h>

namespace trommel::kafka {
namespace {

using Conf = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;

Result<> set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char why[512];
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK)
    return config_error("kafka", why, "see `properties:` of the source or sink");
  return {};
}

}  // namespace

Result<std::unique_ptr<Client>> Client::make(rd_kafka_type_t type, const Connection& connection,
                                             const Properties& defaults, const Properties& fixed) {
  Conf conf(rd_kafka_conf_new());
  TRY(set(conf.get(), "bootstrap.servers", connection.brokers));
  TRY(set(conf.get(), "client.id", "trommel"));
  for (const auto& [name, value] : defaults) TRY(set(conf.get(), name, value));
  for (const auto& property : connection.properties) TRY(set(conf.get(), property.key, property.value));
  for (const auto& [name, value] : fixed) TRY(set(conf.get(), name, value));
  std::unique_ptr<Client> client(new Client(connection.brokers));
  rd_kafka_conf_set_opaque(conf.get(), client.get());
  rd_kafka_conf_set_log_cb(conf.get(), log_line);
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf.get(), report);
  char why[512];
  client->handle_ = rd_kafka_new(type, conf.get(), why, sizeof why);
  if (client->handle_ == nullptr)
    return config_error("kafka " + connection.brokers, why, "see `properties:` of the source or sink");
  (void)conf.release();  // the handle's own from here on
  return client;
}

Client::~Client() {
  if (handle_ != nullptr) rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

/// From any of librdkafka's threads.
void Client::log_line(const rd_kafka_t* handle, int /*level*/, const char* /*facility*/, const char* text) {
  auto* client = static_cast<Client*>(rd_kafka_opaque(handle));
  if (client == nullptr) return;
  const std::lock_guard lock(client->mutex_);
  client->last_word_ = text;
}

void Client::report(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message, void* opaque) {
  auto* client = static_cast<Client*>(opaque);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++client->delivered_;
    return;
  }
  const std::lock_guard lock(client->mutex_);
  if (client->failure_.empty()) client->failure_ = rd_kafka_err2str(message->err);
}

tl::unexpected<Error> Client::error(const std::string& what, const std::string& why) const {
  const std::lock_guard lock(mutex_);
  return external_error("kafka " + brokers_, fmt::format("{}: {}", what, why),
                        last_word_.empty() ? "" : "librdkafka says: " + last_word_);
}

tl::unexpected<Error> Client::error(const std::string& what, rd_kafka_resp_err_t code) const {
  return error(what, rd_kafka_err2str(code));
}

void Client::expect_deliveries() {
  delivered_ = 0;
  const std::lock_guard lock(mutex_);
  failure_.clear();
}

std::string Client::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void check_properties(const Connection& connection, Problems& problems) {
  const Conf conf(rd_kafka_conf_new());
  for (const auto& property : connection.properties) {
    if (const auto done = set(conf.get(), property.key, property.value); !done)
      problems.add(property.place, "`properties`: " + done.error().what);
  }
}

PartitionList partition_list(std::span<const Partitions::Taken> offsets) {
  PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [partition, offset] : offsets)
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.number)->offset = offset;
  return list;
}

}  // namespace trommel::kafka
