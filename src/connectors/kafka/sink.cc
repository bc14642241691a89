#include <arrow/record_batch.h>
#include <fmt/format.h>

#include "connectors/kafka/broker_sink.h"
#include "connectors/kafka/client.h"
#include "connectors/kafka/formats.h"
#include "connectors/kafka/kafka.h"
#include "connectors/kafka/message_maker.h"
#include "spec/merge.h"

namespace trommel::kafka {
namespace {

constexpr int64_t us_a_ms = 1000;

class EmbeddedSink final : public StoreSink {
 public:
  EmbeddedSink(Env& env, EmbeddedTopic topic, std::string writer, std::unique_ptr<MessageMaker> maker)
      : env_(env), topic_(std::move(topic)), writer_(std::move(writer)), maker_(std::move(maker)) {}

  Guarantee guarantee() const override { return Guarantee::exactly_once; }
  Result<Epoch> last_committed() override { return topic_.last_epoch(writer_); }
  Result<std::vector<Refusal>> refuses(const Batch& batch) override { return maker_->refuses(*batch.rows); }
  Result<int64_t> commit(Epoch epoch, Segment& segment) override {
    const int64_t now_ms = env_.now_us() / us_a_ms;
    return topic_.add(writer_, epoch, [&]() -> Result<Rows> {
      Batch batch;
      ASSIGN(const bool more, segment.next(batch));
      if (!more) return Rows();
      return maker_->make(*batch.rows, now_ms);
    });
  }

 private:
  Env& env_;
  EmbeddedTopic topic_;
  const std::string writer_;
  std::unique_ptr<MessageMaker> maker_;
};

BoundSink bind_embedded(const SinkConfig& config, const SinkSettings& settings, const BindContext& context,
                        std::unique_ptr<MessageMaker> maker) {
  BoundSink sink;
  EmbeddedTopic topic(*context.env, config.topic_folder(context.folder, config.topic), config.retention.retention());
  sink.target = fmt::format("topic {} (embedded)", config.topic);
  sink.notes.push_back(fmt::format("the topic is the folder {}, one partition", topic.folder()));
  sink.store = std::make_shared<EmbeddedSink>(*context.env, std::move(topic), settings.pipeline + "." + settings.name,
                                              std::move(maker));
  return sink;
}

BoundSink bind_broker(const SinkConfig& config, const SinkSettings& settings, const BindContext& context,
                      std::unique_ptr<MessageMaker> maker) {
  BoundSink sink;
  const std::string writer = fmt::format("trommel.{}.{}", settings.pipeline, settings.name);
  sink.target = fmt::format("topic {} at {}", config.topic, config.brokers);
  if (config.guarantee == Guarantee::exactly_once)
    sink.notes.push_back(fmt::format("an epoch is a transaction of {}", writer));
  sink.store = broker_sink(*context.env, config, writer, std::move(maker));
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
      auto maker = std::make_unique<MessageMaker>(std::move(bound.encoder), std::move(columns));
      sink = config.is_embedded() ? bind_embedded(config, settings, context, std::move(maker))
                                  : bind_broker(config, settings, context, std::move(maker));
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
