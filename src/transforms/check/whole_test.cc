// Rules that look at more than one row.
#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/virtual_clock.h"
#include "component/promises.h"
#include "config/pipeline.h"
#include "transforms/check/check.h"
#include "transforms/check/outliers.h"

namespace trommel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <class Builder, class Value>
std::shared_ptr<arrow::Array> array(Builder&& builder, const std::vector<std::optional<Value>>& values) {
  for (const auto& value : values) EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  return *builder.Finish();
}

using Numbers = std::vector<std::optional<double>>;
using Texts = std::vector<std::optional<std::string>>;

const Schema& schema() {
  static const Schema made = arrow::schema({arrow::field("key", arrow::utf8()), arrow::field("value", arrow::float64()),
                                            arrow::field("at", arrow::timestamp(arrow::TimeUnit::SECOND))});
  return made;
}

Batch batch_of(const Texts& keys, const Numbers& values, Position first = 0) {
  std::vector<std::optional<int64_t>> times;
  for (size_t i = 0; i < keys.size(); ++i) times.push_back(static_cast<int64_t>(1'000 + i));
  return {arrow::RecordBatch::Make(
              schema(), static_cast<int64_t>(keys.size()),
              {array(arrow::StringBuilder(), keys), array(arrow::DoubleBuilder(), values),
               array(arrow::TimestampBuilder(schema()->field(2)->type(), arrow::default_memory_pool()), times)}),
          Positions::run(first), nullptr};
}

BindContext context(Env& env = real_env()) {
  BindContext out;
  out.env = &env;
  out.state_folder = testing::TempDir() + "/whole_test";
  ReferenceTable table;
  table.name = "known";
  table.schema = arrow::schema({arrow::field("key", arrow::utf8()), arrow::field("number", arrow::int32())});
  table.read = [schema = table.schema](const std::function<Result<>(const Batch&)>& each) {
    return each({arrow::RecordBatch::Make(schema, 3,
                                          {array(arrow::StringBuilder(), Texts{"a", "b", std::nullopt}),
                                           array(arrow::Int32Builder(), std::vector<std::optional<int32_t>>{1, 2, 3})}),
                 {},
                 nullptr});
  };
  out.tables["known"] = table;
  return out;
}

struct Bound {
  BoundTransform transform;
  std::string problems;
};

Bound bound(const std::string& settings, bool endless = false, const BindContext& in = context()) {
  Problems problems;
  const Node node =
      parse_yaml(settings, "p.yaml", [](const std::string&) { return std::optional<std::string>(); }, problems);
  auto transform = check_transform().bind(node, {{.name = "in", .schema = schema(), .endless = endless}}, in, problems);
  EXPECT_TRUE(transform) << transform.error().text();
  return {std::move(*transform), problems.text()};
}

class Warned : public KeepingOutlet {
 public:
  void warn(const std::string& text) override { warnings.push_back(text); }
  std::vector<std::string> warnings;
};

struct Ran {
  Warned outlet;
  std::string error;
  std::vector<std::string> keys;
};

Ran run(const std::string& settings, const std::vector<Batch>& batches) {
  const Bound of = bound(settings);
  EXPECT_EQ(of.problems, "");
  Ran out;
  if (!of.problems.empty()) return out;
  auto transform = of.transform.make();
  EXPECT_TRUE(transform) << transform.error().text();
  for (const Batch& batch : batches) EXPECT_TRUE((*transform)->push(0, batch, out.outlet));
  if (const auto ended = (*transform)->end(out.outlet); !ended) {
    EXPECT_EQ(ended.error().domain, Error::Domain::data);
    out.error = ended.error().what;
  }
  for (const auto& row : out.outlet.rows) out.keys.push_back(row.row.substr(0, row.row.find(" | ")));
  return out;
}

TEST(Unique, TheFirstOfAKeyPasses) {
  const std::vector<Batch> batches = {batch_of({"a", "b", "a", std::nullopt}, {1, 1, 1, 1}),
                                      batch_of({std::nullopt, "b", "c"}, {1, 2, 3}, 4)};
  const Ran ran = run("rules: { key: { unique: true } }", batches);
  EXPECT_THAT(ran.keys, ElementsAre("a", "b", "NULL", "NULL", "c"));
  EXPECT_THAT(ran.outlet.rejects, ElementsAre("unique key a", "unique key b"));
  EXPECT_THAT(run("rules: [{ unique: [key, value] }]", batches).keys, ElementsAre("a", "b", "NULL", "NULL", "b", "c"));
  EXPECT_THAT(run("rules: [{ unique: row }]", batches).keys.size(), 7U);
  // A row that is refused for another rule does not count as the first.
  EXPECT_THAT(run("rules: [{ column: key, unique: true }, { column: value, min: 2 }]", batches).keys,
              ElementsAre("b", "c"));
}

TEST(Exists, ValuesMustStandInTheTable) {
  const std::vector<Batch> batches = {batch_of({"a", "x", std::nullopt, "b"}, {1, 2, 3.5, 3})};
  for (const char* where : {"known", "known.key", "{ table: known, column: key }"}) {
    const Ran ran = run(std::string("rules: { key: { exists_in: ") + where + " } }", batches);
    EXPECT_THAT(ran.keys, ElementsAre("a", "NULL", "b"));
    EXPECT_THAT(ran.outlet.rejects, ElementsAre("exists_in key x"));
  }
  EXPECT_THAT(run("rules: { value: { exists_in: known.number } }", batches).outlet.rejects,
              ElementsAre("exists_in value 3.5"));
  EXPECT_THAT(bound("rules: { key: { exists_in: knwon } }").problems,
              HasSubstr("no table `knwon` (did you mean `known`?)"));
  EXPECT_THAT(bound("rules: { value: { exists_in: known } }").problems,
              HasSubstr("table `known` has no column `value`"));
  EXPECT_THAT(bound("rules: { at: { exists_in: known.number } }").problems, HasSubstr("known.number is int32"));
}

// ---- outliers -------------------------------------------------------------------------------------------------------

OutlierLimits limits(OutlierMethod method, double factor, const Numbers& values, int64_t memory = 1 << 20) {
  OutlierColumn column(method, factor, real_env(), testing::TempDir() + "/whole_test", memory);
  EXPECT_TRUE(column.add(*array(arrow::DoubleBuilder(), values)));
  return *column.limits();
}

TEST(Outliers, LimitsOfEachMethod) {
  // Figures by numpy: quartiles 2 and 6, mean 21, sample deviation 44.2, median 4, MAD 2.
  const Numbers values = {1, 2, 3, 5, std::nullopt, 6, 109};
  const OutlierLimits iqr = limits(OutlierMethod::iqr, 1.5, values);
  EXPECT_DOUBLE_EQ(iqr.low, 2.25 - 1.5 * 3.5);
  EXPECT_DOUBLE_EQ(iqr.high, 5.75 + 1.5 * 3.5);
  const OutlierLimits zscore = limits(OutlierMethod::zscore, 2, values);
  EXPECT_NEAR(zscore.high, 21 + 2 * 43.1509, 0.01);
  const OutlierLimits mad = limits(OutlierMethod::mad, 3.5, values);
  EXPECT_NEAR(mad.low, 4 - 3.5 * 1.4826 * 2, 1e-9);
  EXPECT_NEAR(mad.high, 4 + 3.5 * 1.4826 * 2, 1e-9);
  for (const auto method : {OutlierMethod::iqr, OutlierMethod::zscore, OutlierMethod::mad}) {
    EXPECT_TRUE(limits(method, 1, {5, 5, 5, 5}).inside(1e300));  // no spread, no outliers
    EXPECT_TRUE(limits(method, 1, {5}).inside(7));
    EXPECT_TRUE(limits(method, 1, {}).inside(7));
  }
}

TEST(Outliers, QuantilesAreExactBeyondTheMemory) {
  std::mt19937_64 random(3);
  Numbers values;
  std::vector<double> sorted;
  for (int i = 0; i < 20'001; ++i) {
    values.push_back(
        std::ldexp(static_cast<double>(static_cast<int64_t>(random())), static_cast<int>(random() % 40) - 60));
    sorted.push_back(*values.back());
  }
  std::sort(sorted.begin(), sorted.end());
  const OutlierLimits all = limits(OutlierMethod::iqr, 1, values, 1000);
  const double spread = sorted[15'000] - sorted[5'000];
  EXPECT_DOUBLE_EQ(all.low, sorted[5'000] - spread);
  EXPECT_DOUBLE_EQ(all.high, sorted[15'000] + spread);
}

TEST(Outliers, AreRejectedFlaggedOrToldOf) {
  const std::vector<Batch> batches = {batch_of({"a", "b", "c", "d"}, {1, 2, 3, 5}),
                                      batch_of({"e", "f", "g"}, {std::nullopt, 6, 109}, 4)};
  const Ran rejected = run("rules: { value: { outliers: iqr } }", batches);
  EXPECT_THAT(rejected.keys, ElementsAre("a", "b", "c", "d", "e", "f"));
  EXPECT_THAT(rejected.outlet.rejects, ElementsAre("outlier value 109"));
  const Ran flagged = run("rules: { value: { outliers: { method: mad, action: flag } } }", batches);
  EXPECT_EQ(flagged.outlet.rows.back().row, "g | 109 | 1970-01-01 00:16:42 | true");
  EXPECT_EQ(flagged.outlet.rows[4].row, "e | NULL | 1970-01-01 00:16:40 | false");
  EXPECT_EQ(flagged.outlet.rows[4].position, 4);
  const Ran warned = run("rules: { value: { outliers: { factor: 2, action: warn } } }", batches);
  EXPECT_EQ(warned.keys.size(), 7U);
  EXPECT_THAT(warned.outlet.warnings,
              ElementsAre("1 of 7 values of `value` are outliers: they lie outside -4.75 to 12.75"));
  EXPECT_THAT(bound("rules: { key: { outliers: iqr } }").problems, HasSubstr("column `key` is string"));
  EXPECT_THAT(bound("rules: { value: { outliers: iqr } }", true).problems, HasSubstr("this one is endless"));
  EXPECT_THAT(bound("rules: { value: { outliers: { action: flag, flag: key } } }").problems,
              HasSubstr("there is a column `key` already"));
}

// ---- whole ----------------------------------------------------------------------------------------------------------

TEST(Whole, SaysByHowMuchItIsNotAsExpected) {
  const std::vector<Batch> batches = {batch_of({"a", "a", std::nullopt}, {1, 2, 6}),
                                      batch_of({"b"}, {std::nullopt}, 3)};
  const auto error = [&](const std::string& whole) { return run("whole: { " + whole + " }", batches).error; };
  EXPECT_EQ(
      error("row_count: { min: 4, max: 4 }, columns: { key: { nulls: { max: 25% }, distinct: { min: 2, max: 2 } }, "
            "value: { min: { min: 1 }, max: { max: 6 }, mean: { min: 3, max: 3 } } }"),
      "");
  EXPECT_EQ(error("row_count: { min: 10 }"),
            "the whole input is not as expected: row_count is 4: at least 10 was expected (6 less)");
  EXPECT_EQ(error("row_count: { max: 1 }"),
            "the whole input is not as expected: row_count is 4: at most 1 was expected (3 more)");
  EXPECT_THAT(
      error("columns: { key: { nulls: { max: 0.05 }, distinct: { min: 3 } } }"),
      HasSubstr("share of NULL of `key` is 25%: at most 0.05 was expected (20% more); number of distinct values of "
                "`key` is 2: at least 3 was expected (1 less)"));
  EXPECT_THAT(
      error("columns: { value: { mean: { max: 2 } }, at: { max: { max: '1970-01-01T00:16:41' } } }"),
      HasSubstr("mean of `value` is 3: at most 2 was expected (1 more); max of `at` is 1970-01-01 00:16:42: at most "
                "1970-01-01T00:16:41 was expected (1 more)"));
  EXPECT_THAT(error("columns: { at: { freshness: 1d } }"), HasSubstr("newest value of `at` is 1970-01-01 00:16:42, "));
  EXPECT_TRUE(bound("whole: { row_count: { min: 1 } }").transform.judges_whole);
}

TEST(Whole, FreshnessGoesByTheClock) {
  const auto clock = virtual_clock_env(real_env(), (1'002 + 3'600) * int64_t{1'000'000});
  for (const char* most : {"2h", "59m"}) {
    const Bound of =
        bound(std::string("whole: { columns: { at: { freshness: ") + most + " } } }", false, context(*clock));
    KeepingOutlet outlet;
    const auto transform = *of.transform.make();
    ASSERT_TRUE(transform->push(0, batch_of({"a", "b", "c"}, {1, 2, 3}), outlet));
    const auto ended = transform->end(outlet);
    EXPECT_EQ(ended.has_value(), std::string(most) == "2h");
    if (!ended) {
      EXPECT_THAT(ended.error().what, HasSubstr("1h old: at most 59m was expected (1m more)"));
    }
  }
}

class Remembered : public State {
 public:
  void put(std::string_view key, std::string_view value) override { entries[std::string(key)] = value; }
  void remove(std::string_view key) override { entries.erase(std::string(key)); }
  std::map<std::string, std::string> entries;
};

TEST(Whole, ComparesWithTheLastRun) {
  const Bound of = bound("whole: { row_count: { change: 50% }, columns: { value: { mean: { change: 0.1 } } } }");
  EXPECT_EQ(of.problems, "");
  Remembered state;
  const auto one_run = [&](int rows, double value) {
    KeepingOutlet outlet;
    const auto transform = *of.transform.make();
    for (const auto& [key, text] : state.entries) EXPECT_TRUE(transform->load(key, text));
    EXPECT_TRUE(transform->push(
        0, batch_of(Texts(static_cast<size_t>(rows), "a"), Numbers(static_cast<size_t>(rows), value)), outlet));
    const auto ended = transform->end(outlet);
    if (!ended) return ended.error().what;
    EXPECT_TRUE(transform->save(state));
    return std::string();
  };
  EXPECT_EQ(one_run(100, 10), "");
  EXPECT_EQ(one_run(150, 10.9), "");
  EXPECT_EQ(
      one_run(60, 10.9),
      "the whole input is not as expected: row_count is 60 and was 150 in the last run: it changed by -60%, at most "
      "50% was expected");
  EXPECT_THAT(one_run(150, 12.1), HasSubstr("mean of `value` is 12.1 and was 10.9"));
  EXPECT_EQ(one_run(80, 10.9), "");  // what failed was not remembered
}

TEST(Whole, KeepsThePromisesOfATransform) {
  Texts keys;
  Numbers values;
  for (int i = 0; i < 60; ++i) {
    keys.push_back(i % 9 == 0 ? std::nullopt : std::optional(std::to_string(i % 50)));
    values.push_back(i % 7 == 0 ? 1000.0 * i : i);
  }
  for (const char* settings :
       {"rules: { key: { unique: true }, value: { outliers: iqr } }", "rules: [{ unique: [key] }, { unique: row }]",
        "{ rules: { value: { outliers: { method: zscore, action: flag } } }, whole: { row_count: { min: 1 } } }",
        "{ rules: { key: { exists_in: known } }, whole: { columns: { key: { distinct: { max: 60 } } } } }"}) {
    EXPECT_THAT(broken_transform_promises(bound(settings).transform, batch_of(keys, values, 5)), IsEmpty()) << settings;
  }
}

TEST(Whole, NamesEveryMistakeWithItsPlace) {
  EXPECT_THAT(bound("whole: { columns: { vlaue: { nulls: { max: 1 } } } }").problems,
              HasSubstr("p.yaml:1:21: no column `vlaue` goes on from here (did you mean `value`?)"));
  EXPECT_THAT(bound("whole: { row_count: { min: many } }").problems,
              HasSubstr("p.yaml:1:28: `min`: `many` is not a number"));
  EXPECT_THAT(bound("whole: { columns: { at: { min: { min: 5 } } } }").problems,
              HasSubstr("`5` is not a value of timestamp(s)"));
  EXPECT_THAT(bound("whole: { columns: { key: { mean: { min: 5 } } } }").problems, HasSubstr("`mean` is of numbers"));
  EXPECT_THAT(bound("whole: { row_count: {} }").problems, HasSubstr("nothing is expected here"));
  EXPECT_THAT(bound("whole: { row_count: { min: 1 } }", true).problems, HasSubstr("this one is endless"));
  EXPECT_THAT(bound("rules: { key: { unique: true } }", true).problems, HasSubstr("`within: 1d` says how long"));
  EXPECT_EQ(bound("rules: { key: { unique: true, within: 1d } }", true).problems, "");
  EXPECT_THAT(bound("rules: { key: { within: 1d } }").problems, HasSubstr("says how far back `unique` looks"));
}

}  // namespace
}  // namespace trommel
