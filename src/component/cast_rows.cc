#include "component/cast_rows.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "batch/types.h"

namespace trommel {

namespace {

/// Adds the column to the rows, and what of it is refused.
Result<> add_column(const std::shared_ptr<arrow::Array>& column, const arrow::Field& field, arrow::ArrayVector& columns,
                    std::vector<Refusal>& refusals) {
  if (same_type(*column->type(), *field.type())) {
    columns.push_back(column);
    return {};
  }
  ASSIGN(auto cast, cast_column(column, field.type()));
  for (const int64_t row : cast.refused) {
    std::string value = value_text(*column, row);
    std::string reason = fmt::format("no {}: {}", type_name(*field.type()), value);
    refusals.push_back({row, "cast", field.name(), std::move(value), std::move(reason)});
  }
  columns.push_back(std::move(cast.column));
  return {};
}

}  // namespace

Result<CastRows> cast_rows(const Rows& decoded, const CastTarget& target) {
  CastRows out;
  const int64_t count = decoded->num_rows();
  arrow::ArrayVector columns;
  for (size_t i = 0; i < target.from_column.size(); ++i) {
    const auto& field = *target.rows->field(static_cast<int>(i));
    if (target.from_column[i] >= 0) {
      TRY(add_column(decoded->column(target.from_column[i]), field, columns, out.refusals));
      continue;
    }
    auto nulls = arrow::MakeArrayOfNull(field.type(), count);
    if (!nulls.ok()) return tl::unexpected(from_arrow(nulls.status(), field.name()));
    columns.push_back(std::move(*nulls));
  }
  out.rows = arrow::RecordBatch::Make(target.rows, count, std::move(columns));
  if (out.refusals.empty()) return out;
  std::stable_sort(out.refusals.begin(), out.refusals.end(),
                   [](const Refusal& a, const Refusal& b) { return a.row < b.row; });
  if (!target.guessed) {
    const auto same = [](const Refusal& a, const Refusal& b) { return a.row == b.row; };
    out.refusals.erase(std::unique(out.refusals.begin(), out.refusals.end(), same), out.refusals.end());
  }
  out.keep.assign(static_cast<size_t>(count), 1);
  for (const Refusal& refusal : out.refusals) out.keep[static_cast<size_t>(refusal.row)] = 0;
  return out;
}

Result<> emit_cast(const Batch& decoded, const CastTarget& target, Outlet& outlet) {
  ASSIGN(CastRows cast, cast_rows(decoded.rows, target));
  Batch rows{std::move(cast.rows), decoded.positions, decoded.block};
  if (cast.refusals.empty()) {
    outlet.emit(std::move(rows));
    return {};
  }
  if (target.guessed) {
    std::set<std::string> told;
    for (const Refusal& refusal : cast.refusals) {
      if (told.insert(refusal.column).second)
        outlet.misfit(*decoded.block, {refusal.column, refusal.value, decoded.positions.at(refusal.row)});
    }
    return {};
  }
  ASSIGN(Batch good, filter(rows, cast.keep));
  if (good.size() > 0) outlet.emit(std::move(good));
  outlet.reject(decoded, cast.refusals);
  return {};
}

}  // namespace trommel
