#include "connectors/duckdb/query_store.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>

#include "arrow/api.h"
#include "connectors/duckdb/sink.h"
#include "connectors/duckdb/table.h"
#include "connectors/duckdb/views.h"
#include "fmt/format.h"

namespace trommel {
namespace {

std::string create_statement(const StoreTable& table) {
  std::vector<TableColumn> columns;
  for (const auto& column : columns_of(*table.schema)) columns.push_back({column.name, column.type, column.nullable});
  return create_table(table.name, columns);
}

bool same_name(const std::string& a, const std::string& b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

/// An empty database in memory that has the tables of the file, as they are and as they will be.
class Scratch {
 public:
  static Result<Scratch> make(const DuckdbQuerySettings& settings) {
    Scratch scratch;
    ASSIGN(scratch.database_, query::Database::open({}));
    ASSIGN(scratch.connection_, scratch.database_->connect());
    for (const StoreTable& table : settings.tables) TRY(scratch.connection_->run(create_statement(table)));
    TRY(scratch.copy_others(settings));
    return scratch;
  }

  query::Connection& connection() { return *connection_; }

  /// The tables of views come one after the other, since a view may read those before it.
  Result<> add(const View& view) {
    return connection_->run(
        fmt::format("CREATE TABLE {} AS SELECT * FROM ({}) LIMIT 0", query::quote_name(view.name), view.sql));
  }

 private:
  /// Tables of the file that the pipeline does not write to.
  Result<> copy_others(const DuckdbQuerySettings& settings) {
    if (!settings.env->exists(settings.options.path)) return {};
    auto options = settings.options;
    options.read_only = true;
    ASSIGN(const auto database, query::Database::open(options));
    ASSIGN(const auto connection, database->connect());
    ASSIGN(const auto found,
           connection->all("SELECT table_name, sql FROM duckdb_tables() WHERE database_name = current_database() AND "
                           "schema_name = 'main' AND NOT starts_with(table_name, '_trommel_')"));
    for (const auto& rows : found) {
      for (int64_t row = 0; row < rows->num_rows(); ++row) {
        const auto name = value_text(*rows->column(0), row);
        const auto has_name = [&](const auto& other) { return same_name(other.name, name); };
        if (std::ranges::any_of(settings.tables, has_name) || std::ranges::any_of(settings.views, has_name)) continue;
        // What is made with functions of the file (a sequence, a type) is not at hand here, and is left out.
        (void)connection_->run(value_text(*rows->column(1), row));
      }
    }
    return {};
  }

  std::shared_ptr<query::Database> database_;
  std::unique_ptr<query::Connection> connection_;
};

Result<Schema> columns_of_query(query::Connection& connection, const std::string& sql,
                                const std::vector<query::Parameter>& parameters) {
  ASSIGN(const auto cursor, connection.query(fmt::format("SELECT * FROM ({}) LIMIT 0", sql), parameters));
  return cursor->schema();
}

/// A value of the type, where only the type matters.
Result<std::shared_ptr<arrow::Array>> any_value(const Type& type) {
  auto scalar = arrow::MakeScalar(type, 0);
  if (type->id() == arrow::Type::STRING) scalar = std::shared_ptr<arrow::Scalar>(arrow::MakeScalar(""));
  if (!scalar.ok()) return std::shared_ptr<arrow::Array>();
  auto array = arrow::MakeArrayFromScalar(**scalar, 1);
  if (!array.ok()) return tl::unexpected(from_arrow(array.status(), "SQL"));
  return *array;
}

/// Breaks off what runs for too long.
class Deadlines {
 public:
  explicit Deadlines(Env& env)
      : env_(env), thread_(env.start_thread("deadlines", [this](std::stop_token stop) { keep(stop); })) {}
  ~Deadlines() {
    thread_->request_stop();
    changed_.notify_all();
    thread_->join();
  }

  /// As long as it lives the connection is interrupted at the time.
  class Watch {
   public:
    Watch(Deadlines& deadlines, query::Connection& connection, int64_t at_us) : deadlines_(deadlines) {
      const std::lock_guard lock(deadlines_.mutex_);
      at_ = deadlines_.watched_.emplace(at_us, &connection);
      deadlines_.changed_.notify_all();
    }
    ~Watch() {
      const std::lock_guard lock(deadlines_.mutex_);
      deadlines_.watched_.erase(at_);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Deadlines& deadlines_;
    std::multimap<int64_t, query::Connection*>::iterator at_;
  };

 private:
  void keep(const std::stop_token& stop) {
    constexpr int64_t again_us = 10'000;  // an interrupt between two statements is not seen
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      const int64_t now = env_.steady_us();
      int64_t wait = 1'000'000;
      for (const auto& [at, connection] : watched_) {
        if (at <= now) connection->interrupt();
        wait = std::min(wait, at <= now ? again_us : at - now);
      }
      changed_.wait_for(lock, std::chrono::microseconds(wait));
    }
  }

  Env& env_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<int64_t, query::Connection*> watched_;
  std::unique_ptr<Thread> thread_;
};

class DuckdbQueryStore : public QueryStore {
 public:
  explicit DuckdbQueryStore(DuckdbQuerySettings settings)
      : settings_(std::move(settings)), name_("duckdb:" + settings_.options.path) {}

  std::string placeholder(const QueryParameter& parameter) const override { return "$" + parameter.name; }
  std::string quoted(const std::string& name) const override { return query::quote_name(name); }

  Result<QueryShape> describe(const Query& query) override {
    const std::lock_guard lock(mutex_);
    TRY(make_scratch());
    QueryShape shape;
    ASSIGN(shape.parameters, scratch_->connection().parameter_names(query.sql));
    std::vector<query::Parameter> parameters;
    for (const auto& parameter : query.parameters) {
      ASSIGN(auto value, any_value(parameter.type));
      parameters.push_back({parameter.name, std::move(value)});
    }
    ASSIGN(shape.schema, columns_of_query(scratch_->connection(), query.sql, parameters));
    return shape;
  }

  Result<> open() override {
    const std::lock_guard committing(duckdb_commit_mutex(settings_.options.path));
    const std::lock_guard lock(mutex_);
    TRY(make_duckdb_file(*settings_.env, settings_.options));
    ASSIGN(database_, query::Database::open(settings_.options));
    TRY(make_missing());
    deadlines_ = std::make_unique<Deadlines>(*settings_.env);
    return settings_.env->sync_directory(folder_of(settings_.options.path));
  }

  Result<std::string> version() override {
    ASSIGN(const auto connection, take(connection_wait_us));
    return connection->value(
        fmt::format("SELECT string_agg(concat_ws(' ', pipeline, sink, epoch, committed_at), ' ' ORDER BY pipeline, "
                    "sink) FROM {}",
                    duckdb_epochs_table));
  }

  Result<std::vector<QueryAnswer>> ask(std::span<const Query> queries, int64_t timeout_us) override {
    const int64_t until = settings_.env->steady_us() + timeout_us;
    ASSIGN(const auto connection, take(timeout_us));
    const Deadlines::Watch watch(*deadlines_, *connection, until);
    TRY(connection->run("BEGIN TRANSACTION READ ONLY"));
    auto answers = ask_in_transaction(*connection, queries);
    (void)connection->run("ROLLBACK");  // nothing was written
    if (!answers && settings_.env->steady_us() >= until) return too_slow();
    return answers;
  }

 private:
  static constexpr int64_t connection_wait_us = 10'000'000;
  static constexpr size_t connections_max = 16;

  tl::unexpected<Error> too_slow() const {
    return external_error(name_, "the question took longer than it may", "narrow it by its parameters");
  }

  Result<> make_scratch() {
    if (scratch_) return {};
    ASSIGN(auto scratch, Scratch::make(settings_));
    scratch_ = std::make_unique<Scratch>(std::move(scratch));
    for (const View& view : settings_.views) TRY(scratch_->add(view));
    return {};
  }

  /// In one transaction, as a sink's first commit would.
  Result<> make_missing() {
    ASSIGN(const auto connection, database_->connect());
    TRY(connection->run("BEGIN"));
    const auto made = make_missing_in_transaction(*connection);
    if (!made) {
      (void)connection->run("ROLLBACK");
      return made;
    }
    return connection->run("COMMIT");
  }

  Result<> make_missing_in_transaction(query::Connection& connection) {
    TRY(connection.run(fmt::format("CREATE TABLE IF NOT EXISTS {} {}", duckdb_epochs_table, duckdb_epochs_columns)));
    for (const StoreTable& table : settings_.tables) {
      auto ddl = create_statement(table);
      TRY(connection.run(ddl.replace(0, 12, "CREATE TABLE IF NOT EXISTS")));
    }
    return ViewKeeper(connection, settings_.pipeline, settings_.views).make_all();
  }

  static Result<std::vector<QueryAnswer>> ask_in_transaction(query::Connection& connection,
                                                             std::span<const Query> queries) {
    std::vector<QueryAnswer> answers;
    for (const Query& query : queries) {
      const auto began = std::chrono::steady_clock::now();
      std::vector<query::Parameter> parameters;
      for (const auto& parameter : query.parameters) parameters.push_back({parameter.name, parameter.value});
      ASSIGN(const auto cursor, connection.query(query.sql, parameters));
      QueryAnswer answer{cursor->schema(), {}, {}};
      for (;;) {
        ASSIGN(auto rows, cursor->next());
        if (!rows) break;
        answer.statistics.rows += rows->num_rows();
        answer.rows.push_back(std::move(rows));
      }
      answer.statistics.elapsed_us =
          std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began).count();
      answers.push_back(std::move(answer));
    }
    return answers;
  }

  // ---- connections, each used by one thread at a time ----

  struct GiveBack {
    DuckdbQueryStore* store;
    void operator()(query::Connection* connection) const {
      const std::lock_guard lock(store->mutex_);
      store->idle_.emplace_back(connection);
      store->given_back_.notify_one();
    }
  };
  using Taken = std::unique_ptr<query::Connection, GiveBack>;

  Result<Taken> take(int64_t wait_us) {
    std::unique_lock lock(mutex_);
    if (!database_) return internal_error(name_, "the store is asked before it is open");
    const auto ready = [&] { return !idle_.empty() || connections_ < connections_max; };
    if (!given_back_.wait_for(lock, std::chrono::microseconds(wait_us), ready)) return too_slow();
    if (!idle_.empty()) {
      Taken taken(idle_.back().release(), GiveBack{this});
      idle_.pop_back();
      return taken;
    }
    ASSIGN(auto made, database_->connect());
    ++connections_;
    return Taken(made.release(), GiveBack{this});
  }

  DuckdbQuerySettings settings_;
  std::string name_;
  std::mutex mutex_;
  std::unique_ptr<Scratch> scratch_;
  std::shared_ptr<query::Database> database_;
  std::unique_ptr<Deadlines> deadlines_;
  std::condition_variable given_back_;
  std::vector<std::unique_ptr<query::Connection>> idle_;
  size_t connections_ = 0;
};

std::string kept_how(const ViewPlan& plan) {
  if (plan.groups.table.empty()) return fmt::format("made anew as a whole by each epoch: {}", plan.groups.why);
  return fmt::format("groups by {} that an epoch's rows of {} belong to are made anew with them",
                     fmt::join(plan.view->by, ", "), plan.groups.table);
}

}  // namespace

Result<std::shared_ptr<QueryStore>> make_duckdb_query_store(DuckdbQuerySettings settings) {
  return std::make_shared<DuckdbQueryStore>(std::move(settings));
}

Result<std::vector<BoundView>> bind_duckdb_views(const DuckdbQuerySettings& settings, Problems& problems) {
  ASSIGN(auto scratch, Scratch::make(settings));
  std::vector<BoundView> out;
  for (const View& view : settings.views) {
    const bool taken =
        std::ranges::any_of(settings.tables, [&](const StoreTable& table) { return same_name(table.name, view.name); });
    if (taken) {
      problems.add(view.place, fmt::format("view `{}` has the name of a table that a sink writes to", view.name));
      continue;
    }
    auto plan = plan_view(scratch.connection(), view, settings.views);
    const auto schema = plan ? columns_of_query(scratch.connection(), view.sql, {}) : Result<Schema>(Schema());
    if (!plan || !schema) {
      const Error& error = plan ? schema.error() : plan.error();
      problems.add(view.sql_place, fmt::format("view `{}`: {}", view.name, error.what), error.hint);
      continue;
    }
    for (const auto& name : view.by) {
      const bool there =
          std::ranges::any_of((*schema)->fields(), [&](const auto& field) { return same_name(field->name(), name); });
      if (there) continue;
      const auto near = did_you_mean(name, (*schema)->field_names());
      problems.add(view.by_place, fmt::format("view `{}` has no column `{}`", view.name, name),
                   near.empty() ? "" : fmt::format("did you mean `{}`?", near));
    }
    const bool follows = std::ranges::any_of(settings.tables, [&](const StoreTable& table) {
      return std::ranges::any_of(plan->reads, [&](const auto& name) { return same_name(name, table.name); });
    });
    const bool of_views = std::ranges::any_of(out, [&](const BoundView& other) {
      return std::ranges::any_of(plan->reads, [&](const auto& name) { return same_name(name, other.name); });
    });
    if (!follows && !of_views)
      problems.add(view.sql_place,
                   fmt::format("view `{}` reads no table that a sink of the pipeline writes to", view.name));
    for (const StoreTable& table : settings.tables) {
      if (table.appends || plan->groups.table.empty() || !same_name(table.name, plan->groups.table)) continue;
      plan->groups.table.clear();
      plan->groups.why = "rows of its table go, or change";
    }
    TRY(scratch.add(view));
    out.push_back({view.name, {view.name, *schema, false}, {kept_how(*plan)}});
  }
  return out;
}

}  // namespace trommel
