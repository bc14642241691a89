#include "endpoints/statements.h"

#include "arrow/api.h"
#include "base/json.h"
#include "endpoints/base64.h"
#include "fmt/format.h"

namespace trommel::endpoints {
namespace {

/// The text of one SELECT while it is put together, and the values that belong to it.
class Statement {
 public:
  Statement(const BoundEndpoint& endpoint, const RequestValues& values) : endpoint_(endpoint), store_(*endpoint.store) {
    for (const auto& [parameter, value] : values.parameters)
      parameters_.push_back({parameter->name, parameter->type, value});
    for (const GivenFilter& given : values.filters) conditions_.push_back(condition(given));
  }

  Query count() { return {fmt::format("SELECT count(*) AS rows FROM {}{}", from(), where()), std::move(parameters_)}; }

  Query rows(const std::optional<Cursor>& cursor, int64_t limit, int64_t offset) {
    const bool backwards = cursor && cursor->backwards;
    if (cursor && !cursor->row.empty()) conditions_.push_back(beyond(*cursor));
    std::string sql = fmt::format("SELECT * FROM {}{}", from(), where());
    for (size_t i = 0; i < endpoint_.order.size(); ++i) {
      const Order& order = endpoint_.order[i];
      sql += fmt::format("{}{} {} NULLS {}", i ? ", " : " ORDER BY ", column(order.column),
                         order.descending != backwards ? "DESC" : "ASC", backwards ? "FIRST" : "LAST");
    }
    sql += fmt::format(" LIMIT {}", limit);
    if (offset > 0) sql += fmt::format(" OFFSET {}", offset);
    return {std::move(sql), std::move(parameters_)};
  }

 private:
  std::string from() const { return fmt::format("({}\n) AS {}", endpoint_.settings.sql, store_.quoted("answer")); }

  std::string where() const {
    return conditions_.empty() ? "" : fmt::format(" WHERE {}", fmt::join(conditions_, " AND "));
  }

  std::string column(const std::string& name) const { return store_.quoted("answer") + "." + store_.quoted(name); }

  std::string bind(const Type& type, const Value& value) {
    parameters_.push_back({fmt::format("trommel_{}", ++bound_), type, value});
    return store_.placeholder(parameters_.back());
  }

  std::string condition(const GivenFilter& given) {
    std::string out;
    for (const Compared& compared : given.values)
      out += (out.empty() ? "" : " OR ") + condition(*given.filter, compared);
    return "(" + out + ")";
  }

  std::string condition(const Filter& filter, const Compared& compared) {
    const std::string name = column(filter.settings.column);
    const auto compare = [&](const char* how, const Value& value) {
      return fmt::format("{} {} {}", name, how, bind(filter.type, value));
    };
    const Comparison comparison = filter.settings.comparison;
    if (!compared.end) return compare(comparison == Comparison::in ? "=" : comparison_text(comparison), compared.value);
    switch (comparison) {
      case Comparison::equal:
      case Comparison::in:
        return fmt::format("({} AND {})", compare(">=", compared.value), compare("<", compared.end));
      case Comparison::not_equal:
        return fmt::format("({} OR {})", compare("<", compared.value), compare(">=", compared.end));
      case Comparison::less:
      case Comparison::less_or_equal:
        return compare("<", compared.end);
      case Comparison::greater:
        return compare(">=", compared.end);
      case Comparison::greater_or_equal:
        return compare(">=", compared.value);
    }
    return {};
  }

  /// Rows that come after the cursor's in the order, or before it: equal in the first columns, and beyond it in the
  /// next. NULL comes last.
  std::string beyond(const Cursor& cursor) {
    std::string out, equal;
    for (size_t i = 0; i < endpoint_.order.size(); ++i) {
      const Order& order = endpoint_.order[i];
      const std::string name = column(order.column);
      const Value& value = cursor.row[i];
      const bool null = !value || value->IsNull(0);
      const bool rising = order.descending == cursor.backwards;
      std::string further;
      if (!null) further = fmt::format("{} {} {}", name, rising ? ">" : "<", bind(order.type, value));
      if (!null && !cursor.backwards) further = fmt::format("({} OR {} IS NULL)", further, name);
      if (null && cursor.backwards) further = fmt::format("{} IS NOT NULL", name);
      if (!further.empty()) out += fmt::format("{}({}{})", out.empty() ? "" : " OR ", equal, further);
      equal += null ? fmt::format("{} IS NULL AND ", name) : fmt::format("{} = {} AND ", name, bind(order.type, value));
    }
    return "(" + (out.empty() ? "1 = 0" : out) + ")";
  }

  const BoundEndpoint& endpoint_;
  const QueryStore& store_;
  std::vector<QueryParameter> parameters_;
  std::vector<std::string> conditions_;
  int bound_ = 0;
};

constexpr std::string_view kForwards = "next", kBackwards = "previous";

}  // namespace

std::string cursor_text(const BoundEndpoint& endpoint, const Cursor& cursor) {
  Json row = Json::array();
  for (const Value& value : cursor.row)
    row.push_back(!value || value->IsNull(0) ? Json(nullptr) : Json(value_text(*value, 0)));
  const Json json = {endpoint.digest.substr(0, 8), cursor.backwards ? kBackwards : kForwards, std::move(row)};
  return to_base64url(json_line(json));
}

std::optional<Cursor> read_cursor(const BoundEndpoint& endpoint, const std::string& text) {
  const auto bytes = from_base64url(text);
  const auto json = bytes ? parse_json(*bytes, "cursor") : config_error("", "");
  if (!json || !json->is_array() || json->size() != 3) return std::nullopt;
  const Json &digest = (*json)[0], &way = (*json)[1], &row = (*json)[2];
  if (digest != endpoint.digest.substr(0, 8) || (way != kForwards && way != kBackwards) || !row.is_array() ||
      row.size() != endpoint.order.size())
    return std::nullopt;
  Cursor cursor;
  cursor.backwards = way == kBackwards;
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i].is_null()) {
      cursor.row.push_back(nullptr);
      continue;
    }
    if (!row[i].is_string()) return std::nullopt;
    Value value = value_of(row[i].get<std::string>(), endpoint.order[i].type);
    if (!value) return std::nullopt;
    cursor.row.push_back(std::move(value));
  }
  return cursor;
}

Cursor cursor_at(const BoundEndpoint& endpoint, const arrow::RecordBatch& rows, int64_t row, bool backwards) {
  Cursor cursor;
  cursor.backwards = backwards;
  for (const Order& order : endpoint.order) cursor.row.push_back(rows.GetColumnByName(order.column)->Slice(row, 1));
  return cursor;
}

Query count_statement(const BoundEndpoint& endpoint, const RequestValues& values) {
  return Statement(endpoint, values).count();
}

Query page_statement(const BoundEndpoint& endpoint, const RequestValues& values, const std::optional<Cursor>& cursor) {
  const GivenPage& page = *values.page;
  const int64_t offset = page.cursor ? 0 : (page.number - 1) * page.size;
  return Statement(endpoint, values).rows(cursor, page.size + 1, offset);
}

Query all_statement(const BoundEndpoint& endpoint, const RequestValues& values) {
  return Statement(endpoint, values).rows(std::nullopt, endpoint.settings.max_rows + 1, 0);
}

}  // namespace trommel::endpoints
