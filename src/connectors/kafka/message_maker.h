// Rows to messages: value, key, headers, and the partition that they go to.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "component/message.h"
#include "component/sink.h"
#include "connectors/kafka/settings.h"

namespace arrow {
class Array;
class BinaryArray;
class MapArray;
}  // namespace arrow

namespace trommel::kafka {

/// Which columns of the rows say what of a message; -1: none does.
struct MessageColumns {
  int key = -1, partition = -1;
  std::vector<std::pair<std::string, int>> headers;
};

/// Columns that `config` names; those that the rows do not have go to `problems`.
MessageColumns message_columns(const SinkConfig& config, const arrow::Schema& rows, const Node& settings,
                               Problems& problems);

/// Columns that messages have: `value`, and where asked for `key`, `headers` and `partition` (null: the key decides).
Schema message_schema(bool key, bool headers, bool partition);

/// The columns of a batch of them, for as long as the batch is there; null: it has none such.
struct MessageArrays {
  const arrow::BinaryArray *values = nullptr, *keys = nullptr;
  const arrow::MapArray* headers = nullptr;
  const arrow::Array* partitions = nullptr;  ///< of 32 bit; null: the key decides

  explicit MessageArrays(const arrow::RecordBatch& messages);
  /// Of a message with all that goes with it, at most.
  int64_t bytes(int64_t row) const;
};

/// One thread at a time makes messages; another may finish earlier ones meanwhile.
class MessageMaker {
 public:
  /// `largest`: bytes that a message may have, with all that goes with it.
  MessageMaker(std::unique_ptr<MessageEncoder> encoder, MessageColumns columns, int64_t largest);
  /// Makes none: they are there already, with these columns.
  explicit MessageMaker(Schema schema) : largest_(0), schema_(std::move(schema)) {}

  /// Of the messages that it makes.
  const Schema& schema() const { return schema_; }
  /// One message a row that can be one.
  Result<Spooled> make(const Batch& rows);
  /// The same messages as they are sent: with what each has to begin with.
  Result<Rows> finished(const Rows& messages);

 private:
  Result<std::shared_ptr<arrow::Array>> partitions_of(const arrow::RecordBatch& rows,
                                                      std::vector<Refusal>& refusals) const;
  void refuse_large(const arrow::RecordBatch& messages, std::vector<Refusal>& refusals) const;

  std::unique_ptr<MessageEncoder> encoder_;
  const MessageColumns columns_;
  const int64_t largest_;
  const Schema schema_;
};

}  // namespace trommel::kafka
