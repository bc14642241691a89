#include "connectors/clickhouse/views.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>

#include "batch/types.h"
#include "connectors/clickhouse/columns.h"
#include "connectors/clickhouse/dialect.h"
#include "query/database.h"
#include "query/syntax.h"
#include "segment/checksum.h"

namespace trommel::clickhouse {
namespace {

constexpr const char* kVersion = "_trommel_version";
constexpr std::string_view kPrefix = "_trommel_view_";

/// Single groups can be told and replaced by name: what it needs beyond what DuckDB's views need.
std::string obstacle(const View& view, const query::Groups& groups) {
  if (groups.filters_groups) return "a group that its HAVING no longer lets through would stay";
  if (groups.key.empty()) return "its columns do not tell its groups apart";
  if (has_escapes(view.sql)) return "it has a backslash in a text, which stores read differently";
  if (!reading(view.sql, groups.table, "SELECT 1")) return "its FROM is not a table alone";
  return {};
}

void plan_groups(ViewPlan& plan, query::Connection& connection, const std::vector<StoreTable>& tables) {
  const auto groups = query::groups_of(connection, plan.view.sql, plan.view.by);
  plan.why = !groups                 ? "it is not the SQL that all stores share"
             : groups->table.empty() ? groups->why
                                     : obstacle(plan.view, *groups);
  if (!plan.why.empty()) return;
  const auto table =
      std::ranges::find_if(tables, [&](const StoreTable& known) { return same_name(known.name, groups->table); });
  if (table == tables.end()) {
    plan.why = "its table is not written by this pipeline";
  } else if (!table->appends) {
    plan.why = "rows of its table go, or change";
  } else {
    plan.table = table->name;
    plan.alias = groups->alias;
    plan.expressions = groups->expressions;
    plan.where = groups->where;
    plan.key = groups->key;
  }
}

/// What a server has under a view's name, and what it was made from.
struct There {
  bool view = false;
  std::string rows;  ///< our table that the VIEW reads; empty: none
};

class Work {
 public:
  Work(Client& client, Engine engine, const std::string& pipeline, const ViewPlan& plan)
      : client_(client), engine_(std::move(engine)), plan_(plan) {
    family_ = fmt::format("{}{}_", kPrefix, digest(pipeline + "\n" + plan.view.name));
  }

  /// `came` empty: it is only looked whether it is as it should be.
  Result<> follow(const std::string& came, bool others_changed) {
    ASSIGN(const bool readable, all_there());
    if (!readable) return {};
    ASSIGN(const auto there, look());
    ASSIGN(const auto wanted, wanted_name());
    const bool fresh = there.rows.starts_with(wanted);
    const bool by_groups = !plan_.table.empty() && !others_changed;
    if (fresh && by_groups && !came.empty()) return put_groups(there.rows, came);
    if (fresh && came.empty() && !others_changed) return {};
    return make(wanted, there);
  }

 private:
  static std::string digest(const std::string& text) { return checksum_of(text).substr(0, 12); }

  Result<Answer> run(std::string sql, bool standard = true) {
    Statement statement{.sql = std::move(sql)};
    statement.only_once = true;  // groups that came twice would be twice in a view that has no key
    if (standard) statement.settings = standard_settings(engine_);
    if (standard && engine_.at_least(20, 6)) statement.settings.emplace_back("transform_null_in", "1");
    return client_.run(statement);
  }

  Result<bool> all_there() {
    for (const auto& name : plan_.reads) {
      ASSIGN(const auto answer, run("EXISTS TABLE " + quote_name(name)));
      if (!answer.body.starts_with("1")) return false;
    }
    return true;
  }

  Result<There> look() {
    There there;
    ASSIGN(const auto found,
           client_.rows(fmt::format(
               "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = {}",
               quote_text(plan_.view.name))));
    if (found.empty()) return there;
    const std::string& text = found[0][0];
    const size_t at = text.find(kPrefix);
    if (!text.starts_with("CREATE VIEW") || at == std::string::npos)
      return config_error("", "the store has a table of that name, which is no view", "give the view another name");
    const size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_", at);
    there.view = true;
    there.rows = text.substr(at, end == std::string::npos ? end : end - at);
    if (!there.rows.starts_with(family_))
      return config_error("", "it is a view of another pipeline", "give the view another name");
    return there;
  }

