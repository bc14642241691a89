// Small batches, put together until there are rows enough to be worth a step.
#pragma once

#include <vector>

#include "batch/batch.h"

namespace trommel {

/// Rows of one schema in the order in which they came. Copies them while they are few in each piece, so that a million
/// batches of one row do not cost a million times what a batch costs.
class Gather {
 public:
  Result<> add(Rows rows);
  int64_t rows() const { return rows_; }
  /// Bytes of the values and of what holds them.
  int64_t bytes() const { return bytes_; }
  bool empty() const { return rows_ == 0; }
  /// All of it as one batch; nothing is left. Not to be called when empty.
  Result<Rows> take();

 private:
  static constexpr size_t pieces_max = 256;
  std::vector<Rows> large_, small_;  ///< `small_` comes after `large_`
  int64_t small_bytes_ = 0;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;

  Result<> join_small();
};

}  // namespace trommel
