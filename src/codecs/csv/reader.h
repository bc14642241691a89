// A stream of CSV text, cut into blocks of whole records.
#pragma once

#include <memory>

#include "base/env.h"
#include "codecs/csv/dialect.h"
#include "component/source.h"

namespace trommel::csv {

struct ReaderOptions {
  Dialect dialect;
  int64_t block_bytes =
      1 << 20;  ///< what a block aims at; one record more or less, max_row at most where quotes make it look that far
  Position at = 0;   ///< where the stream stands
  int64_t skip = 0;  ///< bytes of header that no row begins in, counted from the start of the file
  int64_t line = 0;  ///< line number at `at`, 0 where it is not known
};

/// Memory: about two blocks, and max_row bytes where a record or an open quote goes on for long. A line longer than
/// max_row becomes a block of its own that holds only the first kept_of_long_line bytes, though it reaches from the
/// line's start to its end.
inline constexpr size_t kept_of_long_line = 64 << 10;

std::unique_ptr<Reader> make_reader(std::shared_ptr<const Split> split, std::shared_ptr<const Decoder> decoder,
                                    std::unique_ptr<InputStream> stream, ReaderOptions options);

}  // namespace trommel::csv
