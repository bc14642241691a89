// Rows of an epoch into a table, in one transaction with the epoch's number.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "component/sink.h"
#include "config/endpoints.h"
#include "connectors/duckdb/table.h"
#include "query/database.h"

namespace trommel {

/// What an epoch's rows do to those that are there.
enum class TableWrite {
  append,
  replace,             ///< all of them go
  upsert,              ///< a row of the same key is updated; of two rows of one key in an epoch the later one stays
  replace_partitions,  ///< those of the partitions that rows come for go
};

struct DuckdbTarget {
  query::Options options;  ///< of the file; it is opened for each use and closed after it
  std::string table;
  TableWrite write = TableWrite::append;
  std::vector<std::string> partition_by;  ///< of replace_partitions: columns, named as in the table
  bool recreate = false;                  ///< replace a table whose columns are others
  std::vector<TableChange> changes;       ///< that make the table that is there take the rows
  std::vector<TableColumn> columns;
  std::string pipeline, sink;  ///< whose epochs these are
  std::vector<View> views;     ///< of the file; those that follow the table change in the same transaction
  Env* env = nullptr;

  std::string name() const { return "duckdb:" + options.path + " table " + table; }
};

/// A new file is made under another name: one that a crash left half made could not be opened any more.
Result<> make_duckdb_file(Env& env, const query::Options& options);

/// Who writes to a file holds its mutex: of two that make the same table DuckDB would refuse the second.
std::mutex& duckdb_commit_mutex(const std::string& path);

/// Who has committed what to a file: pipeline, sink, epoch, rows, committed_at.
inline constexpr const char* duckdb_epochs_table = "_trommel_epochs";
inline constexpr const char* duckdb_epochs_columns =
    "(pipeline VARCHAR, sink VARCHAR, epoch UBIGINT, rows BIGINT, committed_at TIMESTAMP)";

std::shared_ptr<StoreSink> make_duckdb_sink(DuckdbTarget target);

}  // namespace trommel
