// A profile: what a table's columns hold, measured by DuckDB within its memory limit, and what that suggests.
//
// Up to Options::exact_rows everything is counted over all rows. Beyond, counts of NULL, least and greatest values,
// means and deviations still are; distinct counts are HyperLogLog estimates (Flajolet et al. 2007), and quantiles,
// frequent values, histograms and odd values come from a reservoir sample (Vitter 1985). `Profile::sampled` says which
// it was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "batch/types.h"
#include "query/database.h"
#include "telemetry/terminal.h"

namespace trommel::profile {

enum class Nature { number, text, time, boolean, other };

struct ValueCount {
  std::string value;
  int64_t rows = 0;
};

/// Rows whose value lies from `low` to before `high`.
struct Bucket {
  std::string low, high;  ///< for people; equal where a bucket is one value
  int64_t rows = 0;
};

struct Histogram {
  std::vector<Bucket> buckets;   ///< without gaps, rising
  double first = 0, last = 0;    ///< ends of the axis; seconds since 1970 of times
  int64_t below = 0, above = 0;  ///< rows outside, where a few values lie so far out that they would flatten the rest
};

/// The least value that at least `share` of the rows do not exceed (numbers: interpolated).
struct Quantile {
  double share = 0;
  std::string text;
  double at = 0;  ///< for drawing; seconds since 1970 of times
};

struct Odd {
  std::string value;
  int64_t rows = 0;
  std::string why;
};

/// A rule in the words of contracts and `check`.
struct Rule {
  std::string name;   ///< `min`
  std::string value;  ///< as YAML
  std::string why;
  int64_t broken = 0;  ///< rows that would break it
};

struct Column {
  std::string name;
  Type type;
  Nature nature = Nature::other;
  int64_t nulls = 0, distinct = 0;
  bool distinct_exact = true;
  std::optional<std::string> min, max;
  std::optional<double> mean, deviation;
  int64_t zeros = 0, negatives = 0, not_finite = 0;               ///< of numbers
  int64_t min_length = 0, max_length = 0, empty = 0, blanks = 0;  ///< of text, in characters; `blanks` at an end
  double mean_length = 0;
  std::vector<Quantile> quantiles;  ///< of numbers and times
  std::vector<ValueCount> top;      ///< the most frequent values, ten at most
  Histogram histogram;              ///< of numbers and times
  std::vector<ValueCount> shapes;   ///< of text: `A9999` with letters as A or a and digits as 9, the most frequent
  int64_t shape_count = 0;
  std::vector<Odd> odd;
  std::vector<Rule> rules;
};

/// Which of the columns with NULLs are NULL together.
struct MissingPattern {
  std::vector<size_t> columns;  ///< index in Profile::columns; empty: nothing is missing
  int64_t rows = 0;
};

/// Pearson's coefficients between the columns of numbers.
struct Correlations {
  std::vector<size_t> columns;
  std::vector<double> values;  ///< row by row; NaN where there is none
};

struct Unread {
  std::string place, reason;
};

struct Profile {
  std::string name;
  int64_t rows = 0;
  int64_t bytes = -1;             ///< of the file as it lies there, where it is one
  int64_t sampled = 0;            ///< rows looked at for what is not counted over all of them; 0: all
  std::optional<int64_t> copies;  ///< rows that equal an earlier one; unknown for large tables
  int64_t unread = 0;             ///< rows that the reader refused; in no other figure
  std::vector<Unread> first_unread;
  std::vector<std::string> guesses;       ///< of the reader, with their reasons
  bool names_changed = false;             ///< columns whose names differ in case alone stand under others here
  std::vector<std::string> null_markers;  ///< texts that the reader took for NULL
  std::vector<Column> columns;
  std::vector<MissingPattern> missing;  ///< the most frequent first; empty where fewer than two columns have NULLs
  Correlations correlations;            ///< empty where fewer than three columns vary
};

struct Options {
  int64_t exact_rows = 10'000'000;
  int64_t sample_rows = 2'000'000;
};

/// Profiles a table or view of the connection; `table` is quoted. Makes temporary tables, writes nothing else.
Result<Profile> make_profile(query::Connection& connection, const std::string& table, const Options& options = {});

/// The type of a column as a contract has it: `BIGINT`.
std::string contract_type(const Column& column);
/// All columns, to be pasted into a contract.
std::string contract_lines(const Profile& profile);

/// `4,812`, `0.25`, `1.3e-07`: four figures behind whole thousands.
std::string figure_text(double value);

/// For people: as wide as the terminal, or 100 cells.
std::string terminal_text(const Profile& profile, const Terminal& terminal);
/// One JSON object.
std::string profile_json(const Profile& profile);
/// One page on its own: styles and charts in it, no address of another place, light and dark, for screens, phones,
/// paper.
std::string html_page(const Profile& profile, const std::string& made_by);

}  // namespace trommel::profile
