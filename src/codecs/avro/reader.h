// The blocks of a container file, cut from its bytes in order.
#pragma once

#include <memory>

#include "avro/program.h"
#include "codecs/avro/container.h"
#include "component/cast_rows.h"
#include "component/source.h"

namespace trommel::avro {

/// What decoding needs of a file; shared by its blocks.
struct ContainerPlan {
  Codec codec = Codec::none;
  std::shared_ptr<const Program> program;
  CastTarget target;
};

/// Decodes blocks as `make_reader` cuts them: whole blocks of the file, one after the other.
std::shared_ptr<const Decoder> make_decoder(std::shared_ptr<const ContainerPlan> plan);

/// Cuts the stream, which stands at byte 0, into blocks of about `block_bytes`, from row `at` on. What is damaged is
/// one reject up to the next sync marker, and counts as one row.
std::unique_ptr<Reader> make_reader(const ContainerHeader& header, std::shared_ptr<const Split> split,
                                    std::shared_ptr<const Decoder> decoder, std::unique_ptr<InputStream> stream,
                                    Position at, int64_t block_bytes);

struct RawBlock {
  int64_t rows = 0;
  Bytes content;  ///< packed
};
/// The block at the start of `bytes`, and behind it where the next one begins. Only for bytes that the reader cut.
RawBlock first_block(Bytes& bytes);

}  // namespace trommel::avro
