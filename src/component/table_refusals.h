// Rows that a store's table would not take, told alike by every store.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "batch/batch.h"
#include "component/outlet.h"

namespace trommel {

/// A column of a table, in the store's own words.
struct ColumnOfTable {
  const std::string& name;
  std::string type;  ///< as the store calls it
  bool takes_null = true;
  bool key = false;  ///< of the columns that tell rows apart
};

class TableRefusals {
 public:
  /// `no_values` are the rows whose value is none of the column's type.
  void add(const ColumnOfTable& column, const arrow::Array& values, const std::vector<int64_t>& no_values);
  /// One a row, with its first reason; rising by row.
  std::vector<Refusal> take() &&;

 private:
  std::vector<Refusal> refusals_;
  std::set<int64_t> rows_;
};

}  // namespace trommel
