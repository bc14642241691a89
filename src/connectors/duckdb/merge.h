// Rows of an epoch into a table that holds rows they may take the place of. Inside the commit's transaction.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "connectors/duckdb/sink.h"
#include "query/database.h"

namespace trommel {

/// Gives the next rows, with the table's names and types; null at the end.
using NextStored = std::function<Result<Rows>()>;

/// Gathers the rows in a temporary table first, in the order in which they come, then merges them by one statement
/// each for what goes and what comes. Returns how many rows came, counted by DuckDB: those that a later row of their
/// key overtook too.
Result<int64_t> merge_rows(query::Connection& connection, const DuckdbTarget& target, const NextStored& next);

/// An index that was not used yet does not notice a DELETE, and calls the new rows duplicates (DuckDB 1.5.6); inserting
/// nothing wakes it.
Result<> wake_indexes(query::Connection& connection, const DuckdbTarget& target);

/// `"a", "b"`: the columns that rows fill.
std::string filled_columns(const DuckdbTarget& target);
Result<int64_t> count_rows(query::Connection& connection, const std::string& quoted_table);

}  // namespace trommel
