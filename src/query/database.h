// The only wrapper of DuckDB: Arrow in, Arrow out. No other folder includes duckdb.h.
//
// DuckDB's SQL runs over tables that it holds and over Arrow streams that stand under a name for as long as they are registered.
// Errors are sorted by who is to blame: a row (conversion, out of range, invalid input, constraint: domain `data`), memory, disk or interrupt (`external`),
// the text itself (`config`: parser, binder, catalog), anything else (`internal`).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "batch/batch.h"
#include "batch/types.h"

namespace trommel::query {

struct Options {
  std::string path;                 ///< empty: in memory
  bool read_only = false;
  int64_t memory_bytes = 0;         ///< memory_limit; 0: DuckDB's own default
  std::string spill_folder;         ///< temp_directory; empty: none
  int64_t spill_bytes = 0;          ///< max_temp_directory_size; 0: no cap
  int threads = 0;                  ///< 0: all cores
  bool keep_order = true;           ///< preserve_insertion_order
};

/// Gives the next rows, or null at the end.
using NextRows = std::function<Result<Rows>()>;

/// A result that is read batch by batch. Batches are coalesced to at least `min_rows` where there are so many.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual Schema schema() const = 0;
  virtual Result<Rows> next(int64_t min_rows = 65536) = 0;  ///< null at the end
};

/// A statement prepared once and run many times by one thread.
class Statement {
 public:
  virtual ~Statement() = default;
  virtual Schema schema() const = 0;
  virtual Result<std::unique_ptr<Cursor>> run() = 0;
};

class Database;

/// One thread at a time. Several connections of one Database may work at once.
class Connection {
 public:
  virtual ~Connection() = default;
  /// One statement or several, no rows wanted.
  virtual Result<> run(const std::string& sql) = 0;
  /// Streams the rows of the last statement.
  virtual Result<std::unique_ptr<Cursor>> query(const std::string& sql) = 0;
  /// All rows at once; for small results.
  virtual Result<std::vector<Rows>> all(const std::string& sql) = 0;
  /// The first column of the first row as text; NULL is empty.
  virtual Result<std::string> value(const std::string& sql) = 0;
  virtual Result<std::unique_ptr<Statement>> prepare(const std::string& sql) = 0;

  /// `name` in FROM stands for these rows; `open` is called for every scan. The name is this connection's alone; forgotten by `unregister_stream` or at its end.
  virtual Result<> register_stream(const std::string& name, const Schema& schema, std::function<Result<NextRows>()> open, int64_t rows = -1) = 0;
  virtual void unregister_stream(const std::string& name) = 0;
  /// Appends rows to a table that exists; columns by position. Inside the connection's transaction, if there is one.
  virtual Result<> append(const std::string& table, const arrow::RecordBatch& rows) = 0;
  /// Stops what this connection is running, from another thread.
  virtual void interrupt() = 0;
};

class Database {
 public:
  virtual ~Database() = default;
  static Result<std::shared_ptr<Database>> open(const Options& options);
  virtual Result<std::unique_ptr<Connection>> connect() = 0;
};

/// `"a ""quoted"" name"` and `'a ''quoted'' text'`.
std::string quote_name(std::string_view name);
std::string quote_text(std::string_view text);
/// Names in FROM that the text reads (tables, streams), CTE names left out.
Result<std::vector<std::string>> table_names(const std::string& sql);

}  // namespace trommel::query
