// ClickHouse's Native format: a block of rows as columns, each as it lies in Arrow's memory where the two agree.
// https://clickhouse.com/docs/interfaces/formats/Native, in the form that HTTP has (no block info in front).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "connectors/clickhouse/types.h"

namespace trommel::clickhouse {

struct NativeColumn {
  std::string name;
  ColumnType type;
  std::optional<uint64_t> constant = {};  ///< of a UInt64 that all rows have; no column of the rows stands for it
};

/// Gathers rows of batches, and writes them as one block. The same batches give the same bytes.
class NativeWriter {
 public:
  explicit NativeWriter(std::vector<NativeColumn> columns);

  /// `columns` are those that are no constants, as `as_written` gave them, `rows` long.
  void append(const std::vector<std::shared_ptr<arrow::Array>>& columns, int64_t rows);

  int64_t rows() const { return rows_; }
  size_t bytes() const;  ///< of the values so far
  /// Appends the block to `out`, and forgets its rows.
  void finish(std::string& out);

 private:
  struct Values {
    std::string offsets;  ///< of an array: where each row's items end
    std::string nulls;    ///< a byte each: 1 is NULL
    std::string values;
    std::vector<Values> item;  ///< of an array: one
    uint64_t items = 0;        ///< of an array: how many

    size_t bytes() const;
    void clear();
    void write(std::string& out) const;
  };
  static Values values_for(const ColumnType& type);
  static void append(const arrow::Array& column, const ColumnType& type, Values& values);

  std::vector<NativeColumn> columns_;
  std::vector<Values> values_;
  int64_t rows_ = 0;
};

}  // namespace trommel::clickhouse
