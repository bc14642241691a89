// Apache Parquet files, read and written by Arrow's library. Format: the project apache/parquet-format (README,
// Encodings, LogicalTypes).
#pragma once

#include "component/codec.h"

namespace trommel {

/// Reads row groups in parts of bounded size; a block is such a part and carries no bytes: its decoder reads the file
/// itself. Positions are row numbers of the file. A file that is encrypted is a config error; one that is cut short or
/// damaged an external one.
FormatKind parquet_format();

/// Writes row groups bounded by rows and by bytes, each column in the encoding that made its first rows smallest.
EncoderKind parquet_encoder();

}  // namespace trommel
