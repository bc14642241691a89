// Arrow rows under a name in DuckDB's SQL: a table function that reads what was registered. Only for this folder's .cc
// files.
//
// DuckDB's own duckdb_arrow_scan is not used: it hands projections and filters to a stream that ignores them, and gives
// wrong rows (DuckDB 1.4.3 to 1.5.6). Here a scan is told which columns are wanted, and filters run above it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "query/database.h"
#include "query/handles.h"

namespace trommel::query {

/// One registered stream. Shared by all scans of it, on any thread.
class Stream {
 public:
  Schema schema;
  OpenRows open;
  int64_t rows = -1;
  std::vector<TypeHandle> types;  ///< DuckDB's, a column each

  /// Remembers why reading failed: DuckDB itself keeps only a text.
  void fail(Error error);
  std::optional<Error> take_failure();

  /// The conversion of the columns named, made at the first call for each choice of columns.
  using Conversion = std::shared_ptr<const ConvertedSchemaHandle>;
  Result<Conversion> conversion(duckdb_connection connection, const std::vector<int>& columns);

 private:
  std::mutex mutex_;
  std::optional<Error> failure_;
  std::map<std::vector<int>, Conversion> conversions_;
};

/// The streams of one database, by number: the table function's argument. Thread safe.
class Streams {
 public:
  /// Makes the table function known to the database. The connection serves conversions alone, and no query runs on it.
  Result<> install(duckdb_database database);
  void close() { connection_.reset(); }

  struct Added {
    int64_t id;
    std::shared_ptr<Stream> stream;
  };
  Result<Added> add(const Schema& schema, OpenRows open, int64_t rows);
  void remove(int64_t id);
  std::shared_ptr<Stream> find(int64_t id);
  duckdb_connection connection() const { return connection_.get(); }
  int threads = 1;

 private:
  std::mutex mutex_;
  std::map<int64_t, std::shared_ptr<Stream>> streams_;
  int64_t next_ = 1;
  ConnectionHandle connection_;
};

}  // namespace trommel::query
