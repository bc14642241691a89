// Values of messages: one message is one row. What connectors that carry messages (topics, queues) share, as codec.h is
// for those that carry files. One folder a format under src/codecs/.
//
// A format never looks beyond a message's own bytes, and a message that it cannot read costs one row: a refusal, with
// the others unharmed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/env.h"
#include "batch/batch.h"
#include "component/component.h"
#include "component/outlet.h"
#include "config/contract.h"
#include "spec/spec.h"

namespace trommel {

/// Many messages, side by side in one piece of memory: message i is `bytes[bounds[i] .. bounds[i + 1])`, as an Arrow
/// column of binary values lays them out. There is one bound more than there are messages; bounds rise, and bytes
/// before the first and behind the last belong to nobody.
struct Messages {
  /// Bytes behind `bytes` that may be read, though their values mean nothing: what fast readers of text ask for.
  static constexpr size_t kPadding = 64;

  Bytes bytes;
  std::span<const int32_t> bounds;

  size_t count() const { return bounds.empty() ? 0 : bounds.size() - 1; }
  Bytes at(size_t i) const {
    const auto begin = static_cast<size_t>(bounds[i]);
    return bytes.subspan(begin, static_cast<size_t>(bounds[i + 1]) - begin);
  }
};

/// What became of messages: each is a row or a refusal, never both, never neither.
struct DecodedMessages {
  Rows rows;                      ///< in the order of their messages
  std::vector<Refusal> refusals;  ///< of the others, rising; `row` is the place of the message
};

/// Messages to rows. Thread safe: lanes decode at the same time.
class MessageDecoder {
 public:
  virtual ~MessageDecoder() = default;
  /// Rows have the schema that the decoder was bound with. An error is the outside's (a registry that is away): the
  /// messages are none the worse for it, and are given again.
  virtual Result<DecodedMessages> decode(const Messages& messages) const = 0;
};

struct BoundMessageDecoder {
  std::shared_ptr<const MessageDecoder> decoder;
  Schema schema;                   ///< of its rows
  std::vector<std::string> notes;  ///< for `plan`: where the schema is from
};

/// Messages that were made: message i is `bytes[ends[i - 1] .. ends[i])`, the first begins at 0.
struct EncodedMessages {
  std::string bytes;
  std::vector<size_t> ends;

  size_t count() const { return ends.size(); }
  Bytes at(size_t i) const {
    const size_t begin = i == 0 ? 0 : ends[i - 1];
    return as_bytes(std::string_view(bytes).substr(begin, ends[i] - begin));
  }
  void clear() {
    bytes.clear();
    ends.clear();
  }
};

/// Rows to messages. One thread at a time encodes; another may ask for the prefix meanwhile.
class MessageEncoder {
 public:
  virtual ~MessageEncoder() = default;
  /// Appends one message a row, in their order, and gives the rows that cannot be one (a symbol that an enum does not
  /// have), rising: their messages are empty, and not to be sent.
  virtual Result<std::vector<Refusal>> encode(const arrow::RecordBatch& rows, EncodedMessages& out) = 0;
  /// What each message has to begin with when it is sent (the id that a registry has given its schema). The error is
  /// the outside's: it is asked again.
  virtual Result<std::string> prefix() { return std::string(); }
};

struct BoundMessageEncoder {
  std::unique_ptr<MessageEncoder> encoder;
  std::vector<std::string> notes;  ///< for `plan`: the schema that messages are written with
};

/// What a format may use when it is bound.
struct MessageSettings {
  /// The connector's whole map; the format parses what its own spec names: `settings_for(settings, *kind.spec)`.
  const Node& settings;
  const std::optional<Contract>& contract;  ///< of the source or sink
  std::string topic;                        ///< for subjects of a registry; empty where there are many
  const BindContext& context;
};

/// A format of messages. Settings stand in the connector's map, beside `value: NAME`; in one map with those of other
/// formats, so one name means one thing.
struct MessageFormat {
  std::string name;                ///< avro, csv, json, raw
  const SpecInfo* spec = nullptr;  ///< its settings, for help and checks
  /// Mistakes in settings go to `problems`, the result is then not used; what the outside does wrong is the error.
  std::function<Result<BoundMessageDecoder>(const MessageSettings&, Problems&)> decoder;
  /// `rows` is the schema of the rows that will come.
  std::function<Result<BoundMessageEncoder>(const MessageSettings&, const Schema& rows, Problems&)> encoder;
};

}  // namespace trommel
