#include "query/syntax.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/json.h"
#include "fmt/format.h"

namespace trommel::query {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::string text_of(const Json& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<Json> parse_select(Connection& connection, const std::string& sql) {
  ASSIGN(const auto text, connection.value(fmt::format("SELECT json_serialize_sql({})", quote_text(sql))));
  ASSIGN(auto tree, parse_json(text, "SQL"));
  if (tree.value("error", false)) {
    const auto message = text_of(tree, "error_message");
    if (!message.starts_with("Only SELECT statements")) return config_error("SQL", message);
    return config_error("SQL", "only a SELECT makes rows", "a PIVOT must name its values: ON kind IN ('a', 'b')");
  }
  const auto statements = tree.find("statements");
  const size_t count = statements == tree.end() ? 0 : statements->size();
  if (count != 1) return config_error("SQL", fmt::format("one SELECT is wanted, here are {} statements", count));
  return tree;
}

/// The tree without the places of its parts in the text.
Json placeless(Json node) {
  if (node.is_object()) node.erase("query_location");
  if (node.is_object() || node.is_array()) {
    for (auto& item : node) item = placeless(std::move(item));
  }
  return node;
}

Result<std::string> print_select(Connection& connection, const Json& tree) {
  return connection.value(fmt::format("SELECT json_deserialize_sql({})", quote_text(json_line(tree))));
}

Json& root_of(Json& tree) { return tree["statements"][0]["node"]; }

/// Whether something stands there: empty lists and nulls are how the tree says nothing.
bool has(const Json& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && !found->is_null() && !(found->is_array() && found->empty());
}

/// Calls `visit` for a node's WITH entries: name and query node.
void each_cte(Json& node, const std::function<void(const std::string&, Json&)>& visit) {
  const auto map = node.find("cte_map");
  if (map == node.end() || !map->contains("map")) return;
  for (auto& entry : (*map)["map"]) visit(lower(text_of(entry, "key")), entry["value"]["query"]["node"]);
}

// ---- names
// ---------------------------------------------------------------------------------------------------------------------------------------

class NameFinder {
 public:
  void walk(Json& node, std::set<std::string> scope) {
    if (node.is_array()) {
      for (auto& item : node) walk(item, scope);
      return;
    }
    if (!node.is_object()) return;
    each_cte(node, [&](const std::string& name, Json& query) {
      walk(query, scope);
      scope.insert(name);
    });
    const auto type = text_of(node, "type");
    if (type == "RECURSIVE_CTE_NODE") scope.insert(lower(text_of(node, "cte_name")));
    if (type == "BASE_TABLE" && text_of(node, "schema_name").empty() && text_of(node, "catalog_name").empty()) {
      note(text_of(node, "table_name"), scope);
    }
    for (auto& [key, value] : node.items()) {
      if (key != "cte_map") walk(value, scope);
    }
  }

  std::vector<std::string> names;

 private:
  void note(const std::string& name, const std::set<std::string>& scope) {
    if (scope.contains(lower(name)) || !seen_.insert(lower(name)).second) return;
    names.push_back(name);
  }
  std::set<std::string> seen_;
};

// ---- who reads the stream
// ------------------------------------------------------------------------------------------------------------------------

using Ctes = std::map<std::string, Json*>;

/// Whether `node` reads `stream` (in lower case), by itself or through the WITH entries of `ctes`.
bool reads(Json& node, const Ctes& ctes, const std::string& stream) {
  NameFinder finder;
  finder.walk(node, {});
  for (const auto& name : finder.names) {
    const auto key = lower(name);
    const auto cte = ctes.find(key);
    if (cte == ctes.end()) {
      if (key == stream) return true;
      continue;
    }
    Ctes outer = ctes;
    outer.erase(key);
    if (reads(*cte->second, outer, stream)) return true;
  }
  return false;
}

/// Whether anything in there is volatile or a sample.
bool varies(const Json& node) {
  if (node.is_object()) {
    if (text_of(node, "class") == "FUNCTION" && is_volatile(lower(text_of(node, "function_name")))) return true;
    if (has(node, "sample")) return true;
  }
  if (!node.is_object() && !node.is_array()) return false;
  return std::ranges::any_of(node, [](const Json& item) { return varies(item); });
}

bool is_query(const Json& node) {
  return node.is_object() && text_of(node, "type").ends_with("_NODE") && node.contains("cte_map");
}

/// Whether a query or table function below `node` does not read the stream, and varies.
bool varies_beside(Json& node, Ctes ctes, const std::string& stream) {
  if (node.is_array()) return std::ranges::any_of(node, [&](Json& item) { return varies_beside(item, ctes, stream); });
  if (!node.is_object()) return false;
  if (text_of(node, "type") == "TABLE_FUNCTION" || (is_query(node) && !reads(node, ctes, stream))) return varies(node);
  bool found = false;
  each_cte(node, [&](const std::string& name, Json& query) {
    found = found || varies_beside(query, ctes, stream);
    ctes[name] = &query;
  });
  for (auto& [key, value] : node.items()) found = found || (key != "cte_map" && varies_beside(value, ctes, stream));
  return found;
}

// ---- a column through every level
// ------------------------------------------------------------------------------------------------------------

class Carrier {
 public:
  Carrier(const std::string& stream, std::string column) : stream_(lower(stream)), column_(std::move(column)) {}

  Result<> carry_root(Json& root) {
    TRY(carry(root, {}));
    return no_whole_rows(root);
  }

 private:
  static tl::unexpected<Error> cannot(std::string why) { return config_error("SQL", std::move(why)); }

  Result<> carry(Json& node, Ctes ctes) {
    if (text_of(node, "type") != "SELECT_NODE")
      return cannot("a set operation stands between the stream and the result");
    if (has(node, "modifiers")) return cannot("the rows are ordered, limited or made distinct");
    each_cte(node, [&](const std::string& name, Json& query) { ctes[name] = &query; });
    ASSIGN(const auto alias, carry_from(node["from_table"], ctes));
    if (alias.empty()) return cannot("a level of the SELECT does not read the stream");
    for (auto& expression : node["select_list"]) TRY(exclude(expression, alias));
    node["select_list"].push_back(
        {{"class", "COLUMN_REF"}, {"type", "COLUMN_REF"}, {"alias", ""}, {"column_names", {alias, column_}}});
    return {};
  }

  /// The name under which the column is at hand afterwards; empty when the stream is not in there.
  Result<std::string> carry_from(Json& from, const Ctes& ctes) {
    const auto type = text_of(from, "type");
    if (type == "JOIN") {
      if (!text_of(from, "alias").empty()) return cannot("a join has a name of its own");
      ASSIGN(auto left, carry_from(from["left"], ctes));
      if (!left.empty()) return left;
      return carry_from(from["right"], ctes);
    }
    if (type == "SUBQUERY") {
      if (!reads(from["subquery"]["node"], ctes, stream_)) return std::string();
      TRY(carry(from["subquery"]["node"], ctes));
      if (text_of(from, "alias").empty()) from["alias"] = fmt::format("trommel_part_{}", ++parts_);
      return take_alias(text_of(from, "alias"));
    }
    if (type != "BASE_TABLE" || !text_of(from, "schema_name").empty()) return std::string();
    const auto name = text_of(from, "table_name");
    if (const auto cte = ctes.find(lower(name)); cte != ctes.end()) {
      Ctes outer = ctes;
      outer.erase(lower(name));
      if (!reads(*cte->second, outer, stream_)) return std::string();
      TRY(carry(*cte->second, outer));
    } else if (lower(name) != stream_) {
      return std::string();
    }
    const auto alias = text_of(from, "alias");
    return take_alias(alias.empty() ? name : alias);
  }

  std::string take_alias(std::string alias) {
    aliases_.insert(lower(alias));
    return alias;
  }

  /// Takes the column out of every `*` of this level that holds it.
  Result<> exclude(Json& expression, const std::string& alias) {
    if (expression.is_array()) {
      for (auto& item : expression) TRY(exclude(item, alias));
      return {};
    }
    if (!expression.is_object()) return {};
    if (text_of(expression, "class") == "SUBQUERY") return {};
    if (text_of(expression, "class") == "STAR") {
      if (has(expression, "expr")) return cannot("columns are chosen by a pattern");
      const auto relation = text_of(expression, "relation_name");
      if (relation.empty() || lower(relation) == lower(alias)) expression["exclude_list"].push_back(column_);
    }
    for (auto& [key, value] : expression.items()) {
      if (key != "exclude_list") TRY(exclude(value, alias));
    }
    return {};
  }

  /// `SELECT f FROM flights f` makes one value of a whole row, and the column would be in it.
  Result<> no_whole_rows(const Json& node) const {
    if (node.is_object() && text_of(node, "class") == "COLUMN_REF") {
      const auto names = node.find("column_names");
      if (names != node.end() && names->size() == 1 && aliases_.contains(lower((*names)[0].get<std::string>()))) {
        return cannot(
            fmt::format("`{}` is the name of a table and may stand for a whole row", (*names)[0].get<std::string>()));
      }
    }
    if (node.is_object() || node.is_array()) {
      for (const auto& item : node) TRY(no_whole_rows(item));
    }
    return {};
  }

  std::string stream_, column_;
  std::set<std::string> aliases_;
  int parts_ = 0;
};

// ---- groups
// --------------------------------------------------------------------------------------------------------------------------------------

/// Whether anything below `node` is of one of these classes.
bool holds(const Json& node, const std::set<std::string>& classes) {
  if (node.is_object() && classes.contains(text_of(node, "class"))) return true;
  if (!node.is_object() && !node.is_array()) return false;
  return std::ranges::any_of(node, [&](const Json& item) { return holds(item, classes); });
}

/// The name of a result column; empty where DuckDB makes one up.
std::string output_name(const Json& item) {
  if (const auto alias = text_of(item, "alias"); !alias.empty()) return alias;
  if (text_of(item, "class") != "COLUMN_REF") return {};
  return item["column_names"].back().get<std::string>();
}

Json unnamed(Json expression) {
  expression["alias"] = "";
  return placeless(std::move(expression));
}

class GroupFinder {
 public:
  GroupFinder(Connection& connection, Json& root) : connection_(connection), root_(root) {}

  Result<Groups> find(const std::vector<std::string>& by) {
    Groups groups;
    groups.why = obstacle();
    if (!groups.why.empty()) return groups;
    const Json& from = root_["from_table"];
    groups.alias = text_of(from, "alias").empty() ? text_of(from, "table_name") : text_of(from, "alias");
    for (const auto& name : by) {
      const Json expression = expression_of(name);
      if (expression.is_null() || !grouped_by(expression, name)) {
        groups.why = fmt::format("it is not grouped by `{}`", name);
        return groups;
      }
      ASSIGN(auto text, print_expression(expression));
      groups.expressions.push_back(std::move(text));
    }
    if (has(root_, "where_clause")) {
      ASSIGN(groups.where, print_expression(root_["where_clause"]));
    }
    if (const auto bound = bind(groups, text_of(from, "table_name")); !bound) {
      groups.why = "a column of `by` is not computed from one row";
      return groups;
    }
    groups.table = text_of(from, "table_name");
    groups.filters_groups = has(root_, "having");
    ASSIGN(groups.key, key(groups.table, groups.alias));
    return groups;
  }

 private:
  /// What keeps the SELECT from being taken apart; empty: nothing.
  std::string obstacle() {
    if (text_of(root_, "type") != "SELECT_NODE") return "it is a set operation";
    const Json& from = root_["from_table"];
    const auto type = text_of(from, "type");
    if (type == "JOIN") return "it joins tables";
    if (type != "BASE_TABLE") return "it reads no table";
    bool ctes = false;
    each_cte(root_, [&](const std::string&, Json&) { ctes = true; });
    if (ctes) return "it has a WITH";
    if (has(from, "sample") || has(root_, "sample")) return "it takes a sample";
    if (!text_of(from, "schema_name").empty() || has(from, "at_clause") || has(from, "column_name_alias"))
      return "its table is named with a schema, a time or columns";
    if (has(root_, "qualify") || holds(root_, {"WINDOW"})) return "it looks at other rows through a window";
    if (holds(root_, {"SUBQUERY"})) return "it has a SELECT within";
    if (varies(root_)) return "it calls a function that gives another value each time";
    if (root_["group_sets"].size() > 1) return "it has several grouping sets";
    for (const Json& modifier : root_["modifiers"]) {
      if (text_of(modifier, "type") != "ORDER_MODIFIER") return "it is limited or made distinct";
    }
    return {};
  }

  /// What a column of the result is; null: nothing has that name.
  Json expression_of(const std::string& name) const {
    bool star = false;
    for (const Json& item : root_["select_list"]) {
      if (text_of(item, "class") == "STAR")
        star = star || !(has(item, "replace_list") || has(item, "expr") || has(item, "rename_list"));
      else if (lower(output_name(item)) == lower(name))
        return unnamed(item);
    }
    if (!star) return nullptr;
    return {{"class", "COLUMN_REF"}, {"type", "COLUMN_REF"}, {"alias", ""}, {"column_names", {name}}};
  }

  /// Without GROUP BY each row stands for itself, or all rows are one group: then no column of one row is left.
  bool grouped_by(const Json& expression, const std::string& name) const {
    if (root_["group_sets"].empty()) return true;
    for (const Json& group : root_["group_expressions"]) {
      if (unnamed(group) == expression) return true;
      if (text_of(group, "class") == "COLUMN_REF" && group["column_names"].size() == 1 &&
          lower(group["column_names"][0].get<std::string>()) == lower(name))
        return true;
      if (text_of(group, "class") == "CONSTANT" && group["value"]["value"].is_number_integer()) {
        const auto at = group["value"]["value"].get<size_t>();
        if (at >= 1 && at <= root_["select_list"].size() && unnamed(root_["select_list"][at - 1]) == expression)
          return true;
      }
    }
    return false;
  }

  Result<std::vector<std::string>> key(const std::string& table, const std::string& alias) {
    std::vector<std::string> names;
    const bool all = text_of(root_, "aggregate_handling") == "FORCE_AGGREGATES";
    if (root_["group_expressions"].empty() && !all) return names;
    std::set<std::string> found;
    for (const Json& item : root_["select_list"]) {
      const auto name = output_name(item);
      const Json expression = unnamed(item);
      if (all && text_of(item, "class") == "STAR") return std::vector<std::string>();
      if (all) {  // what it is grouped by is what holds no aggregate
        ASSIGN(const auto text, print_expression(expression));
        Groups alone;
        alone.alias = alias;
        alone.expressions = {text};
        if (!bind(alone, table)) continue;
        if (name.empty()) return std::vector<std::string>();
      } else if (name.empty() || !grouped_by(expression, name)) {
        continue;
      }
      if (found.insert(expression.dump()).second) names.push_back(name);
    }
    if (!all && found.size() != root_["group_expressions"].size()) names.clear();
    return names;
  }

  Result<std::string> print_expression(const Json& expression) {
    Json tree = {{"error", false},
                 {"statements", Json::array({{{"node", root_}, {"named_param_map", Json::array()}}})}};
    Json& node = root_of(tree);
    for (const char* key : {"modifiers", "group_expressions", "group_sets"}) node[key] = Json::array();
    for (const char* key : {"where_clause", "having", "qualify"}) node[key] = nullptr;
    node["aggregate_handling"] = "STANDARD_HANDLING";
    node["from_table"] = {{"type", "EMPTY"}, {"alias", ""}, {"sample", nullptr}};
    node["select_list"] = Json::array({expression});
    ASSIGN(const auto text, print_select(connection_, tree));
    constexpr std::string_view head = "SELECT ";
    if (!text.starts_with(head)) return internal_error("SQL", "DuckDB prints an expression as " + text);
    return text.substr(head.size());
  }

  /// In WHERE neither an aggregate nor the name of another column of the result can stand.
  Result<> bind(const Groups& groups, const std::string& table) {
    auto sql = fmt::format("SELECT 1 FROM {} AS {} WHERE true", quote_name(table), quote_name(groups.alias));
    for (const auto& expression : groups.expressions) sql += fmt::format(" AND ({}) IS NULL", expression);
    ASSIGN(const auto prepared, connection_.prepare(sql));
    return {};
  }

  Connection& connection_;
  Json& root_;
};

}  // namespace

Result<Groups> groups_of(Connection& connection, const std::string& sql, const std::vector<std::string>& by) {
  ASSIGN(auto tree, parse_select(connection, sql));
  return GroupFinder(connection, root_of(tree)).find(by);
}

Result<std::string> read_temporary(Connection& connection, const std::string& sql, const std::string& relation) {
  ASSIGN(auto tree, parse_select(connection, sql));
  Json& from = root_of(tree)["from_table"];
  if (text_of(from, "alias").empty()) from["alias"] = from["table_name"];
  from["catalog_name"] = "temp";
  from["schema_name"] = "main";
  from["table_name"] = relation;
  return print_select(connection, tree);
}

Result<std::vector<std::string>> table_names(Connection& connection, const std::string& sql) {
  ASSIGN(auto tree, parse_select(connection, sql));
  NameFinder finder;
  finder.walk(root_of(tree), {});
  return finder.names;
}

Result<std::string> carry_column(Connection& connection, const std::string& sql, const std::string& stream,
                                 const std::string& column) {
  ASSIGN(auto tree, parse_select(connection, sql));
  TRY(Carrier(stream, column).carry_root(root_of(tree)));
  ASSIGN(auto printed, print_select(connection, tree));
  ASSIGN(auto again, parse_select(connection, printed));
  if (placeless(std::move(again)) != placeless(std::move(tree)))
    return config_error("SQL", "DuckDB does not print this statement as it was parsed");
  return printed;
}

Result<bool> varies_beside(Connection& connection, const std::string& sql, const std::string& stream) {
  ASSIGN(auto tree, parse_select(connection, sql));
  return varies_beside(root_of(tree), {}, lower(stream));
}

bool is_volatile(std::string_view function) {
  // duckdb_functions() with stability VOLATILE, of DuckDB 1.5.6; a test compares.
  static const std::set<std::string_view> names = {"random",
                                                   "uuid",
                                                   "uuidv4",
                                                   "uuidv7",
                                                   "gen_random_uuid",
                                                   "nextval",
                                                   "currval",
                                                   "setseed",
                                                   "stats",
                                                   "error",
                                                   "write_log",
                                                   "sleep_ms",
                                                   "current_connection_id",
                                                   "current_query",
                                                   "current_query_id",
                                                   "current_transaction_id"};
  return names.contains(function);
}

}  // namespace trommel::query
