#include "transforms/sql/shape.h"

#include <map>
#include <optional>
#include <string_view>

#include "fmt/format.h"

namespace trommel {
namespace {

using query::LogicalNode;

bool same_word(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if ((a[i] | 0x20) != (b[i] | 0x20)) return false;
  }
  return true;
}

/// What people call the operators that need all rows.
std::string word_for(const std::string& name) {
  static const std::map<std::string, std::string> words = {{"AGGREGATE", "an aggregate"},
                                                           {"DISTINCT", "DISTINCT"},
                                                           {"ORDER_BY", "ORDER BY"},
                                                           {"TOP_N", "ORDER BY with LIMIT"},
                                                           {"LIMIT", "LIMIT"},
                                                           {"WINDOW", "a window function"},
                                                           {"SAMPLE", "SAMPLE"},
                                                           {"UNION", "UNION"},
                                                           {"EXCEPT", "EXCEPT"},
                                                           {"INTERSECT", "INTERSECT"},
                                                           {"REC_CTE", "a recursive WITH"},
                                                           {"PIVOT", "PIVOT"}};
  const auto found = words.find(name);
  return found == words.end() ? name : found->second;
}

class Judge {
 public:
  /// Whether the rows of `node` are the stream's, row by row (true), or have nothing to do with it (false). Nothing:
  /// neither.
  std::optional<bool> reads(const LogicalNode& node) {
    if (same_word(node.name, query::stream_function)) return true;
    if (node.name == "CTE") return cte(node);
    if (node.name == "CTE_SCAN") return cte_scan(node);
    if (node.name == "PROJECTION" || node.name == "FILTER" || node.name == "UNNEST") {
      return node.children.size() == 1 ? reads(node.children[0]) : anything_else(node);
    }
    if (node.name == "CROSS_PRODUCT" || node.name == "COMPARISON_JOIN" || node.name == "ANY_JOIN" ||
        node.name == "ASOF_JOIN" || node.name == "DELIM_JOIN" || node.name == "DEPENDENT_JOIN") {
      return node.children.size() == 2 ? join(node) : anything_else(node);
    }
    return anything_else(node);
  }

  std::string reason;
  bool has_asof = false;

 private:
  std::optional<bool> no(std::string why) {
    if (reason.empty()) reason = std::move(why);
    return std::nullopt;
  }

  std::optional<bool> cte(const LogicalNode& node) {
    if (node.children.size() != 2) return anything_else(node);
    const auto definition = reads(node.children[0]);
    if (!definition) return std::nullopt;
    ctes_[node.of("Table Index")] = *definition;
    return reads(node.children[1]);
  }

  std::optional<bool> cte_scan(const LogicalNode& node) {
    const auto found = ctes_.find(node.of("CTE Index"));
    return found != ctes_.end() && found->second;
  }

  std::optional<bool> join(const LogicalNode& node) {
    has_asof = has_asof || node.name == "ASOF_JOIN";
    const auto left = reads(node.children[0]);
    const auto right = left ? reads(node.children[1]) : std::nullopt;
    if (!left || !right) return std::nullopt;
    if (!*left && !*right) return false;
    if (*left && *right) return no("both sides of a join read the stream");
    const auto& type = node.of("Join Type");
    const bool plain = node.name == "COMPARISON_JOIN" || node.name == "ANY_JOIN";
    if (node.name == "CROSS_PRODUCT" || (plain && type == "INNER")) return true;
    if (*left &&
        (type == "INNER" || type == "LEFT" || type == "SEMI" || type == "ANTI" || type == "MARK" || type == "SINGLE"))
      return true;
    if (*right && plain && type == "RIGHT") return true;
    return no(fmt::format("the join ({}) keeps rows of the other side", type));
  }

  std::optional<bool> anything_else(const LogicalNode& node) {
    for (const auto& child : node.children) {
      const auto found = reads(child);
      if (!found) return std::nullopt;
      if (*found) return no(word_for(node.name));
    }
    return false;
  }

  std::map<std::string, bool> ctes_;
};

}  // namespace

SqlShape shape_of(const query::LogicalNode& plan) {
  Judge judge;
  const auto found = judge.reads(plan);
  if (found && !*found) return {false, "the result does not follow from the stream's rows", false};
  return {found.has_value(), judge.reason, judge.has_asof};
}

}  // namespace trommel
