// Topics: of Kafka, or in a folder of ours where there is no broker (`brokers: embedded`). docs/guide/topics.md.
#pragma once

#include <vector>

#include "component/component.h"
#include "component/message.h"

namespace trommel {

SourceKind kafka_source(std::vector<MessageFormat> formats);
SinkKind kafka_sink(std::vector<MessageFormat> formats);

}  // namespace trommel
