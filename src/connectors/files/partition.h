// Rows by the values of some columns, and the folder names that say which: `month=3/day=__HIVE_DEFAULT_PARTITION__`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "batch/batch.h"

namespace trommel {

/// Whether values of this type can name a folder: plain ones can, lists, structs, maps and raw bytes cannot.
bool names_folders(const arrow::DataType& type);

/// `name=value`, NULL as Hive writes it. A timestamp is ISO 8601 down to the minute, or as far as it has digits that
/// are not 0: `2024-09-13T06:49`; a `Z` follows where it is an instant. What no path can hold (control characters, / %
/// = \ ) is written as %XX.
std::string partition_folder(std::string_view column, const arrow::Array& values, int64_t row);

struct Partition {
  std::string folder;         ///< `a=1/b=x`
  std::vector<int64_t> rows;  ///< rising
};

/// Each row of `rows` in one partition; in the order in which they first come up.
Result<std::vector<Partition>> partition_rows(const arrow::RecordBatch& rows, const std::vector<int>& columns);

}  // namespace trommel
