#include "component/table_refusals.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "batch/types.h"

namespace trommel {

void TableRefusals::add(const ColumnOfTable& column, const arrow::Array& values,
                        const std::vector<int64_t>& no_values) {
  for (const int64_t row : no_values) {
    if (!rows_.insert(row).second) continue;
    const std::string value = value_text(values, row);
    refusals_.push_back({row, "cast", column.name, value,
                         fmt::format("column `{}` of the table is {}: {}", column.name, column.type, value)});
  }
  if (column.takes_null || values.null_count() == 0) return;
  for (int64_t row = 0; row < values.length(); ++row) {
    if (!values.IsNull(row) || !rows_.insert(row).second) continue;
    refusals_.push_back(
        {row, "required", column.name, "",
         fmt::format("column `{}` of the {} takes no NULL", column.name, column.key ? "key" : "table")});
  }
}

std::vector<Refusal> TableRefusals::take() && {
  std::ranges::sort(refusals_, {}, &Refusal::row);
  return std::move(refusals_);
}

}  // namespace trommel
