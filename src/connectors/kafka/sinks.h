// Epochs of messages on their way to a topic.
#pragma once

#include <memory>
#include <string>

#include "component/sink.h"
#include "connectors/kafka/embedded_topic.h"
#include "connectors/kafka/message_maker.h"
#include "connectors/kafka/settings.h"

namespace trommel::kafka {

/// Of a broker. `writer` is the sink's name among all that send to those brokers: of its transactions, and of the group
/// whose offset is the number of the last epoch.
std::shared_ptr<StoreSink> broker_sink(const SinkConfig& config, const std::string& writer,
                                       std::unique_ptr<MessageMaker> maker);

/// In a folder; `writer` is the sink's name among all that add to the topic.
std::shared_ptr<StoreSink> embedded_sink(Env& env, EmbeddedTopic topic, const std::string& writer,
                                         std::unique_ptr<MessageMaker> maker);

}  // namespace trommel::kafka
