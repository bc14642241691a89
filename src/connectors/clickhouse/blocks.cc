#include "connectors/clickhouse/blocks.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

namespace trommel::clickhouse {
namespace {

/// Rows that are written between two looks at the size of a block.
constexpr int64_t step_rows = 8192;

std::vector<NativeColumn> native_columns(const std::vector<FilledColumn>& columns, uint64_t mark) {
  std::vector<NativeColumn> out;
  for (const FilledColumn& column : columns)
    if (column.input >= 0) out.push_back({column.name, column.type});
  ColumnType number;
  number.text = "UInt64";
  out.push_back({mark_column, std::move(number), mark});
  return out;
}

}  // namespace

BlockReader::BlockReader(Segment& segment, const std::vector<FilledColumn>& columns, uint64_t mark, int64_t block_rows,
                         int64_t block_bytes)
    : segment_(segment),
      columns_(columns),
      block_rows_(block_rows),
      block_bytes_(static_cast<size_t>(block_bytes)),
      writer_(native_columns(columns, mark)) {}

std::string BlockReader::column_list() const {
  std::string out;
  for (const FilledColumn& column : columns_)
    if (column.input >= 0) out += quote_name(column.name) + ", ";
  return out + quote_name(mark_column);
}

Result<> BlockReader::cast_batch(const Batch& batch) {
  batch_.clear();
  batch_rows_ = batch.size();
  at_ = 0;
  for (const FilledColumn& column : columns_) {
    if (column.input < 0) continue;
    auto values = batch.rows->GetColumnByName(column.input_name);
    if (!values) {  // rows of a run that crashed, before the column came up
      auto nulls = arrow::MakeArrayOfNull(column.type.arrow, batch.size());
      if (!nulls.ok()) return internal_error(column.name, nulls.status().ToString());
      values = *nulls;
    }
    ASSIGN(auto written, as_written(values, column.type));
    if (!written.refused.empty())
      return data_error("", fmt::format("column `{}` of the table is {}: {}", column.name, column.type.text,
                                        value_text(*values, written.refused.front())));
    if (!column.type.takes_null() && values->null_count() > 0)
      return data_error("", fmt::format("column `{}` of the table takes no NULL", column.name));
    batch_.push_back(std::move(written.column));
  }
  return {};
}

Result<int64_t> BlockReader::next(std::string& out) {
  while (writer_.rows() < block_rows_ && writer_.bytes() < block_bytes_) {
    if (at_ == batch_rows_) {
      Batch batch;
      if (!ended_) {
        ASSIGN(const bool more, segment_.next(batch));
        ended_ = !more;
      }
      if (ended_) break;
      TRY(cast_batch(batch));
      continue;
    }
    const int64_t rows = std::min({batch_rows_ - at_, block_rows_ - writer_.rows(), step_rows});
    std::vector<std::shared_ptr<arrow::Array>> step;
    for (const auto& column : batch_) step.push_back(column->Slice(at_, rows));
    writer_.append(step, rows);
    at_ += rows;
  }
  const int64_t rows = writer_.rows();
  if (rows > 0) writer_.finish(out);
  return rows;
}

}  // namespace trommel::clickhouse
