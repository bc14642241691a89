// An epoch's rows as blocks in Native format. The same epoch, cut to the same size, gives the same blocks.
#pragma once

#include <string>
#include <vector>

#include "component/sink.h"
#include "connectors/clickhouse/native.h"
#include "connectors/clickhouse/table.h"

namespace trommel::clickhouse {

class BlockReader {
 public:
  /// Each row gets `mark`. A block is closed at so many rows, or at so many bytes and what a few thousand rows are.
  /// `segment` and `columns` must outlive it.
  BlockReader(Segment& segment, const std::vector<FilledColumn>& columns, uint64_t mark, int64_t block_rows,
              int64_t block_bytes);

  /// Appends the next block to `out`, and returns its rows; 0 after the last. A value that a column does not take is a
  /// data error.
  Result<int64_t> next(std::string& out);
  /// The columns of the blocks: "`a`, `b`, `_trommel_epoch`".
  std::string column_list() const;

 private:
  Result<> cast_batch(const Batch& batch);

  Segment& segment_;
  const std::vector<FilledColumn>& columns_;
  const int64_t block_rows_;
  const size_t block_bytes_;
  NativeWriter writer_;
  std::vector<std::shared_ptr<arrow::Array>> batch_;  ///< the batch that is being written
  int64_t batch_rows_ = 0, at_ = 0;
  bool ended_ = false;
};

}  // namespace trommel::clickhouse
