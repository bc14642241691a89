// Rows to messages: value, key, headers, and the partition that they go to.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "component/message.h"
#include "connectors/kafka/settings.h"

namespace trommel::kafka {

/// Which columns of the rows say what of a message; -1: none does.
struct MessageColumns {
  int key = -1, partition = -1;
  std::vector<std::pair<std::string, int>> headers;
};

/// Columns that `config` names; those that the rows do not have go to `problems`.
MessageColumns message_columns(const SinkConfig& config, const arrow::Schema& rows, const Node& settings,
                               Problems& problems);

/// Safe to use from several threads.
class MessageMaker {
 public:
  MessageMaker(std::unique_ptr<MessageEncoder> encoder, MessageColumns columns)
      : encoder_(std::move(encoder)), columns_(std::move(columns)) {}

  /// One message a row, as a batch of `stored_messages`.
  Result<Rows> make(const arrow::RecordBatch& rows, int64_t now_ms);
  /// Rows that cannot be sent.
  Result<std::vector<Refusal>> refuses(const arrow::RecordBatch& rows);
  const MessageColumns& columns() const { return columns_; }

 private:
  std::mutex mutex_;
  std::unique_ptr<MessageEncoder> encoder_;
  const MessageColumns columns_;
};

}  // namespace trommel::kafka
