// What the figures of a column suggest, in the words of contracts and `check`.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/yaml_text.h"
#include "profile/measure.h"

namespace trommel::profile {

namespace {

constexpr int64_t allowed_max = 20;      ///< values that a list of allowed ones may have
constexpr int64_t seen_often = 20;       ///< rows for each value before a list or range is believed
constexpr int64_t code_length_max = 40;  ///< longer text is prose
constexpr double nearly_all = 0.98;
constexpr double rare_shape = 0.0005;

Result<int64_t> rows_where(query::Connection& connection, const std::string& where) {
  ASSIGN(const std::string count,
         connection.value(fmt::format("SELECT coalesce(sum(n), 0) FROM {} WHERE {}", column_values, where)));
  return to_count(count);
}

void add(Column& column, std::string name, std::string value, std::string why, int64_t broken = 0) {
  column.rules.push_back({std::move(name), std::move(value), std::move(why), broken});
}

void suggest_range(int64_t rows, Column& column) {
  if (!column.min || !column.max || column.distinct < 2) return;
  const bool whole = arrow::is_integer(column.type->id());
  const bool code = whole && column.distinct_exact && column.distinct > 1 && column.distinct <= 100 &&
                    rows >= seen_often * column.distinct;
  if (code) {
    add(column, "min", *column.min, "the least of a few values");
    add(column, "max", *column.max, "the greatest of a few values");
  } else if (column.negatives == 0) {
    add(column, "min", "0", "no value is negative");
  }
}

/// Markers of missing values that the column holds as text.
std::vector<std::string> markers_of(const Column& column) {
  std::vector<std::string> out;
  for (const Odd& odd : column.odd) {
    if (odd.why == "reads like a missing value") out.push_back(odd.value);
  }
  return out;
}

std::string list_of(const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& value : values) out += (out.empty() ? "" : ", ") + yaml_scalar(value);
  return "[" + out + "]";
}

/// Runs of a shape as classes: `A9999` is `[A-Z][0-9]{4}`.
std::string exact_pattern(const std::string& shape) {
  std::string out;
  for (size_t at = 0; at < shape.size();) {
    const char c = shape[at];
    const size_t end = std::min(shape.find_first_not_of(c, at), shape.size());
    const size_t run = end - at;
    out += c == 'A' ? "[A-Z]" : c == 'a' ? "[a-z]" : c == '9' ? "[0-9]" : std::string("\\") + c;
    if (run > 1) out += fmt::format("{{{}}}", run);
    at = end;
  }
  return out;
}

/// One pattern for all the shapes that make up nearly all rows; empty where they are no code.
std::string pattern_of(const Column& column, int64_t rows, const std::string& first_letter) {
  std::set<char> kinds;
  size_t shortest = std::string::npos, longest = 0;
  int64_t covered = 0, used = 0;
  for (const ValueCount& shape : column.shapes) {
    const bool rare = static_cast<double>(shape.rows) < rare_shape * static_cast<double>(rows);
    if (rare && static_cast<double>(covered) >= nearly_all * static_cast<double>(rows)) break;
    const bool marker = std::any_of(column.odd.begin(), column.odd.end(), [&](const Odd& odd) {
      return odd.why == "reads like a missing value" && odd.rows >= shape.rows &&
             odd.value.size() == shape.value.size();
    });
    covered += shape.rows;
    if (marker) continue;
    ++used;
    kinds.insert(shape.value.begin(), shape.value.end());
    shortest = std::min(shortest, shape.value.size());
    longest = std::max(longest, shape.value.size());
  }
  const bool plain = std::all_of(kinds.begin(), kinds.end(), [](char c) {
    return c == 'A' || c == 'a' || c == '9' || c == '-' || c == '_' || c == '.' || c == '/';
  });
  if (used == 0 || !plain || static_cast<double>(covered) < nearly_all * static_cast<double>(rows)) return "";
  if (used == 1) return exact_pattern(column.shapes.front().value);
  // Words of any length, such as names, are no code.
  if (!kinds.contains('9') && longest - shortest > 3) return "";
  std::string letters = std::string(kinds.contains('9') ? "0-9" : "") + (kinds.contains('A') ? "A-Z" : "") +
                        (kinds.contains('a') ? "a-z" : "");
  for (const char c : kinds) {
    if (c == '.' || c == '/' || c == '_') letters += c;
  }
  if (kinds.contains('-')) letters += '-';
  const size_t led = first_letter.empty() || shortest == 0 ? 0 : 1;
  const size_t least = shortest - led, most = longest - led;
  return (led == 1 ? first_letter : "") + "[" + letters + "]" +
         (least == most ? fmt::format("{{{}}}", most) : fmt::format("{{{},{}}}", least, most));
}

Result<> suggest_pattern(query::Connection& connection, int64_t rows, Column& column) {
  if (column.max_length > code_length_max || column.distinct < 2) return {};
  // A first letter that nearly all share is part of the code, where letters are few enough to tell.
  ASSIGN(const Answer first,
         ask(connection,
             fmt::format("SELECT {} FROM {} WHERE value <> '' GROUP BY left(value, 1) ORDER BY sum(n) DESC LIMIT 1",
                         as_texts({"left(value, 1)", "sum(n)"}), column_values)));
  if (first.empty()) return {};
  const std::string letter = *first[0][0];
  const bool shared = letter.size() == 1 && std::isalnum(static_cast<unsigned char>(letter[0])) != 0 &&
                      static_cast<double>(to_count(first[0][1])) >= nearly_all * static_cast<double>(rows) &&
                      column.distinct >= 10;
  const std::string pattern = pattern_of(column, rows, shared ? letter : "");
  if (pattern.empty()) return {};
  const std::string fits = fmt::format("regexp_full_match(value, {})", query::quote_text(pattern));
  const std::string marker = fmt::format("lower(trim(value)) IN ({})", marker_list());
  ASSIGN(const int64_t broken, rows_where(connection, fmt::format("NOT {} AND NOT {}", fits, marker)));
  if (static_cast<double>(broken) > (1 - nearly_all) * static_cast<double>(rows)) return {};
  add(column, "pattern", yaml_scalar(pattern), "what the values look like", broken);
  std::erase_if(column.odd, [](const Odd& odd) { return odd.why.starts_with("unlike "); });  // the pattern tells better
  if (broken == 0) return {};
  ASSIGN(const Answer odd,
         ask(connection, fmt::format("SELECT {} FROM {} WHERE NOT {} AND NOT {} ORDER BY n DESC, value LIMIT 3",
                                     as_texts({"value", "n"}), column_values, fits, marker)));
  for (const auto& row : odd) {
    const bool told =
        std::any_of(column.odd.begin(), column.odd.end(), [&](const Odd& known) { return known.value == *row[0]; });
    if (!told) column.odd.push_back({*row[0], to_count(row[1]), "not of the pattern " + pattern});
  }
  return {};
}

Result<> suggest_for_text(query::Connection& connection, Column& column) {
  ASSIGN(const int64_t rows, rows_where(connection, "true"));
  const std::vector<std::string> markers = markers_of(column);
  if (!markers.empty()) add(column, "nulls", list_of(markers), "they read like missing values; rules then see NULL");
  const int64_t values = column.distinct - static_cast<int64_t>(markers.size());
  if (column.distinct_exact && values > 0 && values <= allowed_max && rows >= seen_often * values) {
    ASSIGN(const Answer all,
           ask(connection, fmt::format("SELECT value FROM {} WHERE lower(trim(value)) NOT IN ({}) ORDER BY value",
                                       column_values, marker_list())));
    std::vector<std::string> allowed;
    for (const auto& row : all) allowed.push_back(*row[0]);
    if (!allowed.empty()) add(column, "allowed", list_of(allowed), "only these come");
    return {};
  }
  return suggest_pattern(connection, rows, column);
}

}  // namespace

