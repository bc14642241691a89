// Blocks of messages to rows. Positions are offsets.
#pragma once

#include <memory>
#include <string>

#include "component/message.h"
#include "connectors/kafka/dead_letters.h"
#include "connectors/kafka/partitions.h"

namespace trommel::kafka {

/// How a source reads messages.
struct MessageReading {
  std::shared_ptr<const MessageDecoder> decoder;
  std::string format;
  std::shared_ptr<const DeadLetterMaker> dead_letters;  ///< null: it has none
};

/// The messages as a block of the split.
Block block_of(std::shared_ptr<const Split> split, const MessageReading& reading, const Partition& partition,
               Fetched messages);

/// Reads single messages again, each a block of its own: what a reject kept of one.
std::shared_ptr<const Decoder> single_decoder(std::shared_ptr<const MessageDecoder> decoder, const std::string& format);

}  // namespace trommel::kafka
