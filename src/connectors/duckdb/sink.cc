#include "connectors/duckdb/sink.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "arrow/api.h"
#include "base/lasting_folder.h"
#include "component/table_refusals.h"
#include "connectors/duckdb/merge.h"
#include "connectors/duckdb/views.h"
#include "fmt/format.h"
#include "query/inserter.h"

namespace trommel {
namespace {

constexpr const char* epochs_table = duckdb_epochs_table;
constexpr const char* incoming = "_trommel_incoming";

class DuckdbSink : public StoreSink {
 public:
  explicit DuckdbSink(DuckdbTarget target) : target_(std::move(target)) {}

  Guarantee guarantee() const override { return Guarantee::exactly_once; }

  Result<Epoch> last_committed() override { return located(read_last_committed()); }

  Result<std::vector<Refusal>> refuses(const Batch& batch) override {
    TableRefusals refused;
    for (const auto& column : target_.columns) {
      if (column.input < 0) continue;
      const auto& values = batch.rows->column(column.input);
      ASSIGN(const auto cast, cast_column(values, column.type));
      refused.add({column.name, duckdb_type(*column.type), column.nullable, column.key}, *values, cast.refused);
    }
    return std::move(refused).take();
  }

  Result<int64_t> commit(Epoch epoch, Segment& segment) override {
    const std::lock_guard lock(duckdb_commit_mutex(target_.options.path));
    return located(commit_durably(epoch, segment));
  }

 private:
  template <class T>
  Result<T> located(Result<T> result) const {
    if (result) return result;
    auto error = std::move(result).error();
    error.where = error.where.empty() || error.where == target_.options.path ? target_.name()
                                                                             : target_.name() + ": " + error.where;
    return tl::unexpected(std::move(error));
  }

  std::string key() const {
    return fmt::format("pipeline = {} AND sink = {}", query::quote_text(target_.pipeline),
                       query::quote_text(target_.sink));
  }

  /// The value of a column of this sink's row in the table of epochs; 0 when there is none.
  Result<uint64_t> stored(query::Connection& connection, const std::string& column) const {
    ASSIGN(const auto columns, stored_columns(connection, epochs_table));
    if (!columns) return 0;
    ASSIGN(const auto text, connection.value(fmt::format("SELECT {} FROM {} WHERE {}", column, epochs_table, key())));
    return text.empty() ? 0 : std::stoull(text);
  }

  Result<Epoch> read_last_committed() const {
    if (!target_.env->exists(target_.options.path)) return 0;
    auto options = target_.options;
    options.read_only = true;
    ASSIGN(const auto database, query::Database::open(options));
    ASSIGN(const auto connection, database->connect());
    return stored(*connection, "epoch");
  }

  /// DuckDB syncs its files, but not the folder that knows their names.
  Result<int64_t> commit_durably(Epoch epoch, Segment& segment) const {
    TRY(make_duckdb_file(*target_.env, target_.options));
    ASSIGN(const int64_t rows, commit_locked(epoch, segment));
    TRY(target_.env->sync_directory(folder_of(target_.options.path)));
    return rows;
  }

  Result<int64_t> commit_locked(Epoch epoch, Segment& segment) const {
    ASSIGN(const auto database, query::Database::open(target_.options));
    ASSIGN(const auto connection, database->connect());
    TRY(connection->run("BEGIN"));
    auto done = fill(*connection, epoch, segment);
    // What fails in COMMIT itself is rolled back by DuckDB.
    if (done) {
      if (auto committed = connection->run("COMMIT"); !committed) return tl::unexpected(std::move(committed).error());
    } else {
      (void)connection->run("ROLLBACK");
    }
    return done;
  }

  /// Inside the transaction.
  Result<int64_t> fill(query::Connection& connection, Epoch epoch, Segment& segment) const {
    TRY(connection.run(fmt::format("CREATE TABLE IF NOT EXISTS {} {}", epochs_table, duckdb_epochs_columns)));
    ASSIGN(const Epoch last, stored(connection, "epoch"));
    if (last > epoch) return segment.rows();
    if (last == epoch) {
      ASSIGN(const uint64_t rows, stored(connection, "rows"));
      return static_cast<int64_t>(rows);
    }
    TRY(make_table(connection));
    ViewKeeper views(connection, target_.pipeline, target_.views);
    TRY(views.begin(target_.table));
    const NextStored next = [&]() -> Result<Rows> {
      Batch batch;
      ASSIGN(const bool more, segment.next(batch));
      return more ? as_stored(*batch.rows) : Result<Rows>(nullptr);
    };
    const bool merges = target_.write == TableWrite::upsert || target_.write == TableWrite::replace_partitions;
    bool seen = false;
    if (target_.write == TableWrite::append && views.wants_rows()) {
      ASSIGN(seen, fills_all_columns(connection));
    }
    ASSIGN(const int64_t rows, merges ? merge_rows(connection, target_, next)
                               : seen ? add_rows_by_way(connection, next)
                                      : add_rows(connection, next));
    TRY(views.refresh(seen ? incoming : ""));
    if (seen) TRY(connection.run(fmt::format("DROP TABLE temp.main.{}", incoming)));
    TRY(connection.run(fmt::format("DELETE FROM {} WHERE {}", epochs_table, key())));
    TRY(connection.run(fmt::format("INSERT INTO {} VALUES ({}, {}, {}, {}, make_timestamp({}))", epochs_table,
                                   query::quote_text(target_.pipeline), query::quote_text(target_.sink), epoch, rows,
                                   target_.env->now_us())));
    return rows;
  }

