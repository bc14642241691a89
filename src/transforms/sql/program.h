// What a sql transform was bound to: all that an instance needs to run.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "component/component.h"
#include "query/database.h"

namespace trommel {

struct SqlProgram {
  std::string sql;         ///< as written, or with the row column carried through
  std::string row_column;  ///< a hidden last column with the row's number in its batch; empty: provenance ends here
  bool prepare_each_time = false;  ///< a prepared ASOF join fails when it is run again (DuckDB 1.5.6)
  std::vector<InputInfo> inputs;
  std::vector<ReferenceTable> tables;
  Schema schema;  ///< of the result, without the row column
  std::function<Result<std::shared_ptr<query::Database>>()> database;

  /// A connection that sees the reference tables, which are read now if nobody did yet.
  Result<std::unique_ptr<query::Connection>> connect() const;
};

Result<std::unique_ptr<Transform>> make_row_by_row(std::shared_ptr<const SqlProgram> program);
Result<std::unique_ptr<Transform>> make_whole_input(std::shared_ptr<const SqlProgram> program);

}  // namespace trommel
