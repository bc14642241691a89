#include "connectors/clickhouse/query_store.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "connectors/clickhouse/columns.h"
#include "connectors/clickhouse/dialect.h"
#include "connectors/clickhouse/literals.h"
#include "connectors/clickhouse/native_reader.h"
#include "connectors/clickhouse/views.h"

namespace trommel::clickhouse {
namespace {

constexpr int64_t us_a_ms = 1'000, us_a_second = 1'000'000;

/// What a server says of values that a text cannot work with: who asks can do something about it.
bool is_of_values(int code) {
  static constexpr int kCodes[] = {6, 27, 38, 41, 53, 69, 70, 72, 153, 407, 467};
  return std::ranges::find(kCodes, code) != std::end(kCodes);
}
bool is_of_time(int code) { return code == 159 || code == 160 || code == 209; }

/// A query for one engine, and what goes beside its text.
struct Written {
  std::string sql;
  Settings settings;
};

/// `values`: false where only the types matter.
Result<Written> written(const Query& query, const Engine& engine, bool values) {
  Written out;
  out.settings = standard_settings(engine);
  std::optional<Error> wrong;
  const auto put = [&](std::string_view name) -> std::string {
    const auto known = std::ranges::find(query.parameters, name, &QueryParameter::name);
    if (known == query.parameters.end()) {
      wrong = config_error("", fmt::format("parameter `${}` has no type", name), "name it under `parameters`").value();
      return {};
    }
    QueryParameter parameter = *known;
    if (!values) parameter.value = nullptr;
    auto text = engine.parameters ? bound(parameter, engine) : literal(parameter, engine);
    if (!text) wrong = text.error();
    return text.value_or("");
  };
  out.sql = with_parameters(to_clickhouse(query.sql, engine), put);
  if (wrong) return tl::unexpected(std::move(*wrong));
  if (!engine.parameters) return out;
  for (QueryParameter parameter : query.parameters) {
    if (!values) parameter.value = nullptr;
    ASSIGN(auto text, parameter_text(parameter, engine));
    out.settings.emplace_back("param_" + parameter.name, std::move(text));
  }
  return out;
}

/// Lets SELECTs read tables that are not there yet, as empty ones, and views as the pipeline has them now.
class Shadows {
 public:
  Shadows(Client& client, Engine engine, const QuerySettings& settings)
      : client_(client), engine_(std::move(engine)), settings_(settings) {}

  Result<> make() {
    for (const StoreTable& table : settings_.tables) {
      ASSIGN(const auto exists, client_.run("EXISTS TABLE " + quote_name(table.name)));
      if (!exists.body.starts_with("1")) TRY(add(table));
    }
    return {};
  }

  Result<> add(const View& view) {
    if (!old()) {
      with_ += fmt::format("{}{} AS ({})", with_.empty() ? "WITH " : ", ", quote_name(view.name),
                           to_clickhouse(view.sql, engine_));
      return {};
    }
    ASSIGN(const auto columns, columns_of(to_clickhouse(view.sql, engine_)));
    return add_temporary(view.name, columns);
  }

  Result<> add_all() {
    TRY(make());
    for (const View& view : settings_.views) TRY(add(view));
    return {};
  }

  /// The SELECT among them.
  Written among(Written query) const {
    if (old()) query.settings.emplace_back("session_id", session_);
    if (!with_.empty()) query.sql = fmt::format("{} SELECT * FROM ({}\n)", with_, query.sql);
    return query;
  }

  Result<std::vector<Column>> columns_of(const std::string& sql, Settings settings = {}) {
    Exception said;
    const auto query = among({sql, std::move(settings)});
    auto columns = columns_of_select(client_, engine_, query.sql, query.settings, &said);
    if (columns || said.code == 0 || may_be_tried_again(said.code)) return columns;
    auto error = columns.error();
    return config_error("", error.what, error.hint);
  }

 private:
  /// Without WITH: temporary tables of a session.
  bool old() const { return !engine_.at_least(20, 10); }

  Result<> add(const StoreTable& table) {
    std::vector<Column> columns;
    for (const auto& field : table.schema->fields()) {
      ASSIGN(const auto type, column_type(*field->type(), field->nullable(), false, engine_));
      columns.push_back({field->name(), type.text});
    }
    if (old()) return add_temporary(table.name, columns);
    std::vector<std::string> items;
    for (const Column& column : columns)
      items.push_back(
          fmt::format("defaultValueOfTypeName({}) AS {}", quote_text(column.type), quote_name(column.name)));
    with_ += fmt::format("{}{} AS (SELECT {} WHERE 0)", with_.empty() ? "WITH " : ", ", quote_name(table.name),
                         fmt::join(items, ", "));
    return {};
  }

