#include "connectors/kafka/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "batch/text_value.h"

namespace trommel {

template <>
struct EnumNames<Guarantee> {
  static constexpr EnumName<Guarantee> list[] = {{"exactly_once", Guarantee::exactly_once},
                                                 {"at_least_once", Guarantee::at_least_once}};
};

template <>
struct EnumNames<kafka::Compression> {
  static constexpr EnumName<kafka::Compression> list[] = {{"zstd", kafka::Compression::zstd},
                                                          {"lz4", kafka::Compression::lz4},
                                                          {"snappy", kafka::Compression::snappy},
                                                          {"gzip", kafka::Compression::gzip},
                                                          {"none", kafka::Compression::none}};
};

}  // namespace trommel

namespace trommel::kafka {
namespace {

Place place_of(const Node& node, const char* key) {
  const Node* found = node.find(key);
  return found != nullptr ? found->place : node.place;
}

void check_name(const std::string& name, const Node& node, const char* key, Problems& problems) {
  if (!is_topic_name(name))
    problems.add(place_of(node, key), fmt::format("`{}`: no topic can be called `{}`", key, name),
                 "up to 249 letters, digits, `.`, `_` and `-`");
}

void check_connection(const Connection& config, const Node& node, Problems& problems) {
  if (config.brokers.empty())
    problems.add(place_of(node, "brokers"), "`brokers`: names nobody",
                 "such as `brokers: kafka1:9092,kafka2:9092`, or `embedded`");
  for (const char* key : {"retention", "folder"}) {
    if (!config.is_embedded() && node.find(key) != nullptr)
      problems.add(place_of(node, key), fmt::format("`{}` is for `brokers: embedded`", key),
                   "a broker's topics have settings of their own there");
  }
  if (config.is_embedded() && !config.properties.empty())
    problems.add(place_of(node, "properties"), "`properties` are for a broker", "name it in `brokers`");
  if (config.retention.max_size.bytes <= 0)
    problems.add(place_of(node, "retention"), "`max_size` must be more than nothing");
}

bool is_pattern(const std::string& text) {
  try {
    const std::regex compiled(text);
    return true;
  } catch (const std::regex_error&) {
    return false;
  }
}

bool reads(const SourceConfig& config, const std::string& topic) {
  return std::ranges::any_of(config.topics, [&](const std::string& one) {
    return one.starts_with('^') ? is_pattern(one) && std::regex_search(topic, std::regex(one)) : one == topic;
  });
}

void check_source(const SourceConfig& config, const Node& node, Problems& problems) {
  check_connection(config, node, problems);
  for (const std::string& topic : config.topics) {
    if (!topic.starts_with('^')) {
      check_name(topic, node, "topics", problems);
    } else if (!is_pattern(topic)) {
      problems.add(place_of(node, "topics"), fmt::format("`topics`: not a regular expression: {}", topic));
    }
  }
  if (config.dead_letter_topic) {
    check_name(*config.dead_letter_topic, node, "dead_letter_topic", problems);
    if (reads(config, *config.dead_letter_topic))
      problems.add(place_of(node, "dead_letter_topic"),
                   fmt::format("`dead_letter_topic`: {} is read by this source: what it cannot read would come again "
                               "for ever",
                               *config.dead_letter_topic),
                   "name a topic that `topics` leaves out");
  }
  if (!parse_start(config.start))
    problems.add(place_of(node, "start"), fmt::format("`start`: not a place to start at: {}", config.start),
                 "`earliest`, `latest`, or a time such as 2024-05-01T12:00:00Z");
}

void check_sink(const SinkConfig& config, const Node& node, Problems& problems) {
  check_connection(config, node, problems);
  check_name(config.topic, node, "topic", problems);
  if (config.is_embedded() && config.partition)
    problems.add(place_of(node, "partition"), "an embedded topic has one partition", "leave out `partition`");
}

/// A member that `Config` has from `Connection`.
template <class Config, class T>
T Config::* of(T Connection::* member) {
  return member;
}

/// The fields that both have, in the order of the reference.
template <class Config>
Spec<Config>& with_connection(Spec<Config>& spec) {
  return spec
      .field("brokers", of<Config>(&Connection::brokers),
             "addresses of brokers, with commas between them; `embedded`: the topic is a folder of this pipeline, and "
             "needs no broker",
             {.example = "${KAFKA:embedded}"})
      .field("properties", of<Config>(&Connection::properties),
             "settings of librdkafka that are passed on: TLS, SASL, and others by their own names",
             {.example = "{ security.protocol: SSL }"})
      .field("retention", of<Config>(&Connection::retention), "of an embedded topic: how much it may hold",
             {.example = "{ max_size: 1GB }"})
      .field("folder", of<Config>(&Connection::folder),
             "of an embedded topic: the folder that has a folder for each topic; left out: `.trommel/topics`",
             {.example = "topics"});
}

}  // namespace

bool is_topic_name(const std::string& name) {
  constexpr size_t longest = 249;
  const bool letters = std::ranges::all_of(name, [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
           c == '-';
  });
  return letters && !name.empty() && name.size() <= longest && name != "." && name != "..";
}

std::optional<Start> parse_start(const std::string& text) {
  if (text == "earliest") return Start{};
  if (text == "latest") return Start{Start::From::latest, 0};
  const auto time = timestamp_from_text(text, 1000);
  if (!time) return std::nullopt;
  return Start{Start::From::time, time->value};
}

std::string Connection::topic_folder(const std::string& folder_of_pipeline, const std::string& topic) const {
  return join_path(folder_of_pipeline, (folder ? folder->text : ".trommel/topics") + "/" + topic);
}

const Spec<RetentionText>& RetentionText::spec() {
  static const auto spec =
      Spec<RetentionText>("retention", "How much an embedded topic may hold")
          .field("max_age", &RetentionText::max_age,
                 "messages that every reader has taken are kept for so long; what nobody has taken stays in any case",
                 {.example = "7d"})
          .field("max_size", &RetentionText::max_size,
                 "who writes waits while messages that were not taken yet are more than this", {.example = "1GB"});
  return spec;
}

const Spec<SourceConfig>& SourceConfig::spec() {
  static const auto made = [] {
    auto spec = Spec<SourceConfig>("kafka", "Reads messages of topics, one row each");
    spec.field("topics", &SourceConfig::topics,
               "topics to read; one that begins with `^` is a pattern, and takes in topics that are made later",
               {.example = "[bets, ^audit-.*]", .required = true})
        .field("value", &SourceConfig::value, "the format of the messages: avro, csv, json or raw",
               {.example = "json", .required = true})
        .field("start", &SourceConfig::start,
               "where the first run starts: earliest, latest, or at a time; later ones go on where the last one was",
               {.example = "2024-05-01T12:00:00Z"})
        .field("group", &SourceConfig::group,
               "the consumer group whose offsets follow this source, for tools that watch lag; left out: "
               "`trommel.PIPELINE.SOURCE`")
        .field(
            "dead_letter_topic", &SourceConfig::dead_letter_topic,
            "the topic that messages are sent to, as they came, when they cannot be read; headers say why, and where "
            "they came from",
            {.example = "bets-dead"});
    with_connection(spec)
        .check(check_source)
        .description(
            "One process reads all partitions of its topics; where it has come to is saved with each epoch, so that a "
            "crash loses and doubles nothing. A message that cannot be decoded is a reject that says its topic, "
            "partition "
            "and offset. `run --once` reads what is there and ends.");
    return spec;
  }();
  return made;
}

const Spec<SinkConfig>& SinkConfig::spec() {
  static const auto made = [] {
    auto spec = Spec<SinkConfig>("kafka", "Sends rows as messages of a topic");
    spec.field("topic", &SinkConfig::topic, "the topic that rows are sent to", {.example = "bets", .required = true})
        .field("value", &SinkConfig::value, "the format of the messages: avro, csv, json or raw",
               {.example = "json", .required = true})
        .field("key", &SinkConfig::key, "the column whose value is the key of a message, as text",
               {.example = "user_id"})
        .field("partition", &SinkConfig::partition,
               "the column that says which partition a message goes to; left out: its key decides",
               {.example = "shard"})
        .field("headers", &SinkConfig::headers, "headers of a message, each with the column that has its value",
               {.example = "{ origin: region }"})
        .field("guarantee", &SinkConfig::guarantee,
               "exactly_once sends an epoch as one transaction; at_least_once needs none, and may send the last epoch "
               "again after a crash")
        .field("compression", &SinkConfig::compression, "how messages are packed on their way to a broker");
    with_connection(spec)
        .check(check_sink)
        .description("The rows of an epoch and its number go in together: a commit that is repeated adds nothing.");
    return spec;
  }();
  return made;
}

}  // namespace trommel::kafka
