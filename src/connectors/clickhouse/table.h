// The table that rows go into: how it is made, what keeps one that is there from taking them, and what is to be changed
// so that it does.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "component/source.h"
#include "component/table_columns.h"
#include "connectors/clickhouse/client.h"
#include "connectors/clickhouse/types.h"

namespace trommel::clickhouse {

/// What a table that is there does about columns of the rows that it lacks.
enum class Evolve {
  fail,
  add,     ///< they are added to it
  ignore,  ///< the rows go in without them
};

/// In each row the epoch that brought it, as a number (`epoch_mark`). MATERIALIZED, so that `SELECT *` and INSERTs of
/// others do not see it.
inline constexpr const char* mark_column = "_trommel_epoch";

/// An epoch has far fewer blocks: 10,000 blocks of 500,000 rows are more than any spool holds.
inline constexpr int64_t deduplication_window = 10'000;

struct WantedTable {
  std::string table;
  std::vector<TableColumn> columns;
  std::string engine = "MergeTree";
  std::vector<std::string> order_by, partition_by;  ///< columns or expressions
  std::string ttl;
  std::vector<std::pair<std::string, std::string>> materialized;  ///< a column's name and its expression
  std::vector<std::string> low_cardinality;
  std::vector<std::pair<std::string, std::string>> settings;  ///< of the table
  Evolve evolve = Evolve::fail;
  Growth growth;
};

struct StoredColumn {
  std::string name, type, default_kind, default_expression;
};

struct StoredTable {
  std::string engine, engine_full;  ///< `MergeTree`; with its clauses
  std::vector<StoredColumn> columns;
  int64_t window = 0;    ///< of deduplication
  bool expires = false;  ///< rows go by themselves: it has a TTL
  bool indexed = false;  ///< by `mark_column`

  const StoredColumn* find(const std::string& name) const;
};

/// Nothing when there is no such table.
Result<std::optional<StoredTable>> look(Client& client, const Engine& engine, const std::string& table);

/// A column that the rows fill.
struct FilledColumn {
  std::string name;  ///< as the table has it
  ColumnType type;
  int input = -1;
  std::string input_name;
  bool takes_null = true;
  bool key = false;  ///< of `order_by` or `partition_by`
};

/// How the rows go into the table.
struct Fit {
  std::vector<FilledColumn> columns;
  std::vector<std::string> ddl;          ///< that makes the table, or changes the one that is there
  std::vector<std::string> differences;  ///< that nothing bridges, each a sentence
  std::vector<std::string> notes;        ///< for `plan`
  bool replacing = false;                ///< rows of one key go when others come
  bool counts_hold = true;               ///< all rows of an epoch are there as long as nobody takes them away
};

/// Whether rows are written to tables of that engine, as it stands in DDL: what it does to rows must not depend on how
/// often it gets them.
bool is_known_engine(std::string_view engine);

/// `stored`: the table that is there, if it is.
Fit fit_table(const WantedTable& wanted, const std::optional<StoredTable>& stored, const Engine& engine);

/// The columns that the table is ordered and partitioned by take no NULL.
void mark_key_columns(WantedTable& wanted);

}  // namespace trommel::clickhouse
