// A connection over the C API. Only for this folder's .cc files.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "query/database.h"
#include "query/handles.h"
#include "query/result_rows.h"
#include "query/streams.h"

namespace trommel::query {

/// What cursors and statements need of the connection that made them.
struct Session {
  std::shared_ptr<Database> database;  ///< outlives the connection
  std::shared_ptr<Streams> streams;
  ConnectionHandle handle;
  std::map<std::string, Streams::Added> registered;  ///< by name in lower case

  /// Why `result` failed: a stream's own error, if one of ours stands behind it, else DuckDB's.
  Error failure(duckdb_result* result);
  std::optional<Error> stream_failure();
};

class DuckConnection : public Connection {
 public:
  explicit DuckConnection(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  ~DuckConnection() override;

  Result<> run(const std::string& sql) override;
  Result<std::unique_ptr<Cursor>> query(const std::string& sql) override;
  Result<std::unique_ptr<Cursor>> query(const std::string& sql, const std::vector<Parameter>& parameters) override;
  Result<std::vector<std::string>> parameter_names(const std::string& sql) override;
  Result<std::vector<Rows>> all(const std::string& sql) override;
  Result<std::string> value(const std::string& sql) override;
  Result<std::unique_ptr<Statement>> prepare(const std::string& sql) override;
  Result<> register_stream(const std::string& name, const Schema& schema, OpenRows open, int64_t rows) override;
  void unregister_stream(const std::string& name) override;
  Result<int64_t> append(const std::string& table, const Rows& rows) override;
  void interrupt() override { duckdb_interrupt(session_->handle.get()); }

 private:
  /// An insert whose rows are exchanged from call to call.
  struct Insert {
    Schema schema;
    std::shared_ptr<Rows> slot;
    int64_t stream = 0;
    PreparedHandle statement;
  };
  Result<Insert*> insert_into(const std::string& table, const Schema& schema);

  std::shared_ptr<Session> session_;
  std::map<std::string, Insert> inserts_;  ///< by table
};

}  // namespace trommel::query