  Result<> add_temporary(const std::string& name, const std::vector<Column>& columns) {
    std::vector<std::string> items;
    for (const Column& column : columns) items.push_back(quote_name(column.name) + " " + column.type);
    Statement statement{.sql = fmt::format("CREATE TEMPORARY TABLE {} ({})", quote_name(name), fmt::join(items, ", "))};
    statement.settings.emplace_back("session_id", session_);
    TRY(client_.run(statement));
    return {};
  }

  static std::string fresh_session(Env& env) {
    static std::atomic<int> count = 0;
    return fmt::format("trommel-{}-{}", env.now_us(), ++count);
  }

  Client& client_;
  Engine engine_;
  const QuerySettings& settings_;
  std::string with_;
  std::string session_ = fresh_session(*settings_.env);
};

class ClickhouseQueryStore : public QueryStore {
 public:
  ClickhouseQueryStore(QuerySettings settings, Engine engine, ViewKeeper views)
      : settings_(std::move(settings)), engine_(std::move(engine)), views_(std::move(views)) {}

  std::string placeholder(const QueryParameter& parameter) const override { return "$" + parameter.name; }
  std::string quoted(const std::string& name) const override { return quote_name(name); }

  Result<QueryShape> describe(const Query& query) override {
    ASSIGN(const auto client, take(kWaitUs));
    QueryShape shape;
    shape.parameters = parameters_in(query.sql);
    ASSIGN(auto text, written(query, engine_, false));
    Shadows shadows(*client, engine_, settings_);
    TRY(shadows.add_all());
    std::erase_if(text.settings, [](const auto& setting) { return !setting.first.starts_with("param_"); });
    ASSIGN(const auto columns, shadows.columns_of(text.sql, text.settings));
    std::vector<std::pair<std::string, std::string>> names;
    for (const Column& column : columns) names.emplace_back(column.name, column.type);
    ASSIGN(const auto answer, answer_columns(names, engine_));
    shape.schema = schema_of(answer);
    return shape;
  }

  Result<> open() override {
    ASSIGN(const auto client, take(kWaitUs));
    return views_.make_all(*client);
  }

  /// Each INSERT makes a part, and so does a merge, which changes nothing: then an answer is only asked for once more.
  Result<std::string> version() override {
    ASSIGN(const auto client, take(kWaitUs));
    return version_of(*client);
  }

  Result<std::vector<QueryAnswer>> ask(std::span<const Query> queries, int64_t timeout_us) override {
    const int64_t until = settings_.env->steady_us() + timeout_us;
    ASSIGN(const auto client, take(timeout_us));
    constexpr int tries = 4;
    for (int i = 1;; ++i) {
      std::string before, after;
      const bool several = queries.size() > 1;
      if (several) {
        ASSIGN(before, version_of(*client));
      }
      ASSIGN(auto answers, ask_once(*client, queries, until));
      if (several) {
        ASSIGN(after, version_of(*client));
      }
      if (before == after || i == tries) return answers;
    }
  }

 private:
  static constexpr int64_t kWaitUs = 10'000'000;
  static constexpr size_t kClientsMax = 16;

  tl::unexpected<Error> too_slow() const {
    auto error = external_error(settings_.address.shown(), "the question took longer than it may",
                                "narrow it by its parameters");
    return error;
  }

  static Result<std::string> version_of(Client& client) {
    ASSIGN(const auto answer,
           client.run(
               "SELECT groupBitXor(cityHash64(table, name, rows, modification_time)), count() FROM system.parts WHERE "
               "database = currentDatabase() AND active"));
    return answer.body;
  }

  Result<std::vector<QueryAnswer>> ask_once(Client& client, std::span<const Query> queries, int64_t until) {
    std::vector<QueryAnswer> answers;
    for (const Query& query : queries) {
      ASSIGN(auto text, written(query, engine_, true));
      const int64_t left = until - settings_.env->steady_us();
      if (left <= 0) return too_slow();
      text.settings.emplace_back("max_execution_time", std::to_string(left / us_a_second + 1));
      ASSIGN(auto answer, ask_one(client, text, left));
      answers.push_back(std::move(answer));
    }
    return answers;
  }

  Result<QueryAnswer> ask_one(Client& client, const Written& text, int64_t left_us, bool shadowed = false) {
    const int64_t began = settings_.env->steady_us();
    Exception said;
    const auto answer = client.run(
        Statement{
            .sql = text.sql, .settings = text.settings, .format = "Native", .timeout_ms = left_us / us_a_ms + us_a_ms},
        &said);
    if (!answer && said.code == codes::unknown_table && !shadowed) {  // nothing was committed yet
      Shadows shadows(client, engine_, settings_);
      TRY(shadows.add_all());
      return ask_one(client, shadows.among(text), left_us, true);
    }
    if (!answer) return refused(answer.error(), said, left_us - (settings_.env->steady_us() - began));
    ASSIGN(auto native, read_native(answer->body, engine_));
    if (native.columns.empty()) {  // no row, and so no block that says the columns
      ASSIGN(const auto columns, columns_of_select(client, engine_, text.sql, text.settings));
      std::vector<std::pair<std::string, std::string>> names;
      for (const Column& column : columns) names.emplace_back(column.name, column.type);
      ASSIGN(native.columns, answer_columns(names, engine_));
    }
    QueryAnswer out{schema_of(native.columns), std::move(native.rows), {}};
    for (const auto& rows : out.rows) out.statistics.rows += rows->num_rows();
    out.statistics.elapsed_us = settings_.env->steady_us() - began;
    out.statistics.rows_read = answer->cost.rows_read;
    out.statistics.bytes_read = answer->cost.bytes_read;
    out.statistics.memory_bytes = answer->cost.memory_bytes;
    return out;
  }

