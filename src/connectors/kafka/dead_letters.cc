#include "connectors/kafka/dead_letters.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "connectors/kafka/sinks.h"

namespace trommel::kafka {
namespace {

/// Whoever reads them may have to mend values as large as any; the brokers say how large one may be.
constexpr const char* largest = "1000000000";

std::unique_ptr<MessageMaker> as_they_came() {
  return std::make_unique<MessageMaker>(message_schema(true, true, false));
}

}  // namespace

Rows DeadLetterMaker::make(const Partition& from, int64_t offset, const Envelope& around,
                           std::optional<std::string_view> value, const Refusal& refusal) const {
  arrow::BinaryBuilder values, keys;
  auto names = std::make_shared<arrow::StringBuilder>();
  auto texts = std::make_shared<arrow::BinaryBuilder>();
  arrow::MapBuilder headers(arrow::default_memory_pool(), names, texts);
  auto status = value ? values.Append(*value) : values.AppendNull();
  if (status.ok()) status = around.key ? keys.Append(*around.key) : keys.AppendNull();
  if (status.ok()) status = headers.Append();
  const auto add = [&](const std::string& name, const std::optional<std::string>& text) {
    if (status.ok()) status = names->Append(name);
    if (status.ok()) status = text ? texts->Append(*text) : texts->AppendNull();
  };
  for (const Envelope::Header& header : around.headers) add(header.name, header.value);
  add("trommel.reason", refusal.reason);
  add("trommel.code", refusal.code);
  if (!refusal.column.empty()) add("trommel.column", refusal.column);
  add("trommel.pipeline", pipeline_);
  add("trommel.source", source_);
  add("trommel.topic", from.topic);
  add("trommel.partition", fmt::to_string(from.number));
  add("trommel.offset", fmt::to_string(offset));
  arrow::ArrayVector columns(3);
  if (status.ok()) status = values.Finish(&columns[0]);
  if (status.ok()) status = keys.Finish(&columns[1]);
  if (status.ok()) status = headers.Finish(&columns[2]);
  TROMMEL_CHECK(status.ok(), "memory for a message: " + status.ToString());
  return arrow::RecordBatch::Make(message_schema(true, true, false), 1, std::move(columns));
}

std::optional<DeadLetters> dead_letters(const SourceConfig& source, const BindContext& context) {
  if (!source.dead_letter_topic) return std::nullopt;
  SinkConfig config;
  static_cast<Connection&>(config) = source;
  config.topic = *source.dead_letter_topic;
  const std::string writer = fmt::format("{}.{}.dead_letters", context.pipeline, context.name);
  if (config.is_embedded()) {
    EmbeddedTopic topic(*context.env, config.topic_folder(context.folder, config.topic), config.retention.retention());
    return DeadLetters{embedded_sink(*context.env, std::move(topic), writer, as_they_came()),
                       fmt::format("topic {} (embedded)", config.topic)};
  }
  auto& property = *config.properties.emplace(config.properties.begin());
  property.key = "message.max.bytes";
  property.value = largest;
  return DeadLetters{broker_sink(config, "trommel." + writer, as_they_came()),
                     fmt::format("topic {} at {}", config.topic, config.brokers)};
}

}  // namespace trommel::kafka
