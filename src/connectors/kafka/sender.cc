#include "connectors/kafka/sender.h"

#include <arrow/api.h>

#include <algorithm>

namespace trommel::kafka {
namespace {

constexpr int64_t at_once = 1000;  // messages
constexpr int room_ms = 50;

struct Place {
  void* data = nullptr;
  size_t size = 0;
};

/// What has no bytes is still there: librdkafka takes a null pointer for no value at all.
Place bytes_of(const arrow::BinaryArray& column, int64_t row) {
  static char nothing = 0;
  const auto value = column.GetView(row);
  return {value.empty() ? &nothing : const_cast<char*>(value.data()), value.size()};
}

Place value_of(const MessageArrays& messages, int64_t row) {
  return messages.values->IsNull(row) ? Place{} : bytes_of(*messages.values, row);
}

Place key_of(const MessageArrays& messages, int64_t row) {
  return messages.keys == nullptr || messages.keys->IsNull(row) ? Place{} : bytes_of(*messages.keys, row);
}

int32_t partition_of(const MessageArrays& messages, int64_t row) {
  const bool any = messages.partitions == nullptr || messages.partitions->IsNull(row);
  return any ? RD_KAFKA_PARTITION_UA : static_cast<const arrow::Int32Array&>(*messages.partitions).Value(row);
}

}  // namespace

Result<std::unique_ptr<Sender>> Sender::make(const Client& producer, const std::string& topic) {
  TopicHandle handle(rd_kafka_topic_new(producer.get(), topic.c_str(), nullptr));
  if (!handle) return producer.error("sending to " + topic, rd_kafka_last_error());
  return std::unique_ptr<Sender>(new Sender(producer, std::move(handle)));
}

Result<> Sender::send(const arrow::RecordBatch& batch) {
  const MessageArrays messages(batch);
  for (int64_t row = 0; row < batch.num_rows();) {
    const int64_t count = messages.headers != nullptr ? 1 : std::min(at_once, batch.num_rows() - row);
    TRY(messages.headers != nullptr ? send_with_headers(messages, row) : send_plain(messages, row, count));
    row += count;
    if (row % at_once == 0) rd_kafka_poll(producer_.get(), 0);
  }
  rd_kafka_poll(producer_.get(), 0);
  return {};
}

/// Behind the first that finds no room librdkafka takes none of the others, so they stay in order.
Result<> Sender::send_plain(const MessageArrays& messages, int64_t from, int64_t count) {
  handed_.assign(static_cast<size_t>(count), {});
  for (int64_t i = 0; i < count; ++i) {
    rd_kafka_message_t& message = handed_[static_cast<size_t>(i)];
    const Place value = value_of(messages, from + i), key = key_of(messages, from + i);
    message.payload = value.data;
    message.len = value.size;
    message.key = key.data;
    message.key_len = key.size;
    message.partition = partition_of(messages, from + i);
  }
  for (size_t done = 0;;) {
    constexpr int flags = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_PARTITION;
    rd_kafka_produce_batch(topic_.get(), RD_KAFKA_PARTITION_UA, flags, handed_.data() + done,
                           static_cast<int>(handed_.size() - done));
    while (done < handed_.size() && handed_[done].err == RD_KAFKA_RESP_ERR_NO_ERROR) ++done;
    if (done == handed_.size()) return {};
    if (handed_[done].err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
      return producer_.error("sending a message", handed_[done].err);
    for (size_t i = done; i < handed_.size(); ++i) handed_[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    TRY(wait_for_room());
  }
}

Result<> Sender::send_with_headers(const MessageArrays& messages, int64_t row) {
  std::vector<rd_kafka_vu_t> parts;
  const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    parts.emplace_back().vtype = type;
    return parts.back();
  };
  const Place value = value_of(messages, row), key = key_of(messages, row);
  add(RD_KAFKA_VTYPE_RKT).u.rkt = topic_.get();
  add(RD_KAFKA_VTYPE_PARTITION).u.i32 = partition_of(messages, row);
  add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  add(RD_KAFKA_VTYPE_VALUE).u.mem = {value.data, value.size};
  add(RD_KAFKA_VTYPE_KEY).u.mem = {key.data, key.size};
  const auto& names = static_cast<const arrow::StringArray&>(*messages.headers->keys());
  const auto& values = static_cast<const arrow::BinaryArray&>(*messages.headers->items());
  const int64_t first = messages.headers->value_offset(row), end = messages.headers->value_offset(row + 1);
  std::vector<std::string> ended;  // names with a zero behind them, as C has it
  ended.reserve(static_cast<size_t>(end - first));
  for (int64_t i = first; i < end; ++i) {
    const Place header = values.IsNull(i) ? Place{} : bytes_of(values, i);
    add(RD_KAFKA_VTYPE_HEADER).u.header = {ended.emplace_back(names.GetView(i)).c_str(), header.data,
                                           static_cast<ssize_t>(header.size)};
  }
  for (;;) {
    const KafkaError failed(rd_kafka_produceva(producer_.get(), parts.data(), parts.size()));
    if (!failed) return {};
    if (rd_kafka_error_code(failed.get()) != RD_KAFKA_RESP_ERR__QUEUE_FULL)
      return producer_.error("sending a message", rd_kafka_error_string(failed.get()));
    TRY(wait_for_room());
  }
}

Result<> Sender::wait_for_room() {
  rd_kafka_poll(producer_.get(), room_ms);
  if (const std::string failure = producer_.failure(); !failure.empty())
    return producer_.error("sending messages", failure);
  return {};
}

}  // namespace trommel::kafka
