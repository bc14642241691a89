// A store's table as the rows of a sink want it: which columns, of which types, filled from which of theirs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "batch/types.h"
#include "config/contract.h"

namespace trommel {

struct TableColumn {
  std::string name;
  Type type;
  bool nullable = true;
  int input = -1;    ///< the column of the rows that it is filled from; -1: none, NULL
  bool key = false;  ///< rows are told apart by it; takes no NULL
  std::string input_name = {};
};

/// The columns that rows of `input` need, by the contract where there is one; what does not fit goes to `problems`.
std::vector<TableColumn> wanted_columns(const arrow::Schema& input, const std::optional<Contract>& contract,
                                        const Place& place, Problems& problems);

}  // namespace trommel
