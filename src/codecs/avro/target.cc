#include "codecs/avro/target.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

namespace trommel::avro {

Result<CastRows> cast_rows(const Rows& decoded, const Target& target) {
  CastRows out;
  const int64_t count = decoded->num_rows();
  arrow::ArrayVector columns;
  for (size_t i = 0; i < target.from_column.size(); ++i) {
    const auto& field = target.rows->field(static_cast<int>(i));
    if (target.from_column[i] < 0) {
      auto nulls = arrow::MakeArrayOfNull(field->type(), count);
      if (!nulls.ok()) return tl::unexpected(from_arrow(nulls.status(), field->name()));
      columns.push_back(std::move(*nulls));
      continue;
    }
    const auto& column = decoded->column(target.from_column[i]);
    ASSIGN(auto cast, cast_column(column, field->type()));
    for (const int64_t row : cast.refused) {
      std::string value = value_text(*column, row);
      std::string reason = fmt::format("no {}: {}", type_name(*field->type()), value);
      out.refusals.push_back({row, "cast", field->name(), std::move(value), std::move(reason)});
    }
    columns.push_back(std::move(cast.column));
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

}  // namespace trommel::avro
