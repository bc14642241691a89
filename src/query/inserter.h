// Many batches into one table, whatever their size.
#pragma once

#include <string>
#include <vector>

#include "query/database.h"

namespace trommel::query {

/// Gathers small batches before it inserts them: an insert costs the same for one row as for a thousand.
class Inserter {
 public:
  /// `target` as INSERT INTO takes it: a quoted table, with a list of columns or without.
  Inserter(Connection& connection, std::string target) : connection_(connection), target_(std::move(target)) {}

  Result<> add(const Rows& rows);
  /// Inserts what is still gathered.
  Result<> finish();
  int64_t inserted() const { return inserted_; }  ///< rows, as DuckDB counted them

 private:
  Connection& connection_;
  std::string target_;
  std::vector<Rows> gathered_;
  int64_t rows_ = 0;
  size_t bytes_ = 0;
  int64_t inserted_ = 0;
};

}  // namespace trommel::query
