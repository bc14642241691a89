#include "transforms/check/settings.h"

namespace trommel {

const Spec<Rule>& Rule::spec() {
  static const auto spec =
      Spec<Rule>("rule", "What must hold")
          .field("column", &Rule::column, "the column, in a list of rules; in a map the column is the key",
                 {.example = "dep_time"})
          .field("name", &Rule::name, "of an SQL rule; its rejects are grouped under it", {.example = "no_time_travel"})
          .field("type", &Rule::type, "the column is turned into this type; a value that does not fit breaks the rule",
                 {.example = "int16"})
          .field("required", &Rule::required, "no NULL")
          .field("min", &Rule::min, "the least value allowed", {.example = "0"})
          .field("max", &Rule::max, "the greatest value allowed", {.example = "2400"})
          .field("min_length", &Rule::min_length, "characters at least", {.example = "1"})
          .field("max_length", &Rule::max_length, "characters at most", {.example = "10"})
          .field("pattern", &Rule::pattern, "regular expression (RE2) that the whole value must match",
                 {.example = "'[A-Z]{3}'"})
          .field("allowed", &Rule::allowed, "the only values allowed", {.example = "[EWR, JFK, LGA]"})
          .field("sql", &Rule::sql, "SQL expression over the columns of a row that must not be false; NULL passes",
                 {.example = "arr_time >= dep_time"})
          .field("exists_in", &Rule::exists_in,
                 "the value must stand in a column of a `tables:` entry; without a column, in the one of the same name",
                 {.example = "airlines.carrier"})
          .field("unique", &Rule::unique,
                 "no second row may have the value; in a list of rules also the columns of a key, or `row`",
                 {.example = "true"})
          .field("within", &Rule::within, "`unique` looks back so far only, by the clock; an endless input needs it",
                 {.example = "1d"})
          .field("outliers", &Rule::outliers, "values far from the others of the column; waits for the whole input",
                 {.example = "{ method: iqr, action: flag }"});
  return spec;
}

const Spec<OutlierRule>& OutlierRule::spec() {
  static const auto spec =
      Spec<OutlierRule>("outliers", "Values far from the others of their column")
          .field(
              "method", &OutlierRule::method,
              "iqr: beyond the quartiles by `factor` times their distance; zscore: `factor` standard deviations from "
              "the mean; mad: `factor` times 1.4826 median absolute deviations from the median")
          .field("factor", &OutlierRule::factor, "default: 1.5 for iqr, 3 for zscore, 3.5 for mad", {.example = "3"})
          .field("action", &OutlierRule::action,
                 "reject the row; flag it in a column of true and false; or warn, with how many there are")
          .field("flag", &OutlierRule::flag, "name of the column for `action: flag`; default: COLUMN_outlier",
                 {.example = "is_odd"})
          .scalar_is("method");
  return spec;
}

const Spec<ExistsRule>& ExistsRule::spec() {
  static const auto spec =
      Spec<ExistsRule>("exists_in", "Where the value must stand")
          .field("table", &ExistsRule::table, "a `tables:` entry, or TABLE.COLUMN",
                 {.example = "airlines", .required = true})
          .field("column", &ExistsRule::column, "of the table; default: that of the same name", {.example = "carrier"})
          .scalar_is("table");
  return spec;
}

const Spec<FigureBound>& FigureBound::spec() {
  static const auto spec =
      Spec<FigureBound>("figure", "What a figure of the whole input may be")
          .field("min", &FigureBound::min, "at least this", {.example = "1000"})
          .field("max", &FigureBound::max, "at most this", {.example = "5%"})
          .field("change", &FigureBound::change, "at most so far from what it was in the last run that published",
                 {.example = "20%"})
          .check([](const FigureBound& bound, const Node& node, Problems& problems) {
            if (!bound.min && !bound.max && !bound.change)
              problems.add(node.place, "nothing is expected here", "`min`, `max` or `change`");
          });
  return spec;
}

const Spec<ColumnExpectation>& ColumnExpectation::spec() {
  static const auto spec =
      Spec<ColumnExpectation>("column", "What must hold of a whole column")
          .field("nulls", &ColumnExpectation::nulls, "share of NULL, 0 to 1 or in percent", {.example = "{ max: 5% }"})
          .field("distinct", &ColumnExpectation::distinct, "number of different values, NULL left out",
                 {.example = "{ min: 2 }"})
          .field("min", &ColumnExpectation::min, "the least value", {.example = "{ min: 0 }"})
          .field("max", &ColumnExpectation::max, "the greatest value", {.example = "{ max: 2400 }"})
          .field("mean", &ColumnExpectation::mean, "of a column of numbers", {.example = "{ change: 10% }"})
          .field("freshness", &ColumnExpectation::freshness, "the newest date or time is not older than this",
                 {.example = "2d"});
  return spec;
}

const Spec<WholeExpectation>& WholeExpectation::spec() {
  static const auto spec =
      Spec<WholeExpectation>("whole", "What must hold of all rows together")
          .field("row_count", &WholeExpectation::row_count, "number of rows", {.example = "{ min: 1000, change: 20% }"})
          .field("columns", &WholeExpectation::columns, "figures by column",
                 {.example = "{ dep_time: { nulls: { max: 5% } } }"});
  return spec;
}

namespace {

constexpr const char* description =
    "A row that breaks a rule is a reject: code, column and value name the first rule broken: `type` of any column, "
    "then in the order of the columns `required`, "
    "`min`, `max`, `min_length`, `max_length`, `pattern`, `allowed`, `exists_in`, and SQL; the reason goes on with up "
    "to two "
    "more. NULL breaks `required` only. "
    "`min` and `max` are allowed themselves; NaN lies between no two numbers.\n\n"
    "With a `contract`, columns are matched as in a source: names ignoring case and punctuation, `extra`, `missing` "
    "and `reordered` as the contract says, "
    "and rows leave with the contract's names and types.\n\n"
    "`unique`, then `outliers`, look at the rows that keep all other rules; NULL is neither. `whole` looks at the rows "
    "that go on, once the input has ended: where the figures are not as expected, nothing is published, and the run "
    "says by how much.";

constexpr const char* example =
    "name: flights\n"
    "sources:\n"
    "  flights: { files: flights.csv.zip }\n"
    "transforms:\n"
    "  good:\n"
    "    check:\n"
    "      rules:\n"
    "        - { column: dep_time, min: 0, max: 2400 }\n"
    "        - { column: origin, required: true, allowed: [EWR, JFK, LGA] }\n"
    "        - { name: on_this_earth, sql: distance < 20000 }\n"
    "sinks:\n"
    "  out: { files: output/flights.parquet }\n";

}  // namespace

const Spec<CheckConfig>& check_spec() {
  static const auto spec =
      Spec<CheckConfig>("check", "Lets rows pass that keep the rules, and rejects the others")
          .description(description)
          .example(example)
          .field("contract", &CheckConfig::contract, "the contract that rows must keep: a file, or the contract itself",
                 {.example = "contract.yaml", .type = "file or contract"})
          .field("rules", &CheckConfig::rules, "rules by column, or a list of rules",
                 {.example = "{ dep_time: { min: 0, max: 2400 } }", .type = "map of column: rules, or list of rules"})
          .field("whole", &CheckConfig::whole, "what must hold of all rows together, or nothing is published",
                 {.example = "{ row_count: { min: 1000 } }"})
          .field(
              "memory", &CheckConfig::memory,
              "what `unique`, `outliers` and `distinct` may hold in memory; beyond it goes to disk. Default: a share "
              "of the process's",
              {.example = "256MB"});
  return spec;
}

}  // namespace trommel
