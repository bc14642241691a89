// CSV blocks to batches.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/csv/columns.h"
#include "codecs/csv/dialect.h"
#include "component/source.h"

namespace trommel::csv {

/// Everything that decoding rests on; never changes once a decoder was made.
struct DecodePlan {
  Dialect dialect;
  int file_columns = 0;             ///< fields of a whole row
  std::vector<ColumnPlan> columns;  ///< of the rows handed on
  Schema schema;
  std::string encoding = "UTF-8";            ///< of the file, for what is said of bytes that are none of it
  bool guessed = false;                      ///< values that do not fit are misfits, not rejects
  std::shared_ptr<const std::string> facts;  ///< see Decoder::facts
};

std::shared_ptr<const Decoder> make_decoder(DecodePlan plan);

/// A value as a reject shows it: its beginning, where it is long.
std::string shown(std::string_view value);

/// `bytes`, or a copy that has kPadding readable bytes behind it.
Result<std::shared_ptr<arrow::Buffer>> padded(const std::shared_ptr<arrow::Buffer>& bytes);

enum class RowVerdict : uint8_t {
  good,
  blank,   ///< no row at all: its line holds nothing
  ragged,  ///< more or fewer fields than there are columns
  not_utf8,
  has_nul,
};

/// Fields of the column `column` of `rows`, whose fields are those of `index`.
class FieldFinder {
 public:
  FieldFinder(const char* data, size_t size, const Dialect& dialect, const Index& index);
  /// `rows` name places in index.rows. Rows that are too short give an empty field.
  void fields(std::span<const uint32_t> rows, size_t column, size_t columns, Span* out) const;
  /// What becomes of a row (one that is not in index.broken) in a file of `columns` columns.
  RowVerdict judge(size_t row, size_t columns) const;
  /// One past the last byte of the row, its line end left out.
  size_t content_end(size_t row) const;

 private:
  const char* data_;
  size_t size_;
  const Dialect& dialect_;
  const Index& index_;
  bool clean_;  ///< the block is UTF-8 without NUL: no need to look at rows
};

}  // namespace trommel::csv
