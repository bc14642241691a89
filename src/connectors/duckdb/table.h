// The table that rows go into: its columns as they are wanted, its DDL, and what keeps a table that is there from
// taking the rows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "batch/types.h"
#include "component/source.h"
#include "component/table_columns.h"
#include "query/database.h"

namespace trommel {

/// What makes a table that is there take rows whose columns are others.
struct TableChange {
  std::string ddl, column;
  std::string from, to;  ///< of a type that becomes wider, in DuckDB's words
};

/// A column of a table that is there.
struct StoredColumn {
  std::string name;
  std::string type;  ///< DuckDB's word
  bool nullable = true;
  bool has_default = false;
};

/// `CREATE TABLE "t" ("a" BIGINT NOT NULL, ...)`.
std::string create_table(const std::string& table, const std::vector<TableColumn>& columns);

/// The columns of `table` in the file behind `connection`; nothing when there is no such table.
Result<std::optional<std::vector<StoredColumn>>> stored_columns(query::Connection& connection,
                                                                const std::string& table);

/// Fits `columns` to the table that is there: wider types of the table are taken over, its NOT NULL too. Returns the
/// differences that cannot be bridged, each a sentence: column `x`: the table has BIGINT, the rows have VARCHAR.
/// What `growth` bridges is added to `changes`, as DDL.
std::vector<std::string> fit_to_table(std::vector<TableColumn>& columns, const std::vector<StoredColumn>& stored,
                                      const std::string& table, const Growth& growth,
                                      std::vector<TableChange>& changes);

}  // namespace trommel
