#include "query/connection.h"

#include <algorithm>

#include "arrow/api.h"
#include "fmt/format.h"
#include "query/parameters.h"

namespace trommel::query {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

class ResultCursor : public Cursor {
 public:
  ResultCursor(std::shared_ptr<Session> session, ResultHandle result, std::shared_ptr<const ResultColumns> columns)
      : session_(std::move(session)), result_(std::move(result)), columns_(std::move(columns)) {}

  Schema schema() const override { return columns_->schema(); }

  Result<Rows> next(int64_t min_rows) override {
    std::vector<Rows> pieces;
    int64_t count = 0;
    while (count < min_rows && !ended_) {
      const ChunkHandle chunk(duckdb_fetch_chunk(result_.value()));
      if (!chunk) {
        ended_ = true;
        if (auto error = session_->stream_failure()) return tl::unexpected(std::move(*error));
        if (const char* text = duckdb_result_error(result_.get()); text && *text)
          return tl::unexpected(session_->failure(result_.get()));
        break;
      }
      if (duckdb_data_chunk_get_size(chunk.get()) == 0) continue;
      ASSIGN(auto rows, columns_->rows(chunk.get()));
      count += rows->num_rows();
      pieces.push_back(std::move(rows));
    }
    if (pieces.empty()) return Rows();
    if (pieces.size() == 1) return pieces.front();
    auto joined = arrow::ConcatenateRecordBatches(pieces);
    if (!joined.ok()) return tl::unexpected(from_arrow(joined.status(), "DuckDB's result"));
    return *joined;
  }

 private:
  std::shared_ptr<Session> session_;
  ResultHandle result_;
  std::shared_ptr<const ResultColumns> columns_;
  bool ended_ = false;
};

class PreparedStatement : public Statement {
 public:
  PreparedStatement(std::shared_ptr<Session> session, PreparedHandle handle,
                    std::shared_ptr<const ResultColumns> columns)
      : session_(std::move(session)), handle_(std::move(handle)), columns_(std::move(columns)) {}

  Schema schema() const override { return columns_->schema(); }

  Result<std::unique_ptr<Cursor>> run() override {
    ResultHandle result;
    // Streaming: DuckDB's memory_limit does not count a result that is held (1.5.6), and some grow far beyond their
    // input.
    if (duckdb_execute_prepared_streaming(handle_.get(), result.get()) != DuckDBSuccess)
      return tl::unexpected(session_->failure(result.get()));
    return std::make_unique<ResultCursor>(session_, std::move(result), columns_);
  }

 private:
  std::shared_ptr<Session> session_;
  PreparedHandle handle_;
  std::shared_ptr<const ResultColumns> columns_;
};

struct Extracted {
  ExtractedHandle statements;
  idx_t count = 0;
};

Result<Extracted> extract(Session& session, const std::string& sql) {
  Extracted extracted;
  extracted.count = duckdb_extract_statements(session.handle.get(), sql.c_str(), extracted.statements.out());
  if (extracted.count == 0) {
    const char* text = duckdb_extract_statements_error(extracted.statements.get());
    if (!text) return config_error("SQL", "there is no statement");
    return tl::unexpected(from_duckdb(text, DUCKDB_ERROR_PARSER));
  }
  return extracted;
}

Result<PreparedHandle> prepare_one(Session& session, const Extracted& extracted, idx_t index) {
  PreparedHandle prepared;
  if (duckdb_prepare_extracted_statement(session.handle.get(), extracted.statements.get(), index, prepared.out()) !=
      DuckDBSuccess) {
    if (auto error = session.stream_failure()) return tl::unexpected(std::move(*error));
    return tl::unexpected(from_duckdb(duckdb_prepare_error(prepared.get())));
  }
  return prepared;
}

Result<PreparedHandle> prepare_select(Session& session, const std::string& sql) {
  ASSIGN(const auto extracted, extract(session, sql));
  if (extracted.count != 1)
    return config_error("SQL", fmt::format("one SELECT is wanted, here are {} statements", extracted.count));
  ASSIGN(auto prepared, prepare_one(session, extracted, 0));
  if (duckdb_prepared_statement_type(prepared.get()) != DUCKDB_STATEMENT_TYPE_SELECT)
    return config_error("SQL", "only a SELECT makes rows");
  return prepared;
}

}  // namespace

std::optional<Error> Session::stream_failure() {
  for (const auto& [name, added] : registered) {
    if (auto error = added.stream->take_failure()) return error;
  }
  return std::nullopt;
}

Error Session::failure(duckdb_result* result) {
  if (auto error = stream_failure()) return std::move(*error);
  return from_result(result);
}

DuckConnection::~DuckConnection() {
  for (const auto& [name, added] : session_->registered) session_->streams->remove(added.id);
}

Result<> DuckConnection::run(const std::string& sql) {
  ResultHandle result;
  if (duckdb_query(session_->handle.get(), sql.c_str(), result.get()) != DuckDBSuccess)
    return tl::unexpected(session_->failure(result.get()));
  return {};
}

namespace {

/// The rows of a statement as they are made.
Result<std::unique_ptr<Cursor>> rows_of(const std::shared_ptr<Session>& session, const PreparedHandle& prepared) {
  ResultHandle result;
  if (duckdb_execute_prepared_streaming(prepared.get(), result.get()) != DuckDBSuccess)
    return tl::unexpected(session->failure(result.get()));
  ASSIGN(auto columns, ResultColumns::of(session->handle.get(), result.get()));
  return std::make_unique<ResultCursor>(session, std::move(result),
                                        std::make_shared<const ResultColumns>(std::move(columns)));
}

}  // namespace

