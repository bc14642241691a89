// Decoded rows as the rows that a source was bound to: their columns found, and cast where the types differ.
#pragma once

#include <vector>

#include "batch/batch.h"
#include "component/outlet.h"

namespace trommel {

/// What decoded rows become.
struct CastTarget {
  Schema rows;
  std::vector<int> from_column;  ///< for each of their columns: its index among the decoded ones; -1: NULL
  bool guessed = false;          ///< as in Source: values that are none of their type widen it
};

struct CastRows {
  Rows rows;                      ///< all of them, as the target's; NULL where refused
  std::vector<Refusal> refusals;  ///< rising by row; with types that were guessed each value, else one a row
  std::vector<uint8_t> keep;      ///< which rows are good; empty where all are
};
Result<CastRows> cast_rows(const Rows& decoded, const CastTarget& target);

/// Hands on `decoded` as the target's rows. Each that is none is a reject with its first bad value; where types were
/// guessed one value a column is told instead, and nothing is handed on: the run starts over.
Result<> emit_cast(const Batch& decoded, const CastTarget& target, Outlet& outlet);

}  // namespace trommel
