// Values as text, the way that JSON and CSV files spell them: numbers shortest and exact, dates and times in ISO 8601,
// binary in base64.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "batch/batch.h"
#include "batch/types.h"

namespace trommel::text {

enum class Style {
  json,   ///< text quoted and escaped, times with a T, NULL as null
  plain,  ///< text as it stands, whole doubles with `.0`, times without zone with a blank; nested values are JSON
};

/// The values of one column. Holds on to the array.
class Speller {
 public:
  virtual ~Speller() = default;
  /// Appends the value of a row that is not NULL.
  virtual void spell(int64_t row, std::string& out) const = 0;
};

/// What a spelled value may contain in Style::plain.
enum class Content {
  safe,  ///< letters, digits and `+-.:_/=` only
  text,  ///< anything
};
Content content_of(const arrow::DataType& type);

/// Refuses types that have no spelling (unions, intervals).
Result<std::unique_ptr<Speller>> make_speller(std::shared_ptr<arrow::Array> column, Style style);
bool can_spell(const arrow::DataType& type);

/// `text` in double quotes, escaped as RFC 8259 asks for; UTF-8 stays as it is.
void append_quoted(std::string_view text, std::string& out);

}  // namespace trommel::text
