// How an unknown CSV file is written: its delimiter, quotes, line ends and header, from a sample of its bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/csv/dialect.h"

namespace trommel::csv {

/// What is known beforehand.
struct DialectHints {
  std::optional<char> delimiter, quote, escape;  ///< 0: none
};

/// `text` is the start of the file (or all of it: `whole`), without BOM. A reason for each finding goes to `notes`.
Dialect guess_dialect(std::string_view text, bool whole, const DialectHints& hints, const Dialect& base,
                      std::vector<std::string>& notes);

/// A sample's records, quotes undone. Broken rows are left out, and unless `whole` the last one, which may be cut.
struct SampleRows {
  struct Field {
    std::string_view text;
    bool quoted = false;
  };
  struct Row {
    size_t begin = 0, next = 0;  ///< bytes of the sample
    std::vector<Field> fields;
  };
  std::vector<Row> rows;
  size_t broken = 0;

  /// The number of fields that most rows have; the first row's where there is a tie.
  size_t usual_fields() const;

  std::string bytes;                ///< the sample with its padding
  std::vector<std::string> undone;  ///< texts of fields whose quotes had to be undone
};
/// At most `limit` rows, blank lines left out.
std::unique_ptr<SampleRows> sample_rows(std::string_view text, bool whole, const Dialect& dialect, size_t limit);

/// Where records surely begin in a piece from the middle of a file: the first line after which three records have
/// `fields` fields. npos if there is none.
size_t find_record(std::string_view piece, const Dialect& dialect, size_t fields);

}  // namespace trommel::csv
