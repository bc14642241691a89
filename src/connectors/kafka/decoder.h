// Blocks of messages to rows. Positions are offsets.
#pragma once

#include <memory>
#include <string>

#include "component/message.h"
#include "connectors/kafka/partitions.h"

namespace trommel::kafka {

/// The messages as a block of the split.
Block block_of(std::shared_ptr<const Split> split, std::shared_ptr<const MessageDecoder> decoder,
               const std::string& format, Fetched messages);

/// Reads single messages again, each a block of its own: what a reject kept of one.
std::shared_ptr<const Decoder> single_decoder(std::shared_ptr<const MessageDecoder> decoder, const std::string& format);

}  // namespace trommel::kafka
