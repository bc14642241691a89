// The values of a column of a `tables:` entry, for `exists_in`.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "component/component.h"
#include "spill/seen_table.h"
#include "transforms/check/faults.h"

namespace trommel {

/// Read once, by whoever asks first, and then shared by all lanes. Held in memory, 24 to 64 bytes a value.
class ReferenceValues {
 public:
  /// `column` is of the table; its values are taken as `type`, that of the column that is checked. What is no value of
  /// that type equals none.
  ReferenceValues(ReferenceTable table, std::string column, Type type);
  Result<> load();
  /// A fault for each value that does not stand there. NULL is none.
  Result<> test(const std::string& name, const std::shared_ptr<arrow::Array>& column, Faults& faults);

 private:
  Result<> read();

  const ReferenceTable table_;
  const std::string column_;
  const Type type_;
  Schema schema_;  // of the one column
  std::once_flag once_;
  Result<> loaded_;
  SeenTable values_;  // read only once it is loaded
};

}  // namespace trommel
