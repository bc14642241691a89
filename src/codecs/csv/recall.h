// What has to be known of a file to read one of its records again when the file is gone. It is kept as JSON beside the
// rejects of the file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codecs/csv/columns.h"
#include "codecs/csv/dialect.h"

namespace trommel::csv {

struct RecalledColumn {
  std::string name;
  DateLayout layout;
};

/// The same for the formats whose values are read as those of CSV are.
struct Recalled {
  std::string format;
  bool lines = true;  ///< JSON: a record is a line
  Dialect dialect;
  std::string encoding = "UTF-8";
  std::vector<std::string> nulls;
  std::vector<RecalledColumn> columns;
};

std::string recalled_text(const Recalled& recalled);
Result<Recalled> parse_recalled(const std::string& text);

/// A record that reads back as these fields.
std::string record_of(const std::vector<std::optional<std::string>>& fields, const Dialect& dialect);

}  // namespace trommel::csv
