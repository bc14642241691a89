// Which encoding a column gets: the one in which its first rows come out smallest, written by trial with the file's own
// codec.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "batch/batch.h"

namespace trommel {

/// `dictionary` falls back to plain values by itself once the dictionary is full.
enum class ColumnEncoding { dictionary, plain, delta, byte_stream_split, delta_length, delta_strings };

const char* encoding_name(ColumnEncoding encoding);
int parquet_encoding(ColumnEncoding encoding);  ///< parquet::Encoding::type; of a dictionary, what it falls back to

struct EncodingTrial {
  int compression = 0;  ///< arrow::Compression::type
  int compression_level = 0;
  int64_t row_group_rows = 1;          ///< what the sample stands for: a dictionary is written once a row group
  int64_t dictionary_bytes = 1 << 20;  ///< more than this and a dictionary is given up
};

/// Rows that a trial needs to tell the encodings apart; of fewer rows every column keeps its dictionary.
inline constexpr int64_t encoding_sample_rows = 16384;

/// One per column of the sample. Nested columns stay at `dictionary`.
Result<std::vector<ColumnEncoding>> choose_encodings(const Rows& sample, const EncodingTrial& trial);

/// How many different values a column of `rows` rows holds if the first `sampled` ones held `distinct`, all values
/// being equally likely.
double expected_distinct(double sampled, double distinct, double rows);

}  // namespace trommel
