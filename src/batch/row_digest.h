// A row as 128 bits, to tell equal rows: XXH3-128 over the values of its columns, written one after the other so that
// no two different rows are written alike.
//
// Equal means what SQL's DISTINCT means: NULL equals NULL, NaN equals NaN, -0.0 equals 0.0. Types and names do not
// count, so rows are comparable within one schema only. Two different rows among n have one digest by chance of about
// n^2 / 2^129: 1 in 10^21 for a billion rows. XXH3 withstands chance, not an opponent who makes rows collide on
// purpose.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "batch/batch.h"

namespace trommel {

struct Digest {
  uint64_t low = 0, high = 0;
  auto operator<=>(const Digest&) const = default;
};

/// One thread at a time; keeps its memory from batch to batch.
class RowDigester {
 public:
  /// `columns` are indexes into the schema of the rows. The error (`config`) names a column whose type cannot be
  /// compared.
  static Result<RowDigester> of(const arrow::Schema& schema, std::vector<int> columns);
  static Result<RowDigester> of(const arrow::Schema& schema);  ///< whole rows

  /// The columns that make rows equal, in words.
  const std::string& compares() const { return compares_; }

  /// One digest a row; what `digests` held is gone.
  void digest(const arrow::RecordBatch& rows, std::vector<Digest>& digests);

 private:
  RowDigester(std::vector<int> columns, std::string compares)
      : columns_(std::move(columns)), compares_(std::move(compares)) {}
  void digest_some(const arrow::RecordBatch& rows, int64_t first, int64_t count, Digest* digests);

  std::vector<int> columns_;
  std::string compares_;
  std::vector<uint8_t> written_;           // rows of a piece, one after the other
  std::vector<size_t> begins_, at_;        // of each row in it
  std::vector<std::vector<uint8_t>> odd_;  // by column: values of nested types, written apart
  std::vector<std::vector<size_t>> odd_begins_;
};

}  // namespace trommel
