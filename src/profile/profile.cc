#include "profile/profile.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "profile/measure.h"

namespace trommel::profile {

namespace {

constexpr size_t top_values = 10;
constexpr size_t correlated_max = 14;  // columns: more than that nobody reads
constexpr size_t missing_max = 8;
constexpr int64_t copies_counted_max = 5'000'000;

Nature nature_of(const arrow::DataType& type) {
  if (arrow::is_numeric(type.id()) || arrow::is_decimal(type.id())) return Nature::number;
  switch (type.id()) {
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
      return Nature::text;
    case arrow::Type::DATE32:
    case arrow::Type::DATE64:
    case arrow::Type::TIMESTAMP:
      return Nature::time;
    case arrow::Type::BOOL:
      return Nature::boolean;
    default:
      return Nature::other;
  }
}

/// A number without what has no mean: NaN and the infinities.
std::string finite(const Column& column) {
  const std::string name = query::quote_name(column.name);
  const bool real = arrow::is_floating(column.type->id());
  return real ? fmt::format("CASE WHEN isfinite({0}) THEN CAST({0} AS DOUBLE) END", name)
              : fmt::format("CAST({} AS DOUBLE)", name);
}

/// Numbers whose squares are no doubles.
bool is_huge(const Column& column) {
  return std::abs(to_number(column.min).value_or(0)) >= 1e150 || std::abs(to_number(column.max).value_or(0)) >= 1e150;
}

/// The figures of one column that one pass over all rows gives. `read_figures` takes them in the same order.
std::vector<std::string> figures_of(const Column& column) {
  const std::string c = query::quote_name(column.name);
  std::vector<std::string> out = {fmt::format("count({})", c), fmt::format("approx_count_distinct({})", c)};
  const bool ordered = column.nature != Nature::other;
  out.push_back(ordered ? fmt::format("min({})", c) : "NULL");
  out.push_back(ordered ? fmt::format("max({})", c) : "NULL");
  if (column.nature == Nature::number) {
    const std::string x = finite(column);
    for (const char* figure : {"avg({})", "stddev_samp({0}) FILTER (abs({0}) < 1e150)", "count(*) FILTER (({}) = 0)",
                               "count(*) FILTER (({}) < 0)"})
      out.push_back(fmt::format(fmt::runtime(figure), x));
    out.push_back(fmt::format("count({}) - count({})", c, x));
  }
  if (column.nature == Nature::text) {
    for (const char* figure : {"min(length({}))", "max(length({}))", "avg(length({}))", "count(*) FILTER ({} = '')",
                               "count(*) FILTER ({0} <> trim({0}))"})
      out.push_back(fmt::format(fmt::runtime(figure), c));
  }
  return out;
}

void read_figures(const std::vector<std::optional<std::string>>& cells, size_t at, int64_t rows, Column& column) {
  column.nulls = rows - to_count(cells[at]);
  column.distinct = to_count(cells[at + 1]);
  column.distinct_exact = false;
  column.min = cells[at + 2];
  column.max = cells[at + 3];
  if (column.nature == Nature::number) {
    column.mean = to_number(cells[at + 4]);
    if (!is_huge(column)) column.deviation = to_number(cells[at + 5]);
    column.zeros = to_count(cells[at + 6]);
    column.negatives = to_count(cells[at + 7]);
    column.not_finite = to_count(cells[at + 8]);
  }
  if (column.nature == Nature::text) {
    column.min_length = to_count(cells[at + 4]);
    column.max_length = to_count(cells[at + 5]);
    column.mean_length = to_number(cells[at + 6]).value_or(0);
    column.empty = to_count(cells[at + 7]);
    column.blanks = to_count(cells[at + 8]);
  }
}

class Measuring {
 public:
  Measuring(query::Connection& connection, std::string table, const Options& options)
      : connection_(connection), table_(std::move(table)), looked_at_(table_), options_(options) {}

  Result<Profile> go() {
    TRY(find_columns());
    TRY(first_pass());
    TRY(take_sample());
    for (Column& column : profile_.columns) TRY(measure(column));
    TRY(find_missing());
    TRY(correlate());
    TRY(count_copies());
    return std::move(profile_);
  }

 private:
  Result<> find_columns() {
    ASSIGN(const auto statement, connection_.prepare("SELECT * FROM " + table_));
    for (const auto& field : statement->schema()->fields()) {
      Column column;
      column.name = field->name();
      column.type = field->type();
      column.nature = nature_of(*field->type());
      profile_.columns.push_back(std::move(column));
    }
    return {};
  }

  Result<> first_pass() {
    std::vector<std::string> figures = {"count(*)"};
    std::vector<size_t> starts;
    for (const Column& column : profile_.columns) {
      starts.push_back(figures.size());
      for (std::string& figure : figures_of(column)) figures.push_back(std::move(figure));
    }
    ASSIGN(const Answer answer, ask(connection_, "SELECT " + as_texts(figures) + " FROM " + table_));
    profile_.rows = to_count(answer.front().front());
    for (size_t i = 0; i < profile_.columns.size(); ++i)
      read_figures(answer.front(), starts[i], profile_.rows, profile_.columns[i]);
    return {};
  }

