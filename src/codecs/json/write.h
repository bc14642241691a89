// Rows as JSON objects.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "codecs/text/spell.h"

namespace trommel::json {

/// Spells the rows of one batch after the other, each as one object without a line end.
class ObjectWriter {
 public:
  explicit ObjectWriter(const arrow::Schema& schema);
  Result<> begin(const arrow::RecordBatch& rows);
  void append(int64_t row, std::string& out) const;

 private:
  struct Column {
    std::string name;  ///< quoted, with what stands before and behind it
    std::shared_ptr<arrow::Array> values;
    std::unique_ptr<text::Speller> speller;
  };
  std::vector<Column> columns_;
};

}  // namespace trommel::json
