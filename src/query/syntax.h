// SELECT texts as DuckDB parses them: what they read, and a column added to what they hand on. Nothing here looks at
// words: all of it works on the parsed statement (json_serialize_sql), so comments, quotes and CTEs are no riddle.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "query/database.h"

namespace trommel::query {

/// The tables that one SELECT reads, in the order of the text, each once, as written; names of its own (CTEs) and names
/// with a schema left out. Fails as `config` when the text is not one SELECT.
Result<std::vector<std::string>> table_names(Connection& connection, const std::string& sql);

/// The SELECT with `column` of the table or stream `stream` as its last column, through every level between the two. A
/// `*` on the way does not carry it: it is excluded there and named by itself, so that it stands last at each level.
/// Fails as `config`, with the reason, where that cannot be told (a row taken as one value, columns chosen by a
/// pattern, a set operation), or where DuckDB does not print the statement as it parsed it.
Result<std::string> carry_column(Connection& connection, const std::string& sql, const std::string& stream,
                                 const std::string& column);

/// Whether a part of the SELECT that does not read `stream` may give other rows each time it is run: it calls random()
/// or the like, or takes a sample.
Result<bool> varies_beside(Connection& connection, const std::string& sql, const std::string& stream);

/// A SELECT over one table, each of whose rows is made from rows of the table that have the values of its `by` columns:
/// so that new rows of the table change no other groups.
struct Groups {
  std::string table, alias;              ///< in FROM, as written; `table` empty: it is none, see `why`
  std::vector<std::string> expressions;  ///< SQL over one row of `alias`, for each `by` column
  std::string where;                     ///< SQL over one row; empty: all rows
  /// Columns of the result that no two rows of it share: all that it is grouped by. Empty where one of them is no
  /// column of the result, or where it is not grouped.
  std::vector<std::string> key;
  bool filters_groups = false;  ///< it has a HAVING: a group may go when rows come
  std::string why;              ///< for people, such as `it joins tables`
};

/// Fails as `config` when the text is not one SELECT, or when its result has no column of a name in `by`. The tables
/// have to be there.
Result<Groups> groups_of(Connection& connection, const std::string& sql, const std::vector<std::string>& by);

/// The same SELECT of a `Groups` that has a table, reading `relation` (in the schema for temporary ones) in its place.
Result<std::string> read_temporary(Connection& connection, const std::string& sql, const std::string& relation);

/// Functions that give another value at each call, in lower case.
bool is_volatile(std::string_view function);

}  // namespace trommel::query
