// Fields of a CSV block to Arrow columns. Values go straight into the column's buffers; nothing is allocated for a
// field.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "batch/types.h"
#include "codecs/csv/dialect.h"
#include "codecs/csv/parse.h"
#include "config/contract.h"

namespace trommel::csv {

/// The content of a field within its block: quotes taken off, doubled quotes not yet.
struct Span {
  uint32_t begin;
  uint32_t length : 30;
  uint32_t escaped : 1;  ///< holds doubled or escaped quotes
  uint32_t quoted : 1;

  std::string_view in(const char* data) const { return {data + begin, length}; }
};

/// How the fields of one column become values.
struct ColumnPlan {
  std::string name;
  Type type;
  int from = -1;                   ///< the file's column; -1: it has none, all NULL
  std::vector<std::string> nulls;  ///< besides the empty field. In text columns only fields without quotes can be one
  DateLayout layout;
  std::string pattern;  ///< strptime-like; empty: ISO or `layout`
  bool strict = false;  ///< the type is a guess: refuse what would not be written that way again (007, +5)
};

/// What a contract says of a column: which texts are NULL, how dates and times are written.
void take_contract(const Contract& contract, ColumnPlan& column);

/// Why a column of this type cannot be read from CSV; empty if it can.
std::string unreadable(const ColumnPlan& plan);

/// A value that does not fit the type of its column.
struct Failure {
  uint32_t row;     ///< of the batch under construction
  uint32_t column;  ///< of the target
  Span field;
};

/// One column of one batch under construction.
class Column {
 public:
  virtual ~Column() = default;
  /// The next `count` fields. A field that does not fit is NULL for now and appended to `failures` with its row.
  virtual void take(const char* data, const Span* fields, size_t count, std::vector<Failure>& failures) = 0;
  virtual Result<std::shared_ptr<arrow::Array>> finish() = 0;
};

/// For `rows` rows. `index` is its place in the target, for failures.
Result<std::unique_ptr<Column>> make_column(const ColumnPlan& plan, const Dialect& dialect, uint32_t index,
                                            int64_t rows);

/// The text of a field with its quotes undone.
std::string plain_text(std::string_view content, const Dialect& dialect);

}  // namespace trommel::csv
