#include "query/logical_plan.h"

#include "arrow/api.h"
#include "base/json.h"

namespace trommel::query {
namespace {

std::string joined_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string out;
  for (const auto& item : value) out += (out.empty() ? "" : "\n") + joined_text(item);
  return out;
}

LogicalNode read_node(const Json& json) {
  LogicalNode node;
  node.name = json.value("name", "");
  if (const auto info = json.find("extra_info"); info != json.end() && info->is_object()) {
    for (const auto& [key, value] : info->items()) node.info[key] = joined_text(value);
  }
  if (const auto children = json.find("children"); children != json.end()) {
    for (const auto& child : *children) node.children.push_back(read_node(child));
  }
  return node;
}

}  // namespace

const std::string& LogicalNode::of(const std::string& key) const {
  static const std::string none;
  const auto found = info.find(key);
  return found == info.end() ? none : found->second;
}

Result<LogicalNode> logical_plan(Connection& connection, const std::string& sql) {
  TRY(connection.run("SET explain_output = 'all'"));
  ASSIGN(const auto rows, connection.all("EXPLAIN (FORMAT JSON) " + sql));
  for (const auto& batch : rows) {
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      if (value_text(*batch->column(0), row) != "logical_plan") continue;
      ASSIGN(const auto json, parse_json(value_text(*batch->column(1), row), "DuckDB's plan"));
      return read_node(json.is_array() && !json.empty() ? json[0] : json);
    }
  }
  return internal_error("DuckDB", "EXPLAIN gave no logical plan");
}

}  // namespace trommel::query
