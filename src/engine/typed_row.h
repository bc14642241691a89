// Rows as JSON objects in reject logs, and the way back: what a later stage refused has no bytes of its own, only
// values with types.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "batch/batch.h"

namespace trommel {

namespace text {
class Speller;
}

/// Spells rows of one batch: `{"a": 1, "b": "2013-01-01", "c": null}`. Truth values, doubles and integers of up to 15
/// digits are JSON's own; everything else is text as JSON and CSV files have it, lists and structs as the text of their
/// JSON.
class RowSpeller {
 public:
  explicit RowSpeller(const arrow::RecordBatch& rows);
  ~RowSpeller();
  std::string row(int64_t row);

 private:
  const arrow::RecordBatch& rows_;
  std::vector<std::unique_ptr<text::Speller>> columns_;
  std::vector<std::string> names_;
};

/// One row of what `typed_rows` gives back.
struct TypedRow {
  Rows rows;        ///< one row; null where it cannot have the types
  std::string why;  ///< then: a sentence
};

/// Rows with the columns and types of `schema` from JSON objects as above; values may be texts too wherever these can
/// be read as the type. Names match as they are, or else in letters and digits; a column that an object lacks is NULL,
/// one that the schema lacks is a row that cannot be had. The error is for types that cannot be read from text at all.
Result<std::vector<TypedRow>> typed_rows(const std::vector<std::string>& objects, const Schema& schema);

}  // namespace trommel