  /// Of our table, but for the last letter, as long as nothing of the view and of its table has changed.
  Result<std::string> wanted_name() {
    std::string text = fmt::format("1\n{}\n{}", fmt::join(plan_.view.by, "\n"), plan_.view.sql);
    if (!plan_.table.empty()) {
      // A table that was dropped and made anew is another one.
      const bool has_uuid = engine_.at_least(20, 10);
      ASSIGN(const auto found,
             client_.rows(fmt::format("SELECT {} FROM system.tables WHERE database = currentDatabase() AND name = {}",
                                      has_uuid ? "uuid" : "metadata_modification_time", quote_text(plan_.table))));
      if (!found.empty()) text += "\n" + found[0][0];
    }
    return family_ + digest(text) + "_";
  }

  // ---- groups ----

  /// SQL that is equal where the `by` columns are, NULL with NULL.
  std::string keys(const std::vector<Column>& columns) const {
    std::vector<std::string> out;
    for (size_t i = 0; i < plan_.expressions.size(); ++i) {
      const auto expression = to_clickhouse(plan_.expressions[i], engine_);
      const auto column =
          std::ranges::find_if(columns, [&](const Column& other) { return same_name(other.name, plan_.view.by[i]); });
      const bool nullable = column != columns.end() && column->type.find("Nullable") != std::string::npos;
      if (nullable && !engine_.at_least(20, 6)) {
        out.push_back(fmt::format("ifNull(toString({}), '')", expression));
        out.push_back(fmt::format("isNull({})", expression));
      } else {
        out.push_back(expression);
      }
    }
    return fmt::format("{}", fmt::join(out, ", "));
  }

  Result<> put_groups(const std::string& rows, const std::string& came) {
    ASSIGN(const auto columns, columns_of_select(client_, engine_, "SELECT * FROM " + quote_name(plan_.view.name)));
    const auto alias = quote_name(plan_.alias), by = keys(columns);
    const auto touched = fmt::format("SELECT DISTINCT {} FROM ({}) AS {}{}", by, came, alias,
                                     plan_.where.empty() ? "" : " WHERE " + to_clickhouse(plan_.where, engine_));
    const auto subselect =
        fmt::format("SELECT * FROM {} AS {} WHERE ({}) IN ({})", quote_name(plan_.table), alias, by, touched);
    const auto text = reading(to_clickhouse(plan_.view.sql, engine_), plan_.table, subselect);
    if (!text) return internal_error("", "the FROM of the SELECT cannot be found again");
    return put(rows, columns, *text, fmt::format("(SELECT max({}) + 1 FROM {})", kVersion, quote_name(rows)));
  }

  Result<> put(const std::string& rows, const std::vector<Column>& columns, const std::string& sql,
               const std::string& version) {
    TRY(run(fmt::format("INSERT INTO {} ({}, {}) SELECT {}, toUInt64({}) FROM ({})", quote_name(rows), names(columns),
                        kVersion, names(columns), version, sql)));
    return {};
  }

  // ---- the whole ----

  static std::string names(const std::vector<Column>& columns) {
    std::string out;
    for (const Column& column : columns) out += (out.empty() ? "" : ", ") + quote_name(column.name);
    return out;
  }

  Result<> make(const std::string& wanted, const There& there) {
    const auto sql = to_clickhouse(plan_.view.sql, engine_);
    ASSIGN(const auto columns, columns_of_select(client_, engine_, sql));
    const std::string rows = wanted + (there.rows == wanted + "a" ? "b" : "a");
    TRY(run("DROP TABLE IF EXISTS " + quote_name(rows)));
    TRY(run(create_table(rows, columns)));
    TRY(put(rows, columns, sql, "1"));
    TRY(show(rows, columns, there.view));
    return drop_others(rows);
  }

  std::string create_table(const std::string& rows, const std::vector<Column>& columns) const {
    std::string list, order;
    bool null_in_key = false;
    for (const Column& column : columns) {
      list += fmt::format("{} {}, ", quote_name(column.name), column.type);
      const auto& key = plan_.table.empty() ? plan_.view.by : plan_.key;
      if (std::ranges::none_of(key, [&](const auto& name) { return same_name(name, column.name); })) continue;
      const bool nullable = column.type.find("Nullable") != std::string::npos;
      null_in_key = null_in_key || nullable;
      order += order.empty() ? "" : ", ";
      if (nullable && !engine_.at_least(20, 6))
        order += fmt::format("ifNull(toString({0}), ''), isNull({0})", quote_name(column.name));
      else
        order += quote_name(column.name);
    }
    return fmt::format("CREATE TABLE {} ({}{} UInt64) ENGINE = {} ORDER BY ({}){}", quote_name(rows), list, kVersion,
                       plan_.table.empty() ? "MergeTree" : fmt::format("ReplacingMergeTree({})", kVersion), order,
                       null_in_key && engine_.at_least(20, 6) ? " SETTINGS allow_nullable_key = 1" : "");
  }

