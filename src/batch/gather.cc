#include "batch/gather.h"
#include "batch/memory.h"

#include <arrow/api.h>

namespace trommel {
namespace {

constexpr int64_t rows_of_a_large_piece = 1024;
constexpr int64_t bytes_of_a_column = 256;  ///< Arrow's own objects around the values

int64_t cost_of(const arrow::RecordBatch& rows) { return bytes_of(rows) + bytes_of_a_column * rows.num_columns(); }

Result<Rows> joined(std::vector<Rows>& pieces) {
  if (pieces.size() == 1) return std::move(pieces.front());
  auto whole = arrow::ConcatenateRecordBatches(pieces, arrow::default_memory_pool());
  if (!whole.ok()) return tl::unexpected(from_arrow(whole.status(), "putting batches together"));
  return *whole;
}

}  // namespace

Result<> Gather::add(Rows rows) {
  if (rows->num_rows() == 0) return {};
  const int64_t bytes = cost_of(*rows);
  rows_ += rows->num_rows();
  bytes_ += bytes;
  if (rows->num_rows() >= rows_of_a_large_piece) {
    TRY(join_small());
    large_.push_back(std::move(rows));
    return {};
  }
  small_.push_back(std::move(rows));
  small_bytes_ += bytes;
  return small_.size() >= pieces_max ? join_small() : Result<>{};
}

Result<> Gather::join_small() {
  if (small_.empty()) return {};
  ASSIGN(Rows whole, joined(small_));
  bytes_ += cost_of(*whole) - small_bytes_;
  large_.push_back(std::move(whole));
  small_.clear();
  small_bytes_ = 0;
  return {};
}

Result<Rows> Gather::take() {
  TRY(join_small());
  auto whole = joined(large_);
  large_.clear();
  rows_ = bytes_ = 0;
  return whole;
}

}  // namespace trommel