  tl::unexpected<Error> refused(Error error, const Exception& said, int64_t left_us) const {
    if (is_of_time(said.code) || left_us <= 0) return too_slow();
    if (is_of_values(said.code)) error.domain = Error::Domain::data;
    return tl::unexpected(std::move(error));
  }

  // ---- clients, each used by one thread at a time ----

  struct GiveBack {
    ClickhouseQueryStore* store;
    void operator()(Client* client) const {
      const std::lock_guard lock(store->mutex_);
      store->idle_.emplace_back(client);
      store->given_back_.notify_one();
    }
  };
  using Taken = std::unique_ptr<Client, GiveBack>;

  Result<Taken> take(int64_t wait_us) {
    std::unique_lock lock(mutex_);
    const auto ready = [&] { return !idle_.empty() || clients_ < kClientsMax; };
    if (!given_back_.wait_for(lock, std::chrono::microseconds(wait_us), ready)) return too_slow();
    if (idle_.empty()) {
      ++clients_;
      return Taken(new Client(settings_.address), GiveBack{this});
    }
    Taken taken(idle_.back().release(), GiveBack{this});
    idle_.pop_back();
    return taken;
  }

  QuerySettings settings_;
  Engine engine_;
  ViewKeeper views_;
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<std::unique_ptr<Client>> idle_;
  size_t clients_ = 0;
};

std::string kept_how(const ViewPlan& plan) {
  if (plan.table.empty()) return fmt::format("made anew as a whole by each epoch: {}", plan.why);
  return fmt::format("groups by {} that an epoch's rows of {} belong to are made anew with them",
                     fmt::join(plan.view.by, ", "), plan.table);
}

}  // namespace

Result<std::shared_ptr<QueryStore>> make_query_store(QuerySettings settings) {
  Client client(settings.address);
  ASSIGN(auto engine, client.engine());
  ASSIGN(auto plans, plan_views(settings.tables, settings.views));
  ViewKeeper views(settings.pipeline, std::move(plans));
  return std::make_shared<ClickhouseQueryStore>(std::move(settings), std::move(engine), std::move(views));
}

Result<std::vector<BoundView>> bind_views(const QuerySettings& settings, Problems& problems) {
  Client client(settings.address);
  ASSIGN(const auto engine, client.engine());
  ASSIGN(const auto plans, plan_views(settings.tables, settings.views));
  Shadows shadows(client, engine, settings);
  TRY(shadows.make());
  std::vector<BoundView> out;
  for (const ViewPlan& plan : plans) {
    const View& view = plan.view;
    const bool taken =
        std::ranges::any_of(settings.tables, [&](const StoreTable& table) { return same_name(table.name, view.name); });
    if (taken) {
      problems.add(view.place, fmt::format("view `{}` has the name of a table that a sink writes to", view.name));
      continue;
    }
    const auto columns = shadows.columns_of(to_clickhouse(view.sql, engine));
    if (!columns && columns.error().domain != Error::Domain::config) return tl::unexpected(columns.error());
    if (!columns) {
      problems.add(view.sql_place, fmt::format("view `{}`: {}", view.name, columns.error().what), columns.error().hint);
      continue;
    }
    std::vector<std::pair<std::string, std::string>> names;
    std::vector<std::string> known;
    for (const Column& column : *columns) {
      names.emplace_back(column.name, column.type);
      known.push_back(column.name);
    }
    const auto answer = answer_columns(names, engine);
    if (!answer) {
      problems.add(view.sql_place, fmt::format("view `{}`: {}", view.name, answer.error().what), answer.error().hint);
      continue;
    }
    for (const auto& name : view.by) {
      if (std::ranges::find(known, name) != known.end()) continue;
      const auto near = did_you_mean(name, known);
      problems.add(view.by_place, fmt::format("view `{}` has no column `{}`", view.name, name),
                   near.empty() ? "" : fmt::format("did you mean `{}`?", near));
    }
    if (plan.reads.empty())
      problems.add(view.sql_place,
                   fmt::format("view `{}` reads no table that a sink of the pipeline writes to", view.name));
    TRY(shadows.add(view));
    out.push_back({view.name, {view.name, schema_of(*answer), false}, {kept_how(plan)}});
  }
  return out;
}

}  // namespace trommel::clickhouse
