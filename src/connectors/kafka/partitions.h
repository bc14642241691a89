// Where messages are read from, a broker or embedded topics: partitions, and what lies in them.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "connectors/kafka/settings.h"

namespace arrow {
class Buffer;
}

namespace trommel::kafka {

struct Partition {
  std::string topic;
  int32_t number = 0;
  auto operator<=>(const Partition&) const = default;
  std::string name() const { return topic + "/" + std::to_string(number); }
};

/// What stands around the value of a message.
struct Envelope {
  struct Header {
    std::string name;
    std::optional<std::string> value;
  };
  std::optional<std::string> key;
  std::vector<Header> headers;
};

/// Messages that follow each other in a partition; offsets rise, not always by one.
struct Fetched {
  std::shared_ptr<arrow::Buffer> values;  ///< side by side, with Messages::kPadding bytes behind them
  std::vector<int32_t> bounds;            ///< one more than messages
  std::vector<int64_t> offsets;
  std::vector<int64_t>
      empty;  ///< offsets of those that have no value at all (tombstones), rising; not among the others
  std::vector<Envelope> around, around_empty;  ///< of these and of those; none where the source has no dead letters
  int64_t next = 0;                            ///< the offset that reading goes on at
  int64_t first_ms = 0;                        ///< when the first was written, since 1970; 0: unknown
};

/// The messages of a partition from one offset up to another.
class MessageStream {
 public:
  virtual ~MessageStream() = default;
  /// About so many bytes of them, one message at least. `next` is where it ends once there are no more.
  virtual Result<Fetched> fetch(int64_t bytes) = 0;
};

class Partitions {
 public:
  virtual ~Partitions() = default;
  struct Range {
    Partition partition;
    int64_t first = 0;  ///< offset of the oldest message that is there
    int64_t end = 0;    ///< behind the newest one
  };
  /// What is there now, in order.
  virtual Result<std::vector<Range>> look() = 0;
  /// The offset of the first message that is no older than a time; `range.end` where there is none.
  virtual Result<int64_t> at_time(const Range& range, int64_t time_ms) = 0;
  virtual Result<std::unique_ptr<MessageStream>> open(const Partition& partition, int64_t from, int64_t to) = 0;
  /// Everything before these offsets can be lost by nobody.
  struct Taken {
    Partition partition;
    int64_t offset = 0;
  };
  virtual Result<> taken(std::span<const Taken> taken) = 0;
  /// Nobody answers just now: what `look` says may be old.
  virtual bool away() const { return false; }
  /// As Source::news.
  virtual std::vector<std::string> news() { return {}; }
};

/// `reader` names who reads, among those of the topics.
std::unique_ptr<Partitions> embedded_partitions(Env& env, const SourceConfig& config,
                                                const std::string& folder_of_pipeline, const std::string& reader);
/// What is fetched in advance takes about `memory` bytes.
std::unique_ptr<Partitions> broker_partitions(Env& env, const SourceConfig& config, const std::string& group,
                                              int64_t memory);

}  // namespace trommel::kafka
