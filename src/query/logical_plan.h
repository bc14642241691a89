// What DuckDB would do for a SELECT, before its optimiser: the operators as a tree.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "query/database.h"

namespace trommel::query {

struct LogicalNode {
  std::string name;                         ///< PROJECTION, COMPARISON_JOIN, ...
  std::map<std::string, std::string> info;  ///< `Join Type`: LEFT; lists joined by line ends
  std::vector<LogicalNode> children;

  const std::string& of(const std::string& key) const;  ///< empty when there is none
};

Result<LogicalNode> logical_plan(Connection& connection, const std::string& sql);

}  // namespace trommel::query
