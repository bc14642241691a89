// Rows as CSV records.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "codecs/text/spell.h"

namespace trommel::csv {

/// Spells the rows of one batch after the other, each as one record without a line end.
class RecordWriter {
 public:
  explicit RecordWriter(char delimiter);
  Result<> begin(const arrow::RecordBatch& rows);
  void append(int64_t row, std::string& out) const;
  void append_names(const arrow::Schema& schema, std::string& out) const;

 private:
  struct Column {
    std::shared_ptr<arrow::Array> values;
    std::unique_ptr<text::Speller> speller;
    bool text = false;  ///< a value may need quotes
  };
  bool usual_delimiter() const;
  void quote_from(size_t begin, std::string& out) const;

  char delimiter_;
  std::array<bool, 256> special_{};
  std::vector<Column> columns_;
};

}  // namespace trommel::csv
