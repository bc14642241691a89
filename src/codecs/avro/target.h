// Rows of an Avro schema as the rows that were bound: their columns found by name, and cast where the types differ.
#pragma once

#include <optional>
#include <vector>

#include "component/outlet.h"
#include "config/contract.h"

namespace trommel::avro {

/// What decoded rows become.
struct Target {
  Schema rows;
  std::vector<int> from_column;  ///< index among the decoded columns; -1: NULL
  bool guessed = false;
};

/// Rows that are the target's, and refusals of those that are not, rising, one a row. `keep` says which are good where
/// there are refusals.
struct CastRows {
  Rows rows;  ///< all of them; NULL where refused
  std::vector<Refusal> refusals;
  std::vector<uint8_t> keep;
};
Result<CastRows> cast_rows(const Rows& decoded, const Target& target);

}  // namespace trommel::avro