  Result<> take_sample() {
    if (profile_.rows <= options_.exact_rows) return {};
    profile_.sampled = options_.sample_rows;
    looked_at_ = "trommel_sample";
    return connection_.run(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT * FROM {} USING SAMPLE reservoir({} ROWS) REPEATABLE (1)",
        looked_at_, table_, options_.sample_rows));
  }

  Result<> measure(Column& column) {
    const std::string name = query::quote_name(column.name);
    TRY(connection_.run(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} AS value, count(*) AS n FROM {} WHERE {} IS NOT NULL GROUP BY 1",
        column_values, column.nature == Nature::other ? fmt::format("CAST({} AS VARCHAR)", name) : name, looked_at_,
        name)));
    if (profile_.sampled == 0) {
      ASSIGN(const std::string distinct, connection_.value(fmt::format("SELECT count(*) FROM {}", column_values)));
      column.distinct = to_count(distinct);
      column.distinct_exact = true;
    }
    ASSIGN(const Answer top, ask(connection_, fmt::format("SELECT {} FROM {} ORDER BY n DESC, value LIMIT {}",
                                                          as_texts({"value", "n"}), column_values, top_values)));
    for (const auto& row : top) column.top.push_back({row[0].value_or(""), to_count(row[1])});
    if (column.nature == Nature::number || column.nature == Nature::time)
      TRY(measure_order(connection_, looked_at_, column));
    if (column.nature == Nature::text) TRY(measure_text(connection_, column));
    return suggest_rules(connection_, profile_.rows, column);
  }

  Result<> find_missing() {
    std::vector<size_t> with_nulls;
    std::string flags;
    for (size_t i = 0; i < profile_.columns.size(); ++i) {
      const Column& column = profile_.columns[i];
      if (column.nulls == 0) continue;
      with_nulls.push_back(i);
      flags += fmt::format("{}CASE WHEN {} IS NULL THEN '1' ELSE '0' END", flags.empty() ? "" : " || ",
                           query::quote_name(column.name));
    }
    if (with_nulls.size() < 2) return {};
    ASSIGN(const Answer answer,
           ask(connection_,
               fmt::format(
                   "SELECT {} FROM (SELECT {} AS flags FROM {}) GROUP BY flags ORDER BY count(*) DESC, flags LIMIT {}",
                   as_texts({"flags", "count(*)"}), flags, table_, missing_max)));
    for (const auto& row : answer) {
      MissingPattern pattern{{}, to_count(row[1])};
      for (size_t i = 0; i < with_nulls.size(); ++i) {
        if ((*row[0])[i] == '1') pattern.columns.push_back(with_nulls[i]);
      }
      profile_.missing.push_back(std::move(pattern));
    }
    return {};
  }

  Result<> correlate() {
    Correlations& out = profile_.correlations;
    std::vector<std::string> terms;
    for (size_t i = 0; i < profile_.columns.size() && out.columns.size() < correlated_max; ++i) {
      const Column& column = profile_.columns[i];
      if (column.nature != Nature::number || column.distinct < 3 || is_huge(column)) continue;
      out.columns.push_back(i);
      terms.push_back(finite(column));
    }
    const size_t count = terms.size();
    if (count < 3) {
      out.columns.clear();
      return {};
    }
    std::vector<std::string> pairs;
    for (size_t a = 0; a < count; ++a) {
      for (size_t b = a + 1; b < count; ++b) pairs.push_back(fmt::format("corr({}, {})", terms[a], terms[b]));
    }
    const auto answer = ask(connection_, "SELECT " + as_texts(pairs) + " FROM " + looked_at_);
    if (!answer) {  // numbers too large to be squared
      if (answer.error().domain == Error::Domain::external) return tl::unexpected(answer.error());
      out.columns.clear();
      return {};
    }
    out.values.assign(count * count, 1);
    size_t at = 0;
    for (size_t a = 0; a < count; ++a) {
      for (size_t b = a + 1; b < count; ++b, ++at) {
        const double value = to_number(answer->front()[at]).value_or(std::numeric_limits<double>::quiet_NaN());
        out.values[a * count + b] = out.values[b * count + a] = value;
      }
    }
    return {};
  }

  Result<> count_copies() {
    if (profile_.rows > copies_counted_max) return {};
    ASSIGN(const std::string different,
           connection_.value(fmt::format("SELECT count(*) FROM (SELECT DISTINCT * FROM {})", table_)));
    profile_.copies = profile_.rows - to_count(different);
    return {};
  }

  query::Connection& connection_;
  const std::string table_;
  std::string looked_at_;  ///< the table, or a sample of it
  const Options options_;
  Profile profile_;
};

}  // namespace

Result<Profile> make_profile(query::Connection& connection, const std::string& table, const Options& options) {
  return Measuring(connection, table, options).go();
}

std::string figure_text(double value) {
  if (!std::isfinite(value)) return "—";
  const double size = std::abs(value);
  if (size >= 1e15 || (size > 0 && size < 1e-4)) return fmt::format("{:.3g}", value);
  if (size >= 1000 || value == std::floor(value)) {
    std::string digits = fmt::format("{:.0f}", std::abs(value));
    for (auto at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3)
      digits.insert(static_cast<size_t>(at), ",");
    return (value < 0 && digits != "0" ? "-" : "") + digits;
  }
  return fmt::format("{:.4g}", value);
}

}  // namespace trommel::profile
