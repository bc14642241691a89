// Tables that streams are joined with: read once, kept in the run's shared database.
#pragma once

#include "component/component.h"
#include "query/database.h"

namespace trommel::query {

/// An empty table of that name and those columns, which `connection` alone sees: enough to bind statements by.
Result<> declare_table(Connection& connection, const ReferenceTable& table);

/// Reads all rows of `table` into a table of its name, which every connection of `database` sees. The first caller
/// reads, the others wait; thread safe.
Result<> load_table(Database& database, const ReferenceTable& table);

}  // namespace trommel::query