  Result<> make_table(query::Connection& connection) const {
    auto ddl = create_table(target_.table, target_.columns);
    if (target_.recreate) return connection.run(ddl.replace(0, 6, "CREATE OR REPLACE"));
    TRY(connection.run(ddl.replace(0, 12, "CREATE TABLE IF NOT EXISTS")));
    for (const TableChange& change : target_.changes) TRY(connection.run(change.ddl));
    if (target_.write != TableWrite::replace) return {};
    TRY(wake_indexes(connection, target_));
    return connection.run("DELETE FROM " + query::quote_name(target_.table));
  }

  static Result<> insert_all(query::Inserter& inserter, const NextStored& next) {
    for (;;) {
      ASSIGN(const Rows rows, next());
      if (!rows) return inserter.finish();
      TRY(inserter.add(rows));
    }
  }

  /// Returns how many rows the table has more.
  Result<int64_t> add_rows(query::Connection& connection, const NextStored& next) const {
    const auto table = query::quote_name(target_.table);
    ASSIGN(const int64_t before, count_rows(connection, table));
    query::Inserter inserter(connection, fmt::format("{} ({})", table, filled_columns(target_)));
    TRY(insert_all(inserter, next));
    ASSIGN(const int64_t after, count_rows(connection, table));
    return after - before;
  }

  /// Whether the rows that come are all there is of the table's new rows: a column that they do not fill may have a
  /// default.
  Result<bool> fills_all_columns(query::Connection& connection) const {
    ASSIGN(const auto there, stored_columns(connection, target_.table));
    const auto filled = std::ranges::count_if(target_.columns, [](const TableColumn& c) { return c.input >= 0; });
    return there && there->size() == static_cast<size_t>(filled);
  }

  /// As `add_rows`, by way of a temporary table that stays.
  Result<int64_t> add_rows_by_way(query::Connection& connection, const NextStored& next) const {
    const auto table = query::quote_name(target_.table), columns = filled_columns(target_);
    TRY(connection.run(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS FROM main.{} LIMIT 0", incoming, table)));
    query::Inserter inserter(connection, fmt::format("temp.main.{} ({})", incoming, columns));
    TRY(insert_all(inserter, next));
    ASSIGN(const int64_t before, count_rows(connection, table));
    TRY(connection.run(
        fmt::format("INSERT INTO {} ({}) SELECT {} FROM temp.main.{}", table, columns, columns, incoming)));
    ASSIGN(const int64_t after, count_rows(connection, table));
    return after - before;
  }

  /// The rows with the table's names and types.
  Result<Rows> as_stored(const arrow::RecordBatch& rows) const {
    arrow::FieldVector fields;
    arrow::ArrayVector columns;
    for (const auto& column : target_.columns) {
      if (column.input < 0) continue;
      const auto values = rows.GetColumnByName(column.input_name);
      if (!values) {  // rows of a run that crashed, before the column came up
        auto nulls = arrow::MakeArrayOfNull(column.type, rows.num_rows());
        if (!nulls.ok()) return internal_error("", nulls.status().ToString());
        fields.push_back(arrow::field(column.name, column.type));
        columns.push_back(*nulls);
        continue;
      }
      ASSIGN(auto cast, cast_column(values, column.type));
      if (!cast.refused.empty()) {
        return data_error("", fmt::format("column `{}` of the table is {}: {}", column.name, duckdb_type(*column.type),
                                          value_text(*values, cast.refused.front())));
      }
      fields.push_back(arrow::field(column.name, column.type));
      columns.push_back(std::move(cast.column));
    }
    return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows.num_rows(), std::move(columns));
  }

  DuckdbTarget target_;
};

}  // namespace

std::mutex& duckdb_commit_mutex(const std::string& path) {
  static std::mutex guard;
  static auto* mutexes = new std::map<std::string, std::mutex>;
  const std::lock_guard lock(guard);
  return (*mutexes)[path];
}

Result<> make_duckdb_file(Env& env, const query::Options& options) {
  if (env.exists(options.path)) return {};
  TRY(make_lasting_directories(env, folder_of(options.path)));
  auto aside = options;
  aside.path += ".new";
  TRY(env.remove(aside.path));
  TRY(env.remove(aside.path + ".wal"));
  if (const auto made = query::Database::open(aside); !made) return tl::unexpected(made.error());
  return env.rename(aside.path, options.path);
}

std::shared_ptr<StoreSink> make_duckdb_sink(DuckdbTarget target) {
  return std::make_shared<DuckdbSink>(std::move(target));
}

}  // namespace trommel
