// `endpoints:` and `views:` of a pipeline file: questions to a store that are answered over HTTP, and tables that are
// kept as a SELECT says. What the columns are is the plan's business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "batch/types.h"
#include "spec/spec.h"

namespace trommel {

/// How a filter compares a column with what the request says.
enum class Comparison { equal, not_equal, less, less_or_equal, greater, greater_or_equal, in };
const char* comparison_text(Comparison comparison);  ///< `=`, `<=`, ... as in SQL

/// A parameter of the request that narrows the rows; when the request does not have it, it vanishes.
struct EndpointFilter {
  std::string parameter, column;
  Comparison comparison = Comparison::equal;
  Place place;  ///< of `column comparison`
};

/// A parameter that stands in the SQL text itself, as `$name`.
struct EndpointParameter {
  std::string name;
  Type type;
  std::optional<std::string> default_text;  ///< as a request would write it; nothing: NULL
  bool required = false;
  std::string description;
  Place place;
};

struct OrderColumn {
  std::string column;
  bool descending = false;
  Place place;
};

/// Rows are handed out in pages, by number or by cursor.
struct EndpointPages {
  std::string number = "page", size = "page_size", cursor = "cursor";  ///< names of parameters
  int64_t default_size = 100, max_size = 1000;
};

struct Endpoint {
  std::string path;               ///< `/aggregated_game_rounds`
  Place place;                    ///< of the path
  std::string store, store_name;  ///< address (may be secret), and name for people
  std::string sql;
  Place sql_place;
  std::string description;
  std::vector<EndpointFilter> filters;
  std::vector<EndpointParameter> parameters;
  std::vector<OrderColumn> order_by;
  std::vector<OrderColumn> key;  ///< columns that tell rows apart; empty: all of them together do
  std::optional<EndpointPages> pages;
  bool totals = true;          ///< an answer says how many rows there are on all pages
  int64_t max_rows = 100'000;  ///< of an answer without pages
  int64_t timeout_us = 30'000'000;
};

/// A table of a store that is kept as `sql` makes it from others.
struct View {
  std::string name;
  Place place;
  std::string store, store_name;
  std::vector<std::string> by;  ///< columns of the view: rows that share these are made anew together
  Place by_place;
  std::string sql;
  Place sql_place;
};

// ---- as they are written
// ---------------------------------------------------------------------------------------------

struct FilterText {
  std::string column;
  Comparison comparison = Comparison::equal;
  Place place;
};
std::optional<FilterText> parse_filter(std::string_view text);

struct OrderText {
  std::string column;
  bool descending = false;
  Place place;
};

/// A type's name, understood.
struct TypeName {
  Type type;
};

template <>
struct Reads<FilterText> {
  static constexpr bool scalar = true;
  static bool fits(const Node& node) { return node.is_scalar() && parse_filter(node.scalar); }
  static void read(const Node& node, std::string_view name, FilterText& value, Problems& problems);
  static std::string type() { return "column and comparison (game_id =)"; }
  static std::string json_schema() {
    return R"({"type":"string","pattern":"(=|!=|<>|<|<=|>|>=|[ \\t][iI][nN])[ \\t]*$|\\$\\{"})";
  }
  static std::string text(const FilterText& value) { return value.column + " " + comparison_text(value.comparison); }
  static const SpecInfo* inner() { return nullptr; }
};

template <>
struct Reads<OrderText> {
  static constexpr bool scalar = true;
  static bool fits(const Node& node) { return node.is_scalar() && !node.scalar.empty(); }
  static void read(const Node& node, std::string_view name, OrderText& value, Problems& problems);
  static std::string type() { return "column (day, day desc)"; }
  static std::string json_schema() { return R"({"type":"string","minLength":1})"; }
  static std::string text(const OrderText& value) { return value.column + (value.descending ? " desc" : ""); }
  static const SpecInfo* inner() { return nullptr; }
};

template <>
struct Reads<TypeName> {
  static constexpr bool scalar = true;
  static bool fits(const Node& node) { return node.is_scalar() && parse_type(node.scalar).has_value(); }
  static void read(const Node& node, std::string_view name, TypeName& value, Problems& problems);
  static std::string type() { return "type (int64, date)"; }
  static std::string json_schema() { return R"({"type":"string","minLength":1})"; }
  static std::string text(const TypeName& value) { return value.type ? type_name(*value.type) : ""; }
  static const SpecInfo* inner() { return nullptr; }
};

struct ParameterText {
  TypeName type;
  std::optional<std::string> default_;
  bool required = false;
  std::string description;
  static const Spec<ParameterText>& spec();
};

struct PageText {
  std::string number = EndpointPages{}.number, size = EndpointPages{}.size, cursor = EndpointPages{}.cursor;
  int64_t default_ = EndpointPages{}.default_size, max = EndpointPages{}.max_size;
  static const Spec<PageText>& spec();
};

struct EndpointText {
  std::optional<std::string> store;
  std::string sql, description;
  Pairs<FilterText> filters;
  Pairs<ParameterText> parameters;
  std::vector<OrderText> order_by, key;
  std::optional<PageText> page;
  bool totals = true;
  int64_t max_rows = Endpoint{}.max_rows;
  Duration timeout{Endpoint{}.timeout_us};
  static const Spec<EndpointText>& spec();
};

struct ViewText {
  std::optional<std::string> store;
  std::vector<std::string> by;
  std::string sql;
  static const Spec<ViewText>& spec();
};

/// All but the store, which the pipeline's reader knows.
Endpoint read_endpoint(const Pair<Node>& text, Problems& problems);
View read_view(const Pair<Node>& text, Problems& problems);

}  // namespace trommel
