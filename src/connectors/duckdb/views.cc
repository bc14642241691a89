#include "connectors/duckdb/views.h"

#include <algorithm>

#include "arrow/api.h"
#include "connectors/duckdb/merge.h"
#include "connectors/duckdb/table.h"
#include "fmt/format.h"

namespace trommel {
namespace {

constexpr const char* register_table = "_trommel_views";
constexpr const char* touched_keys = "_trommel_touched_keys";
constexpr const char* touched_rows = "_trommel_touched_rows";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::string temporary(const std::string& name) { return "temp.main." + name; }

/// `(x) IS NOT DISTINCT FROM k.key_0 AND ...`
std::string same_keys(const std::vector<std::string>& values) {
  std::string out;
  for (size_t i = 0; i < values.size(); ++i)
    out += fmt::format("{}({}) IS NOT DISTINCT FROM {}._trommel_key_{}", i ? " AND " : "", values[i], touched_keys, i);
  return out;
}

/// An error of a view's SELECT, said of the view.
template <class T>
Result<T> of_view(Result<T> result, const View& view) {
  if (result) return result;
  auto error = std::move(result).error();
  error.where = "view " + view.name + (error.where.empty() ? "" : ": " + error.where);
  return tl::unexpected(std::move(error));
}

}  // namespace

Result<ViewPlan> plan_view(query::Connection& connection, const View& view, const std::vector<View>& views) {
  ViewPlan plan;
  plan.view = &view;
  ASSIGN(const auto names, query::table_names(connection, view.sql));
  for (const auto& name : names) plan.reads.insert(lower(name));
  ASSIGN(plan.groups, query::groups_of(connection, view.sql, view.by));
  const bool reads_view =
      std::ranges::any_of(views, [&](const View& other) { return plan.reads.contains(lower(other.name)); });
  if (reads_view && !plan.groups.table.empty()) {
    plan.groups.table.clear();
    plan.groups.why = "it reads a view";
  }
  return plan;
}

Result<> ViewKeeper::begin(const std::string& table) {
  kept_.clear();
  if (views_.empty()) return {};
  TRY(make_register());
  std::set<std::string> changing = {lower(table)};
  for (const View& view : views_) {
    ASSIGN(const auto names, of_view(query::table_names(connection_, view.sql), view));
    const bool follows = std::ranges::any_of(names, [&](const auto& name) { return changing.contains(lower(name)); });
    if (!follows) continue;
    changing.insert(lower(view.name));
    ASSIGN(const bool there, readable(view));
    if (there) {
      ASSIGN(auto kept, look_at(view));
      kept_.push_back(std::move(kept));
    } else {
      kept_.push_back({{&view, {}, {}}, false, true});
    }
  }
  return {};
}

bool ViewKeeper::wants_rows() const {
  return std::ranges::any_of(kept_, [](const Kept& kept) { return kept.fresh && !kept.plan.groups.table.empty(); });
}

Result<> ViewKeeper::refresh(const std::string& came) {
  for (Kept& kept : kept_) {
    const View& view = *kept.plan.view;
    if (kept.waits) {  // for a view before it, or for the last of its tables to come
      ASSIGN(const bool there, readable(view));
      if (!there) continue;
      ASSIGN(kept, look_at(view));
      kept.fresh = false;
    }
    const bool by_groups = kept.fresh && !kept.plan.groups.table.empty() && !came.empty();
    TRY(of_view(by_groups ? refresh_groups(kept.plan, came) : refresh_whole(kept.plan), view));
    TRY(note(kept.plan));
  }
  return {};
}

Result<ViewKeeper::Kept> ViewKeeper::look_at(const View& view) {
  Kept kept;
  ASSIGN(kept.plan, of_view(plan_view(connection_, view, views_), view));
  ASSIGN(kept.fresh, of_view(is_fresh(kept.plan), view));
  return kept;
}

Result<> ViewKeeper::make_all() {
  if (views_.empty()) return {};
  TRY(make_register());
  for (const View& view : views_) {
    ASSIGN(const bool there, readable(view));
    if (!there) continue;
    ASSIGN(const auto kept, look_at(view));
    if (kept.fresh) continue;
    TRY(of_view(refresh_whole(kept.plan), view));
    TRY(note(kept.plan));
  }
  return {};
}

Result<> ViewKeeper::make_register() {
  return connection_.run(
      fmt::format("CREATE TABLE IF NOT EXISTS {} (view VARCHAR, pipeline VARCHAR, definition VARCHAR, rows BIGINT)",
                  register_table));
}

/// Whether all that a view's SELECT reads is there.
Result<bool> ViewKeeper::readable(const View& view) {
  ASSIGN(const auto names, of_view(query::table_names(connection_, view.sql), view));
  for (const auto& name : names) {
    ASSIGN(const auto columns, stored_columns(connection_, name));
    if (!columns) return false;
  }
  return true;
}

std::string ViewKeeper::definition(const View& view) const {
  return fmt::format("{}: {}", fmt::join(view.by, ", "), view.sql);
}

/// Of what a view follows by groups: the rows of its table, which tell whether somebody else was there.
Result<int64_t> ViewKeeper::rows_of(const ViewPlan& plan) {
  if (plan.groups.table.empty()) return -1;
  return count_rows(connection_, query::quote_name(plan.groups.table));
}

Result<bool> ViewKeeper::is_fresh(const ViewPlan& plan) {
  const View& view = *plan.view;
  ASSIGN(const auto columns, stored_columns(connection_, view.name));
  ASSIGN(const auto known,
         connection_.all(fmt::format("SELECT pipeline, definition, rows FROM {} WHERE lower(view) = lower({})",
                                     register_table, query::quote_text(view.name))));
  if (!columns) return false;
  if (known.empty())
    return config_error("", "the store has a table of that name, which is no view", "give the view another name");
  const auto field = [&](int column) { return value_text(*known.front()->column(column), 0); };
  if (field(0) != pipeline_)
    return config_error("", fmt::format("it is a view of pipeline `{}`", field(0)), "give the view another name");
  ASSIGN(const int64_t rows, rows_of(plan));
  return field(1) == definition(view) && field(2) == std::to_string(rows);
}

Result<> ViewKeeper::refresh_groups(const ViewPlan& plan, const std::string& came) {
  const auto& groups = plan.groups;
  std::string keys;
  for (size_t i = 0; i < groups.expressions.size(); ++i)
    keys += fmt::format("{}{} AS _trommel_key_{}", i ? ", " : "", groups.expressions[i], i);
  const auto alias = query::quote_name(groups.alias);
  TRY(connection_.run(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT DISTINCT {} FROM {} AS {}{}", touched_keys,
                                  keys, temporary(came), alias, groups.where.empty() ? "" : " WHERE " + groups.where)));
  TRY(connection_.run(fmt::format(
      "CREATE OR REPLACE TEMP VIEW {} AS SELECT {}.* FROM main.{} AS {} SEMI JOIN {} ON ({})", touched_rows, alias,
      query::quote_name(groups.table), alias, temporary(touched_keys), same_keys(groups.expressions))));
  std::vector<std::string> columns;
  for (const auto& name : plan.view->by) columns.push_back("v." + query::quote_name(name));
  const auto table = "main." + query::quote_name(plan.view->name);
  TRY(connection_.run(fmt::format("DELETE FROM {} AS v WHERE EXISTS (SELECT 1 FROM {} WHERE {})", table,
                                  temporary(touched_keys), same_keys(columns))));
  ASSIGN(const auto sql, query::read_temporary(connection_, plan.view->sql, touched_rows));
  TRY(connection_.run(fmt::format("INSERT INTO {} {}", table, sql)));
  TRY(connection_.run(fmt::format("DROP VIEW {}", temporary(touched_rows))));
  return connection_.run(fmt::format("DROP TABLE {}", temporary(touched_keys)));
}

Result<> ViewKeeper::refresh_whole(const ViewPlan& plan) {
  return connection_.run(
      fmt::format("CREATE OR REPLACE TABLE main.{} AS {}", query::quote_name(plan.view->name), plan.view->sql));
}

Result<> ViewKeeper::note(const ViewPlan& plan) {
  const View& view = *plan.view;
  ASSIGN(const int64_t rows, rows_of(plan));
  TRY(connection_.run(
      fmt::format("DELETE FROM {} WHERE lower(view) = lower({})", register_table, query::quote_text(view.name))));
  return connection_.run(fmt::format("INSERT INTO {} VALUES ({}, {}, {}, {})", register_table,
                                     query::quote_text(view.name), query::quote_text(pipeline_),
                                     query::quote_text(definition(view)), rows));
}

}  // namespace trommel
