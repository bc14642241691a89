// Numbers and times: quantiles, histogram, values far out.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "profile/measure.h"

namespace trommel::profile {

namespace {

constexpr std::array shares = {0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99};
constexpr double buckets_wanted = 24;
constexpr double single_values_max = 60;  ///< whole numbers within a range of so many get a bucket each
constexpr double far_factor = 3;          ///< of the quartiles' distance: Tukey's outer fences (1977)

bool is_integer(const Column& column) { return arrow::is_integer(column.type->id()); }

/// Whole numbers as the column has them: 2013, not 2,013.
std::string value_of(const Column& column, double value) {
  return is_integer(column) && value == std::floor(value) ? fmt::format("{:.0f}", value) : figure_text(value);
}

/// 1, 2, 2.5 or 5 times a power of ten, not below `width`.
double nice_width(double width) {
  const double power = std::pow(10, std::floor(std::log10(width)));
  for (const double step : {1.0, 2.0, 2.5, 5.0}) {
    if (step * power >= width) return step * power;
  }
  return 10 * power;
}

struct Range {
  double low = 0, high = 0;
};

/// Where the histogram stands: everything, unless a few values lie so far out that the rest would be one bar.
Range drawn_range(const Column& column, Range all) {
  const double first = column.quantiles.front().at, last = column.quantiles.back().at;
  const double core = last - first;
  if (core <= 0 || all.high - all.low <= 4 * core) return all;
  return {std::max(all.low, first - core * 0.15), std::min(all.high, last + core * 0.15)};
}

Result<> number_histogram(query::Connection& connection, Column& column, Range all) {
  const Range range = drawn_range(column, all);
  if (!std::isfinite(range.high - range.low)) return {};
  double width = 1;
  const bool single = is_integer(column) && range.high - range.low <= single_values_max;
  if (!single && range.high > range.low) width = nice_width((range.high - range.low) / buckets_wanted);
  if (is_integer(column)) width = std::max(1.0, std::ceil(width));
  const double first = std::floor(range.low / width) * width;
  const auto count = static_cast<int64_t>(std::floor((range.high - first) / width)) + 1;
  Histogram& histogram = column.histogram;
  for (int64_t i = 0; i < count; ++i) {
    const double low = first + static_cast<double>(i) * width;
    histogram.buckets.push_back({value_of(column, low), value_of(column, single ? low : low + width), 0});
  }
  histogram.first = single ? first - 0.5 : first;
  histogram.last = histogram.first + static_cast<double>(count) * width;
  ASSIGN(const Answer answer,
         ask(connection,
             fmt::format("SELECT {} FROM (SELECT floor(({} - {:.17g}) / {:.17g}) AS bucket, n FROM {}) "
                         "WHERE bucket IS NOT NULL GROUP BY bucket",
                         as_texts({"bucket", "sum(n)"}), number_of(column, "value"), first, width, column_values)));
  for (const auto& row : answer) {
    const double bucket = to_number(row[0]).value_or(-1);
    const int64_t rows = to_count(row[1]);
    if (bucket < 0) {
      histogram.below += rows;
    } else if (bucket >= static_cast<double>(count)) {
      histogram.above += rows;
    } else {
      histogram.buckets[static_cast<size_t>(bucket)].rows += rows;
    }
  }
  return {};
}

struct TimeUnit {
  const char* name;
  const char* interval;
  const char* format;
  double seconds;
};
constexpr std::array<TimeUnit, 11> time_units = {{
    {"second", "1 second", "%Y-%m-%d %H:%M:%S", 1},
    {"minute", "1 minute", "%Y-%m-%d %H:%M", 60},
    {"hour", "1 hour", "%Y-%m-%d %H:%M", 3600},
    {"day", "1 day", "%Y-%m-%d", 86400},
    {"week", "7 days", "%Y-%m-%d", 7 * 86400},
    {"month", "1 month", "%Y-%m", 30.4 * 86400},
    {"quarter", "3 months", "%Y-%m", 91.3 * 86400},
    {"year", "1 year", "%Y", 365.2 * 86400},
    {"decade", "10 years", "%Y", 3652 * 86400.0},
    {"century", "100 years", "%Y", 36524 * 86400.0},
    {"millennium", "1000 years", "%Y", 365242 * 86400.0},
}};

Result<> time_histogram(query::Connection& connection, Column& column, Range all) {
  const Range range = drawn_range(column, all);
  const auto unit = std::find_if(time_units.begin(), time_units.end() - 1, [&](const TimeUnit& candidate) {
    return (range.high - range.low) / candidate.seconds <= single_values_max;
  });
  const bool zoned = column.type->id() == arrow::Type::TIMESTAMP &&
                     !static_cast<const arrow::TimestampType&>(*column.type).timezone().empty();
  const std::string time = zoned ? "timezone('UTC', value)" : "CAST(value AS TIMESTAMP)";
  const std::string at = number_of(column, "value");
  ASSIGN(
      const Answer answer,
      ask(connection,
          fmt::format("WITH counted AS (SELECT date_trunc('{0}', {1}) AS start, sum(n) AS n FROM {2} "
                      "WHERE {3} BETWEEN {4:.17g} AND {5:.17g} GROUP BY 1), "
                      "axis AS (SELECT unnest(generate_series((SELECT min(start) FROM counted), "
                      "(SELECT max(start) FROM counted), INTERVAL '{6}')) AS start) "
                      "SELECT strftime(axis.start, '{7}'), CAST(coalesce(n, 0) AS VARCHAR), CAST(epoch(axis.start) AS "
                      "VARCHAR), CAST(epoch(axis.start + INTERVAL '{6}') AS VARCHAR) "
                      "FROM axis LEFT JOIN counted ON counted.start = axis.start ORDER BY axis.start",
                      unit->name, time, column_values, at, range.low, range.high, unit->interval, unit->format)));
  for (const auto& row : answer) column.histogram.buckets.push_back({*row[0], *row[0], to_count(row[1])});
  if (!answer.empty()) {
    column.histogram.first = to_number(answer.front()[2]).value_or(0);
    column.histogram.last = to_number(answer.back()[3]).value_or(1);
  }
  ASSIGN(
      const Answer outside,
      ask(connection, fmt::format("SELECT {} FROM {}",
                                  as_texts({fmt::format("coalesce(sum(n) FILTER ({} < {:.17g}), 0)", at, range.low),
                                            fmt::format("coalesce(sum(n) FILTER ({} > {:.17g}), 0)", at, range.high)}),
                                  column_values)));
  column.histogram.below = to_count(outside[0][0]);
  column.histogram.above = to_count(outside[0][1]);
  return {};
}

double quantile_at(const Column& column, double share) {
  const auto found = std::find_if(column.quantiles.begin(), column.quantiles.end(),
                                  [&](const Quantile& quantile) { return quantile.share == share; });
  return found->at;
}

Result<> find_far(query::Connection& connection, Column& column) {
  const double low = quantile_at(column, 0.25), high = quantile_at(column, 0.75);
  const double distance = high - low;
  if (distance <= 0 || column.distinct < 10) return {};
  const std::string at = number_of(column, "value");
  const auto find = [&](const std::string& beyond, const char* order, const char* where) -> Result<> {
    ASSIGN(const Answer total,
           ask(connection,
               fmt::format("SELECT CAST(coalesce(sum(n), 0) AS VARCHAR) FROM {} WHERE {}", column_values, beyond)));
    const int64_t rows = to_count(total[0][0]);
    if (rows == 0) return {};
    ASSIGN(const Answer far, ask(connection, fmt::format("SELECT {} FROM {} WHERE {} ORDER BY value {} LIMIT 3",
                                                         as_texts({"value", "n"}), column_values, beyond, order)));
    const bool number = column.nature == Nature::number;
    for (const auto& row : far) {
      column.odd.push_back(
          {*row[0], to_count(row[1]),
           fmt::format("far {} the middle half{}", where,
                       number ? fmt::format(" ({} … {})", value_of(column, low), value_of(column, high)) : "")});
    }
    if (rows > 1 && far.size() == 3)
      column.odd.back().why += fmt::format("; {} rows lie so far out", figure_text(static_cast<double>(rows)));
    return {};
  };
  TRY(find(fmt::format("{} < {:.17g}", at, low - far_factor * distance), "ASC", "below"));
  return find(fmt::format("{} > {:.17g}", at, high + far_factor * distance), "DESC", "above");
}

/// Dates that programs write when they have none.
Result<> find_placeholders(query::Connection& connection, Column& column) {
  ASSIGN(const Answer found,
         ask(connection,
             fmt::format("SELECT {} FROM {} WHERE CAST(CAST(value AS TIMESTAMP) AS VARCHAR) IN "
                         "('1900-01-01 00:00:00', '1970-01-01 00:00:00', '9999-12-31 00:00:00') ORDER BY n DESC",
                         as_texts({"value", "n"}), column_values)));
  for (const auto& row : found)
    column.odd.push_back({*row[0], to_count(row[1]), "often written for a date that is not known"});
  return {};
}

}  // namespace

std::string number_of(const Column& column, const std::string& expression) {
  if (column.nature == Nature::time) return fmt::format("CASE WHEN isfinite({0}) THEN epoch({0}) END", expression);
  if (!arrow::is_floating(column.type->id())) return fmt::format("CAST({} AS DOUBLE)", expression);
  return fmt::format("CASE WHEN isfinite({0}) THEN CAST({0} AS DOUBLE) END", expression);
}

Result<> measure_order(query::Connection& connection, const std::string& table, Column& column) {
  const std::string name = query::quote_name(column.name);
  const bool time = column.nature == Nature::time;
  ASSIGN(const Answer ends, ask(connection, fmt::format("SELECT {} FROM {}",
                                                        as_texts({fmt::format("min({})", number_of(column, "value")),
                                                                  fmt::format("max({})", number_of(column, "value"))}),
                                                        column_values)));
  const auto low = to_number(ends[0][0]), high = to_number(ends[0][1]);
  if (!low || !high) return {};
  const std::string list = fmt::format("[{}]", fmt::join(shares, ", "));
  const std::string quantiles = time ? fmt::format("quantile_disc({0}, {1}) FILTER (isfinite({0}))", name, list)
                                     : fmt::format("quantile_cont({}, {})", number_of(column, name), list);
  // Seconds and zones only make a list of quantiles long.
  const bool clock = column.type->id() == arrow::Type::TIMESTAMP;
  const std::string shown = clock ? "strftime(q, '%Y-%m-%d %H:%M')" : "CAST(q AS VARCHAR)";
  ASSIGN(const Answer answer,
         ask(connection, fmt::format("SELECT {}, CAST({} AS VARCHAR) FROM (SELECT unnest({}) AS q FROM {})", shown,
                                     time ? "epoch(q)" : "q", quantiles, table)));
  for (size_t i = 0; i < answer.size(); ++i) {
    const double at = to_number(answer[i][1]).value_or(0);
    column.quantiles.push_back({shares[i], time ? *answer[i][0] : value_of(column, at), at});
  }
  TRY(time ? time_histogram(connection, column, {*low, *high}) : number_histogram(connection, column, {*low, *high}));
  if (column.not_finite > 0)
    column.odd.push_back({"NaN, infinity", column.not_finite, "no number to reckon with; in no figure but this"});
  if (time) TRY(find_placeholders(connection, column));
  return find_far(connection, column);
}

}  // namespace trommel::profile
