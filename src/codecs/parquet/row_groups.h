// The rows of a Parquet file, a stretch at a time and in any order.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "batch/batch.h"

namespace parquet {
class FileMetaData;
}

namespace trommel {

/// What is known of a Parquet file once its footer was read. Rows are numbered through the whole file.
struct ParquetFooter {
  std::string name;  ///< of the file, for errors
  std::shared_ptr<parquet::FileMetaData> metadata;
  Schema schema;                         ///< top-level columns, as Arrow reads them
  std::vector<std::vector<int>> leaves;  ///< of each column, its Parquet columns
  std::vector<int64_t> group_starts;     ///< first row of each row group, and the number of rows at the end

  int64_t rows() const { return group_starts.back(); }
  size_t group_of(int64_t row) const;
  int64_t row_bytes(size_t group) const;  ///< of a row in memory, roughly
};

/// Reads the footer; a file that is encrypted is a config error, one that is cut short or damaged an external one.
Result<std::shared_ptr<const ParquetFooter>> read_footer(const std::string& name,
                                                         const std::shared_ptr<RandomFile>& file);

/// Reads rows of some columns. Safe to use from several threads: stretches that follow each other within a row group
/// are read by one cursor, which need not start over; others get cursors of their own.
class RowGroupScan {
 public:
  RowGroupScan(std::shared_ptr<const ParquetFooter> footer, std::shared_ptr<RandomFile> file, std::vector<int> columns,
               int64_t rows_a_read);
  ~RowGroupScan();

  /// Rows `from` to `to`, all of one row group. Columns in the order asked for.
  Result<Rows> read(int64_t from, int64_t to);

 private:
  struct Cursor;
  class Cursors;
  std::shared_ptr<const ParquetFooter> footer_;
  std::shared_ptr<RandomFile> file_;
  std::vector<int> columns_;
  int64_t rows_a_read_;
  std::unique_ptr<Cursors> cursors_;

  Result<std::unique_ptr<Cursor>> open(size_t group) const;
  Result<Rows> read_with(Cursor& cursor, int64_t from, int64_t to) const;
};

}  // namespace trommel