  /// The VIEW reads `rows` from now on, in one step.
  Result<> show(const std::string& rows, const std::vector<Column>& columns, bool there) {
    const auto name = quote_name(plan_.view.name);
    const auto select =
        fmt::format("SELECT {} FROM {}{}", names(columns), quote_name(rows), plan_.table.empty() ? "" : " FINAL");
    if (engine_.at_least(20, 3) || !there) {
      TRY(run(fmt::format("CREATE {}VIEW {} AS {}", there ? "OR REPLACE " : "", name, select), false));
      return {};
    }
    const auto next = quote_name(family_ + "next"), last = quote_name(family_ + "last");
    TRY(run("DROP TABLE IF EXISTS " + next));
    TRY(run("DROP TABLE IF EXISTS " + last));
    TRY(run(fmt::format("CREATE VIEW {} AS {}", next, select)));
    TRY(run(fmt::format("RENAME TABLE {0} TO {2}, {1} TO {0}", name, next, last)));
    TRY(run("DROP TABLE IF EXISTS " + last));
    return {};
  }

  /// What was made before, or not to its end.
  Result<> drop_others(const std::string& rows) {
    ASSIGN(const auto found,
           client_.rows(fmt::format("SELECT name FROM system.tables WHERE database = currentDatabase() AND "
                                    "startsWith(name, {}) AND name <> {}",
                                    quote_text(family_), quote_text(rows))));
    for (const auto& row : found) TRY(run("DROP TABLE IF EXISTS " + quote_name(row[0])));
    return {};
  }

  Client& client_;
  const Engine engine_;
  const ViewPlan& plan_;
  std::string family_;  ///< what names of this view's tables begin with
};

/// An error, said of the view.
Result<> of_view(Result<> result, const View& view) {
  if (result) return result;
  auto error = std::move(result).error();
  error.where = "view " + view.name + (error.where.empty() ? "" : ": " + error.where);
  return tl::unexpected(std::move(error));
}

/// Two sinks and a starting server may each find the same view stale.
std::mutex& one_at_a_time() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

Result<std::vector<ViewPlan>> plan_views(const std::vector<StoreTable>& tables, const std::vector<View>& views) {
  std::vector<ViewPlan> out;
  if (views.empty()) return out;
  ASSIGN(const auto database, query::Database::open({}));
  ASSIGN(const auto connection, database->connect());
  for (const StoreTable& table : tables) {
    std::string columns;
    for (const auto& field : table.schema->fields())
      columns += fmt::format("{}{} {}", columns.empty() ? "" : ", ", query::quote_name(field->name()),
                             duckdb_type(*field->type()));
    TRY(connection->run(fmt::format("CREATE TABLE {} ({})", query::quote_name(table.name), columns)));
  }
  for (const View& view : views) {
    ViewPlan& plan = out.emplace_back();
    plan.view = view;
    for (const StoreTable& table : tables)
      if (names_in(view.sql, table.name)) plan.reads.push_back(table.name);
    bool reads_view = false;
    for (const View& other : views) {
      if (&other == &view || !names_in(view.sql, other.name)) continue;
      plan.reads.push_back(other.name);
      reads_view = true;
    }
    if (reads_view)
      plan.why = "it reads a view";
    else
      plan_groups(plan, *connection, tables);
  }
  return out;
}

Result<> ViewKeeper::refresh(Client& client, const std::string& table, const std::string& came) const {
  if (plans_.empty()) return {};
  const std::lock_guard lock(one_at_a_time());
  ASSIGN(const auto engine, client.engine());
  std::vector<std::string> changed = {table};
  for (const ViewPlan& plan : plans_) {
    const bool follows = std::ranges::any_of(plan.reads, [&](const auto& name) {
      return std::ranges::any_of(changed, [&](const auto& other) { return same_name(name, other); });
    });
    if (!follows) continue;
    changed.push_back(plan.view.name);
    const bool of_table = !plan.table.empty() && same_name(plan.table, table);
    TRY(of_view(Work(client, engine, pipeline_, plan).follow(of_table ? came : "", !of_table || came.empty()),
                plan.view));
  }
  return {};
}

Result<> ViewKeeper::make_all(Client& client) const {
  if (plans_.empty()) return {};
  const std::lock_guard lock(one_at_a_time());
  ASSIGN(const auto engine, client.engine());
  for (const ViewPlan& plan : plans_) TRY(of_view(Work(client, engine, pipeline_, plan).follow("", false), plan.view));
  return {};
}

}  // namespace trommel::clickhouse
