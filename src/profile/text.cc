// Text: its shapes, and values that look unlike the others.
#include <fmt/format.h>

#include <algorithm>

#include "profile/measure.h"

namespace trommel::profile {

namespace {

constexpr int64_t exact_shapes_below = 64;  ///< characters; longer text is told by its runs alone
constexpr size_t shapes_kept = 30;
constexpr double rare = 0.005;
constexpr size_t odd_max = 8;

/// Letters as A or a, digits as 9; in long text each run as one.
std::string shape_of(const Column& column, const std::string& value) {
  std::string out = value;
  const bool runs = column.max_length > exact_shapes_below;
  for (const auto& [what, by] : {std::pair{R"(\p{Lu})", "A"}, {R"([\p{Ll}\p{Lo}])", "a"}, {R"(\p{Nd})", "9"}})
    out = fmt::format("regexp_replace({}, '{}{}', '{}', 'g')", out, what, runs ? "+" : "", by);
  return out;
}

/// `SELECT value, n` of that many odd ones.
Result<> find(query::Connection& connection, Column& column, const std::string& where, const std::string& why,
              size_t limit = 3) {
  if (column.odd.size() >= odd_max) return {};
  ASSIGN(const Answer found, ask(connection, fmt::format("SELECT {} FROM {} WHERE {} ORDER BY n DESC, value LIMIT {}",
                                                         as_texts({"value", "n"}), column_values, where, limit)));
  for (const auto& row : found) {
    const std::string value = row[0].value_or("");
    const bool told =
        std::any_of(column.odd.begin(), column.odd.end(), [&](const Odd& odd) { return odd.value == value; });
    if (!told) column.odd.push_back({value, to_count(row[1]), why});
  }
  return {};
}

/// Values of which nearly all are numbers or dates, and a few are not: the few are why the column is text.
Result<> find_spoilers(query::Connection& connection, Column& column, int64_t rows) {
  const std::string markers = fmt::format("lower(trim(value)) IN ({})", marker_list());
  for (const auto& [type, word] : {std::pair{"DOUBLE", "number"}, {"DATE", "date"}, {"TIMESTAMP", "time"}}) {
    const std::string fits = fmt::format("TRY_CAST(trim(value) AS {}) IS NOT NULL", type);
    ASSIGN(const std::string count,
           connection.value(fmt::format("SELECT coalesce(sum(n), 0) FROM {} WHERE {}", column_values, fits)));
    const int64_t fitting = to_count(count);
    if (fitting == rows || static_cast<double>(fitting) < 0.95 * static_cast<double>(rows)) continue;
    return find(connection, column, fmt::format("NOT ({}) AND NOT ({})", fits, markers),
                fmt::format("no {}, as {:.4g}% of the values are", word,
                            100 * static_cast<double>(fitting) / static_cast<double>(rows)));
  }
  return {};
}

Result<> find_spellings(query::Connection& connection, Column& column) {
  if (column.odd.size() >= odd_max) return {};
  ASSIGN(const Answer found,
         ask(connection,
             fmt::format("SELECT {} FROM (SELECT arg_min(value, n) AS rarer, min(n) AS n, arg_max(value, n) AS usual "
                         "FROM {} GROUP BY lower(trim(regexp_replace(value, '\\s+', ' ', 'g'))) HAVING count(*) > 1) "
                         "WHERE rarer <> usual ORDER BY n DESC, rarer LIMIT 3",
                         as_texts({"rarer", "n", "usual"}), column_values)));
  for (const auto& row : found)
    column.odd.push_back({*row[0], to_count(row[1]), fmt::format("also written `{}`", *row[2])});
  return {};
}

Result<> measure_shapes(query::Connection& connection, Column& column) {
  const std::string shapes =
      fmt::format("(SELECT {} AS shape, value, n FROM {})", shape_of(column, "value"), column_values);
  ASSIGN(const Answer found,
         ask(connection, fmt::format("SELECT {} FROM {} GROUP BY shape ORDER BY sum(n) DESC, shape LIMIT {}",
                                     as_texts({"shape", "sum(n)"}), shapes, shapes_kept)));
  for (const auto& row : found) column.shapes.push_back({*row[0], to_count(row[1])});
  ASSIGN(const std::string count, connection.value(fmt::format("SELECT count(DISTINCT shape) FROM {}", shapes)));
  column.shape_count = to_count(count);
  return {};
}

/// A shape of few rows is odd where a few shapes are nearly all.
Result<> find_rare_shapes(query::Connection& connection, Column& column, int64_t rows) {
  constexpr int64_t few = 6;
  if (column.odd.size() >= odd_max || column.shapes.empty()) return {};
  int64_t covered = 0, usual = 0;
  for (const ValueCount& shape : column.shapes) {
    if (static_cast<double>(shape.rows) <= rare * static_cast<double>(rows)) break;
    covered += shape.rows;
    ++usual;
  }
  const bool few_are_nearly_all =
      usual > 0 && usual <= few && static_cast<double>(covered) >= 0.97 * static_cast<double>(rows);
  if (!few_are_nearly_all || usual == column.shape_count) return {};
  std::string usual_list;
  for (int64_t i = 0; i < usual; ++i)
    usual_list += (i > 0 ? ", " : "") + query::quote_text(column.shapes[static_cast<size_t>(i)].value);
  return find(connection, column,
              fmt::format("{} NOT IN ({}) AND lower(trim(value)) NOT IN ({})", shape_of(column, "value"), usual_list,
                          marker_list()),
              fmt::format("unlike {}", column.shapes.front().value));
}

}  // namespace

std::string marker_list() {
  return "'', 'na', 'n/a', '#n/a', 'null', 'none', 'nil', 'nan', '-', '--', '---', '.', '?', '\\n', 'unknown', 'tbd'";
}

Result<> measure_text(query::Connection& connection, Column& column) {
  ASSIGN(const std::string count, connection.value(fmt::format("SELECT coalesce(sum(n), 0) FROM {}", column_values)));
  const int64_t rows = to_count(count);
  if (rows == 0) return {};
  TRY(measure_shapes(connection, column));
  TRY(find(connection, column, fmt::format("lower(trim(value)) IN ({})", marker_list()), "reads like a missing value"));
  TRY(find_spoilers(connection, column, rows));
  TRY(find_spellings(connection, column));
  TRY(find(connection, column, "value <> trim(value) AND trim(value) <> ''", "blanks at an end", 2));
  return find_rare_shapes(connection, column, rows);
}

}  // namespace trommel::profile
