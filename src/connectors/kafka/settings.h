// What a pipeline file may say about topics, beside the settings of the values' format.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connectors/kafka/embedded_topic.h"
#include "spec/spec.h"

namespace trommel::kafka {

/// `brokers: embedded`.
inline constexpr const char* embedded = "embedded";

struct RetentionText {
  Duration max_age{0};
  ByteSize max_size{Retention{}.max_bytes};
  static const Spec<RetentionText>& spec();
  Retention retention() const { return {max_age.us, max_size.bytes}; }
};

/// What sources and sinks have in common.
struct Connection {
  std::string brokers = embedded;
  Pairs<std::string> properties;
  RetentionText retention;
  std::optional<Path> folder;

  bool is_embedded() const { return brokers == embedded; }
  /// Of an embedded topic.
  std::string topic_folder(const std::string& folder_of_pipeline, const std::string& topic) const;
};

struct SourceConfig : Connection {
  std::vector<std::string> topics;
  std::string value;
  std::string start = "earliest";
  std::optional<std::string> group, dead_letter_topic;
  static const Spec<SourceConfig>& spec();
};

/// `start:`.
struct Start {
  enum class From { earliest, latest, time };
  From from = From::earliest;
  int64_t time_ms = 0;  ///< since 1970
};
std::optional<Start> parse_start(const std::string& text);

enum class Compression { zstd, lz4, snappy, gzip, none };

struct SinkConfig : Connection {
  std::string topic;
  std::string value;
  std::optional<std::string> key, partition;
  Pairs<std::string> headers;
  Guarantee guarantee = Guarantee::exactly_once;
  Compression compression = Compression::zstd;
  static const Spec<SinkConfig>& spec();
};

/// Whether a topic can be called so.
bool is_topic_name(const std::string& name);

}  // namespace trommel::kafka
