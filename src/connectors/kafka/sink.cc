#include <arrow/type.h>
#include <fmt/format.h>

#include <cstdlib>
#include <limits>

#include "connectors/kafka/client.h"
#include "connectors/kafka/formats.h"
#include "connectors/kafka/kafka.h"
#include "connectors/kafka/message_maker.h"
#include "connectors/kafka/sinks.h"
#include "spec/merge.h"

namespace trommel::kafka {
namespace {

/// Bytes that a message may have: librdkafka's own rule.
int64_t largest_message(const SinkConfig& config) {
  int64_t largest = config.is_embedded() ? std::numeric_limits<int64_t>::max() : 1'000'000;
  for (const auto& property : config.properties) {
    if (property.key == "message.max.bytes") largest = std::atoll(property.value.c_str());
  }
  return largest;
}

BoundSink bind_embedded(const SinkConfig& config, const SinkSettings& settings, const BindContext& context,
                        std::unique_ptr<MessageMaker> maker) {
  BoundSink sink;
  EmbeddedTopic topic(*context.env, config.topic_folder(context.folder, config.topic), config.retention.retention());
  sink.target = fmt::format("topic {} (embedded)", config.topic);
  sink.notes.push_back(fmt::format("the topic is the folder {}, one partition", topic.folder()));
  sink.store = embedded_sink(*context.env, std::move(topic), settings.pipeline + "." + settings.name, std::move(maker));
  return sink;
}

BoundSink bind_broker(const SinkConfig& config, const SinkSettings& settings, std::unique_ptr<MessageMaker> maker) {
  BoundSink sink;
  const std::string writer = fmt::format("trommel.{}.{}", settings.pipeline, settings.name);
  sink.target = fmt::format("topic {} at {}", config.topic, config.brokers);
  if (config.guarantee == Guarantee::exactly_once)
    sink.notes.push_back(fmt::format("an epoch is a transaction of {}", writer));
  sink.store = broker_sink(config, writer, std::move(maker));
  return sink;
}

Result<BoundSink> bind(const std::vector<MessageFormat>& formats, const SpecInfo& spec, const SinkSettings& settings,
                       const InputInfo& input, const BindContext& context, Problems& problems) {
  const Node& node = *settings.settings;
  Problems found;
  BoundSink sink;
  const SinkConfig config = SinkConfig::spec().parse(settings_for(node, SinkConfig::spec().info()), found);
  check_spec_keys(spec, node, "kafka", found);
  check_properties(config, found);
  const MessageFormat* format = found.empty() ? find_format(formats, config.value, node, found) : nullptr;
  if (format != nullptr) {
    MessageColumns columns = message_columns(config, *input.schema, node, found);
    ASSIGN(auto bound, format->encoder({node, settings.contract, config.topic, context}, input.schema, found));
    if (found.empty()) {
      auto maker =
          std::make_unique<MessageMaker>(std::move(bound.encoder), std::move(columns), largest_message(config));
      sink = config.is_embedded() ? bind_embedded(config, settings, context, std::move(maker))
                                  : bind_broker(config, settings, std::move(maker));
      sink.notes.insert(sink.notes.end(), bound.notes.begin(), bound.notes.end());
    }
  }
  problems.add(found);
  return sink;
}

}  // namespace
}  // namespace trommel::kafka

namespace trommel {

SinkKind kafka_sink(std::vector<MessageFormat> formats) {
  const auto spec = std::make_shared<const SpecInfo>(kafka::spec_with(kafka::SinkConfig::spec().info(), formats));
  SinkKind kind;
  kind.spec = spec.get();
  kind.bind = [formats = std::move(formats), spec](const SinkSettings& settings, const InputInfo& input,
                                                   const BindContext& context, Problems& problems) {
    return kafka::bind(formats, *spec, settings, input, context, problems);
  };
  return kind;
}

}  // namespace trommel