Result<> suggest_rules(query::Connection& connection, int64_t rows, Column& column) {
  if (rows == 0) return {};
  if (column.nulls == 0) add(column, "required", "true", "no NULL came");
  if (column.nature == Nature::number) suggest_range(rows, column);
  if (column.nature == Nature::text) TRY(suggest_for_text(connection, column));
  return {};
}

std::string contract_type(const Column& column) {
  const std::string sql = duckdb_type(*column.type);
  const auto parsed = parse_type(sql);
  // SQL's spelling where it reads back as the same type, else our own.
  return yaml_scalar(parsed && same_type(*parsed->type, *column.type) ? sql : type_name(*column.type));
}

std::string contract_lines(const Profile& profile) {
  std::string out;
  if (!profile.null_markers.empty()) out += fmt::format("nulls: {}\n", list_of(profile.null_markers));
  out += "columns:\n";
  for (const Column& column : profile.columns) {
    const bool nulls =
        std::any_of(column.rules.begin(), column.rules.end(), [](const Rule& rule) { return rule.name == "nulls"; });
    std::string rules;
    for (const Rule& rule : column.rules) {
      if (rule.name == "required" && nulls) continue;  // a marker that becomes NULL would break it
      rules += fmt::format(", {}: {}", rule.name, rule.value);
    }
    out += fmt::format("  {}: ", yaml_scalar(column.name));
    out +=
        rules.empty() ? contract_type(column) + "\n" : fmt::format("{{ type: {}{} }}\n", contract_type(column), rules);
  }
  return out;
}

}  // namespace trommel::profile
