#include "query/inserter.h"

#include "arrow/api.h"

namespace trommel::query {
namespace {

constexpr int64_t rows_worth_an_insert = 16384;
constexpr size_t bytes_worth_an_insert = 8 << 20;

}  // namespace

Result<> Inserter::add(const Rows& rows) {
  if (rows->num_rows() == 0) return {};
  gathered_.push_back(rows);
  rows_ += rows->num_rows();
  bytes_ += Batch{rows, {}, nullptr}.memory();
  return rows_ >= rows_worth_an_insert || bytes_ >= bytes_worth_an_insert ? finish() : Result<>();
}

Result<> Inserter::finish() {
  if (gathered_.empty()) return {};
  auto rows = arrow::ConcatenateRecordBatches(gathered_);
  if (!rows.ok()) return tl::unexpected(from_arrow(rows.status(), "rows for DuckDB"));
  gathered_.clear();
  rows_ = 0;
  bytes_ = 0;
  ASSIGN(const int64_t count, connection_.append(target_, *rows));
  inserted_ += count;
  return {};
}

}  // namespace trommel::query
