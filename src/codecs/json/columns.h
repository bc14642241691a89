// Values of JSON records to Arrow columns, nested ones too: each leaf of a column is one column of values, and is read
// as a CSV column is.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "codecs/csv/columns.h"
#include "codecs/json/token.h"

namespace trommel::json {

/// The bytes that values lie in; copied once one of them has to be changed in place.
class Text {
 public:
  Text(const char* data, size_t size) : data_(data), size_(size) {}
  const char* data() const { return data_; }
  /// The same bytes, to be written to. Pointers from before see the old ones.
  char* changeable();

 private:
  const char* data_;
  size_t size_;
  std::unique_ptr<char[]> copy_;
};

/// A value as a span of the text: strings without their quotes (`quoted`; `escaped` where they hold a backslash),
/// others as they stand. No bytes and not quoted: NULL.
csv::Span span_of(const Token& value);

/// What becomes of a name that an object has and its type does not.
enum class OtherNames { misfit, refuse, drop };

struct ValuesPlan {
  csv::ColumnPlan column;  ///< `strict`: its type is a guess
  OtherNames others = OtherNames::drop;
};

/// The values of all records of a block. A value that does not fit is appended to `failures` with its record.
Result<std::shared_ptr<arrow::Array>> make_column(const ValuesPlan& plan, Text& text, std::span<csv::Span> values,
                                                  uint32_t index, std::vector<csv::Failure>& failures);

/// Why a column of this type cannot be read from JSON; empty if it can.
std::string unreadable(const csv::ColumnPlan& plan);

}  // namespace trommel::json
