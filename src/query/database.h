// The only wrapper of DuckDB: Arrow in, Arrow out. No other folder includes duckdb.h.
//
// DuckDB's SQL runs over tables that it holds and over Arrow streams that stand under a name for as long as they are
// registered. Errors are sorted by who is to blame: a row (conversion, out of range, invalid input, constraint: domain
// `data`), memory, disk or interrupt (`external`), the text itself (`config`: parser, binder, catalog), anything else
// (`internal`).
//
// Types on the way out: HUGEINT becomes decimal(38,0), ENUM text, TIMESTAMP_S milliseconds, ARRAY a list; the zone of a
// timestamp is UTC; a UUID inside a list or struct is text. INTERVAL, UNION, BIT and TIME WITH TIME ZONE have no place
// in our types: asking for one is a `config` error that names the column.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "batch/batch.h"
#include "batch/types.h"

namespace trommel::query {

struct Options {
  std::string path;  ///< empty: in memory
  bool read_only = false;
  int64_t memory_bytes = 0;  ///< memory_limit; 0: DuckDB's own default. Counts DuckDB's memory alone, not Arrow's
  std::string spill_folder;  ///< temp_directory; empty: none, what does not fit is an `external` error
  int64_t spill_bytes = 0;   ///< max_temp_directory_size; 0: no cap
  int threads = 0;           ///< 0: all cores
  bool keep_order = true;    ///< preserve_insertion_order
};

/// Gives the next rows, or null at the end. Called by one thread at a time, but not always the same.
using NextRows = std::function<Result<Rows>()>;
/// Starts reading from the first row again.
using OpenRows = std::function<Result<NextRows>()>;

/// A result that is read batch by batch. It must be gone before its connection runs something else.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual Schema schema() const = 0;
  virtual Result<Rows> next(
      int64_t min_rows = 65536) = 0;  ///< at least `min_rows` where there are so many; null at the end
};

/// A value bound to `$name`: an array of one row; null: NULL.
struct Parameter {
  std::string name;
  std::shared_ptr<arrow::Array> value;
};

/// A statement prepared once and run many times by one thread.
class Statement {
 public:
  virtual ~Statement() = default;
  virtual Schema schema() const = 0;
  virtual Result<std::unique_ptr<Cursor>> run() = 0;
};

/// One thread at a time. Several connections of one Database may work at once.
class Connection {
 public:
  virtual ~Connection() = default;
  /// One statement or several, no rows wanted.
  virtual Result<> run(const std::string& sql) = 0;
  /// Streams the rows of the last statement.
  virtual Result<std::unique_ptr<Cursor>> query(const std::string& sql) = 0;
  /// One SELECT with its parameters bound by name, as values and never as text; those that do not stand in it are left
  /// aside. `config`: one that stands in it has no value.
  virtual Result<std::unique_ptr<Cursor>> query(const std::string& sql, const std::vector<Parameter>& parameters) = 0;
  /// The names of the parameters of one statement, each once, in the order of the text.
  virtual Result<std::vector<std::string>> parameter_names(const std::string& sql) = 0;
  /// All rows at once; for small results.
  virtual Result<std::vector<Rows>> all(const std::string& sql) = 0;
  /// The first column of the first row as text; NULL and no row are empty.
  virtual Result<std::string> value(const std::string& sql) = 0;
  /// Exactly one SELECT without parameters; anything else is a `config` error.
  virtual Result<std::unique_ptr<Statement>> prepare(const std::string& sql) = 0;

  /// `name` in FROM stands for these rows, for this connection alone; `open` is called for every scan, `rows` is how
  /// many there are, where known. Replaces an earlier stream of that name; ends with `unregister_stream` or the
  /// connection.
  virtual Result<> register_stream(const std::string& name, const Schema& schema, OpenRows open, int64_t rows = -1) = 0;
  virtual void unregister_stream(const std::string& name) = 0;
  /// Inserts rows into `target`, a quoted table with or without a list of columns; by position, cast as INSERT does.
  /// Inside the connection's transaction, if there is one. Returns DuckDB's count.
  virtual Result<int64_t> append(const std::string& target, const Rows& rows) = 0;
  /// Stops what this connection is running, from another thread.
  virtual void interrupt() = 0;
};

class Database : public std::enable_shared_from_this<Database> {
 public:
  virtual ~Database() = default;
  /// Two openings of one file in this process share one instance (DuckDB's own lock does not see the second); a file
  /// that another process holds is an `external` error that says who.
  static Result<std::shared_ptr<Database>> open(const Options& options);
  virtual Result<std::unique_ptr<Connection>> connect() = 0;
  /// Runs `make` for the first caller of `key`; the others wait and get the same outcome.
  virtual Result<> once(const std::string& key, const std::function<Result<>()>& make) = 0;
};

/// `"a ""quoted"" name"` and `'a ''quoted'' text'`.
std::string quote_name(std::string_view name);
std::string quote_text(std::string_view text);

/// The name under which a registered stream is scanned, as plans show it.
inline constexpr std::string_view stream_function = "trommel_stream";

}  // namespace trommel::query
