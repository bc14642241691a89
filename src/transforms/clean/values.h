// What clean does to the values of a column. Each takes a whole column and hands back the very same one when there was
// nothing to do.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "batch/batch.h"
#include "batch/types.h"

namespace trommel {

using ArrayPtr = std::shared_ptr<arrow::Array>;

enum class TextCase { lower, upper };
enum class TextForm { nfc, nfkc };

bool is_text(const arrow::DataType& type);
/// A value of a text column.
std::string_view text_at(const arrow::Array& texts, int64_t row);

/// Without the blanks at both ends, as `trim_text` knows them.
std::string_view trimmed(std::string_view text);

/// One of Unicode's normal forms (UAX #15). Text that is not UTF-8 stays as it is, and so does its whole column.
Result<ArrayPtr> normalize_text(const ArrayPtr& column, TextForm form);

/// Blanks (line ends are among them) inside text as one space, and none at both ends.
Result<ArrayPtr> collapse_spaces(const ArrayPtr& column);

/// Blanks off both ends of text: Unicode White_Space and the byte order mark.
Result<ArrayPtr> trim_text(const ArrayPtr& column);

/// Simple case mapping of Unicode, one letter to one letter: `ß` stays in upper case.
Result<ArrayPtr> change_case(const ArrayPtr& column, TextCase to);

/// NULL where a text is exactly one of the markers.
Result<ArrayPtr> null_texts(const ArrayPtr& column, const std::vector<std::string>& markers);

/// NULL where the column holds one of `values`, an array of the column's own type.
Result<ArrayPtr> null_values(const ArrayPtr& column, const ArrayPtr& values);

/// The only value of `value`, an array of the column's own type, where the column is NULL.
Result<ArrayPtr> fill_nulls(const ArrayPtr& column, const ArrayPtr& value);

}  // namespace trommel
