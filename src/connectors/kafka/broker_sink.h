// Sends epochs to a topic of a broker.
#pragma once

#include <memory>
#include <string>

#include "component/sink.h"
#include "connectors/kafka/message_maker.h"
#include "connectors/kafka/settings.h"

namespace trommel::kafka {

/// `writer` is the sink's name among all that send to those brokers: of its transactions, and of the group whose offset
/// is the number of the last epoch.
std::shared_ptr<StoreSink> broker_sink(Env& env, const SinkConfig& config, const std::string& writer,
                                       std::unique_ptr<MessageMaker> maker);

}  // namespace trommel::kafka
