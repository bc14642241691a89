// A stream of JSON objects that are not one a line, cut into blocks of whole records.
#pragma once

#include <memory>

#include "base/env.h"
#include "codecs/json/decode.h"

namespace trommel::json {

struct ReaderOptions {
  Layout layout = Layout::array;
  int64_t block_bytes = 1 << 20;  ///< what a block aims at
  int64_t max_row = 16 << 20;
  Position at = 0;
  int64_t skip = 0;  ///< bytes at the start of the file that belong to no record (a byte order mark)
  int64_t line = 0;  ///< line number at `at`, 0 where it is not known
};

/// Memory: about two blocks, and twice max_row where a record goes on for long. One longer than max_row becomes a block
/// of its own that holds only its first kept_of_long_record bytes, though it reaches to the record's end.
///
/// `cut_short` decodes the last block of a file whose array is not closed.
std::unique_ptr<Reader> make_reader(std::shared_ptr<const Split> split, std::shared_ptr<const Decoder> decoder,
                                    std::shared_ptr<const Decoder> cut_short, std::unique_ptr<InputStream> stream,
                                    ReaderOptions options);

}  // namespace trommel::json