Result<std::unique_ptr<Cursor>> DuckConnection::query(const std::string& sql) {
  ASSIGN(const auto extracted, extract(*session_, sql));
  for (idx_t i = 0; i + 1 < extracted.count; ++i) {
    ASSIGN(const auto prepared, prepare_one(*session_, extracted, i));
    ResultHandle ignored;
    if (duckdb_execute_prepared(prepared.get(), ignored.get()) != DuckDBSuccess)
      return tl::unexpected(session_->failure(ignored.get()));
  }
  ASSIGN(const auto prepared, prepare_one(*session_, extracted, extracted.count - 1));
  return rows_of(session_, prepared);
}

Result<std::unique_ptr<Cursor>> DuckConnection::query(const std::string& sql,
                                                      const std::vector<Parameter>& parameters) {
  ASSIGN(const auto prepared, prepare_select(*session_, sql));
  TRY(bind_parameters(prepared.get(), parameters));
  return rows_of(session_, prepared);
}

Result<std::vector<std::string>> DuckConnection::parameter_names(const std::string& sql) {
  ASSIGN(const auto prepared, prepare_select(*session_, sql));
  return query::parameter_names(prepared.get());
}

Result<std::vector<Rows>> DuckConnection::all(const std::string& sql) {
  ASSIGN(const auto cursor, query(sql));
  std::vector<Rows> out;
  for (;;) {
    ASSIGN(auto rows, cursor->next());
    if (!rows) return out;
    out.push_back(std::move(rows));
  }
}

Result<std::string> DuckConnection::value(const std::string& sql) {
  ASSIGN(const auto rows, all(sql));
  if (rows.empty() || rows.front()->num_columns() == 0 || rows.front()->column(0)->IsNull(0)) return std::string();
  return value_text(*rows.front()->column(0), 0);
}

Result<std::unique_ptr<Statement>> DuckConnection::prepare(const std::string& sql) {
  ASSIGN(auto prepared, prepare_select(*session_, sql));
  if (const auto count = duckdb_nparams(prepared.get()); count > 0) {
    return config_error("SQL", fmt::format("there are {} parameters without a value", count),
                        "write the values into the text, ${NAME} takes them from the environment");
  }
  ASSIGN(auto columns, ResultColumns::of(session_->handle.get(), prepared.get()));
  return std::make_unique<PreparedStatement>(session_, std::move(prepared),
                                             std::make_shared<const ResultColumns>(std::move(columns)));
}

Result<> DuckConnection::register_stream(const std::string& name, const Schema& schema, OpenRows open, int64_t rows) {
  ASSIGN(auto added, session_->streams->add(schema, std::move(open), rows));
  // A view in the connection's own temporary schema: the name is seen by nobody else, and plans are made from it as
  // from a table.
  const auto view =
      run(fmt::format("CREATE OR REPLACE TEMP VIEW {} AS FROM {}({})", quote_name(name), stream_function, added.id));
  if (!view) {
    session_->streams->remove(added.id);
    return tl::unexpected(view.error());
  }
  const auto key = lower(name);
  if (const auto old = session_->registered.find(key); old != session_->registered.end())
    session_->streams->remove(old->second.id);
  session_->registered[key] = std::move(added);
  return {};
}

void DuckConnection::unregister_stream(const std::string& name) {
  const auto found = session_->registered.find(lower(name));
  if (found == session_->registered.end()) return;
  session_->streams->remove(found->second.id);
  session_->registered.erase(found);
  (void)run(fmt::format("DROP VIEW IF EXISTS temp.{}", quote_name(name)));
}

Result<DuckConnection::Insert*> DuckConnection::insert_into(const std::string& table, const Schema& schema) {
  auto& insert = inserts_[table];
  if (insert.statement && insert.schema->Equals(*schema)) return &insert;
  const auto key = "insert into " + table;
  insert = Insert();
  insert.schema = schema;
  insert.slot = std::make_shared<Rows>();
  const auto open = [slot = insert.slot]() -> Result<NextRows> {
    return [rows = *slot]() mutable -> Result<Rows> { return std::exchange(rows, nullptr); };
  };
  if (const auto old = session_->registered.find(key); old != session_->registered.end())
    session_->streams->remove(old->second.id);
  ASSIGN(auto added, session_->streams->add(schema, open, -1));
  insert.stream = added.id;
  session_->registered[key] = std::move(added);
  const auto sql = fmt::format("INSERT INTO {} FROM {}({})", table, stream_function, insert.stream);
  if (duckdb_prepare(session_->handle.get(), sql.c_str(), insert.statement.out()) != DuckDBSuccess) {
    auto error = from_duckdb(duckdb_prepare_error(insert.statement.get()));
    inserts_.erase(table);
    return tl::unexpected(std::move(error));
  }
  return &insert;
}

Result<int64_t> DuckConnection::append(const std::string& table, const Rows& rows) {
  ASSIGN(auto* insert, insert_into(table, rows->schema()));
  *insert->slot = rows;
  ResultHandle result;
  const auto state = duckdb_execute_prepared(insert->statement.get(), result.get());
  insert->slot->reset();
  if (state != DuckDBSuccess) return tl::unexpected(session_->failure(result.get()));
  return static_cast<int64_t>(duckdb_rows_changed(result.get()));
}

}  // namespace trommel::query
