#include "transforms/check/check.h"

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "component/promises.h"
#include "config/pipeline.h"
#include "query/database.h"

namespace trommel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Heard : public Outlet {
 public:
  void emit(Batch batch) override { batches.push_back(std::move(batch)); }
  void reject(const Batch&, std::span<const Refusal> given) override {
    refusals.insert(refusals.end(), given.begin(), given.end());
  }
  void reject(const Block&, std::span<const RawRefusal>) override { ADD_FAILURE(); }
  void filtered(int64_t) override { ADD_FAILURE(); }
  void deduplicated(int64_t) override { ADD_FAILURE(); }
  void expanded(int64_t) override { ADD_FAILURE(); }
  void combined(int64_t, int64_t) override { ADD_FAILURE(); }
  void misfit(const Block&, Misfit) override { ADD_FAILURE(); }

  std::vector<std::string> said() const {
    std::vector<std::string> out;
    for (const Refusal& refusal : refusals) {
      out.push_back(std::to_string(refusal.row) + " " + refusal.code + " " + refusal.column + " [" + refusal.value +
                    "] " + refusal.reason);
    }
    return out;
  }

  std::vector<Batch> batches;
  std::vector<Refusal> refusals;
};

template <class Builder, class Value>
std::shared_ptr<arrow::Array> array(const std::vector<std::optional<Value>>& values) {
  Builder builder;
  for (const auto& value : values) EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  return *builder.Finish();
}

Batch flights() {
  const auto schema = arrow::schema({arrow::field("dep_time", arrow::int64()), arrow::field("origin", arrow::utf8()),
                                     arrow::field("speed", arrow::float64()), arrow::field("seats", arrow::utf8())});
  return {
      arrow::RecordBatch::Make(schema, 5,
                               {array<arrow::Int64Builder, int64_t>({5, 2530, std::nullopt, 2400, -1}),
                                array<arrow::StringBuilder, std::string>({"EWR", "JFK", "XXX", std::nullopt, "ewr"}),
                                array<arrow::DoubleBuilder, double>({1.5, std::nan(""), 3, 900, 2}),
                                array<arrow::StringBuilder, std::string>({"12", "many", "", "7", std::nullopt})}),
      Positions::run(100), nullptr};
}

struct Bound {
  BoundTransform transform;
  std::string problems;
};

Bound bind_to(const std::string& settings, const Schema& schema) {
  Problems problems;
  const Node node =
      parse_yaml(settings, "p.yaml", [](const std::string&) { return std::optional<std::string>(); }, problems);
  BindContext context;
  context.env = &real_env();
  context.database = [] { return query::Database::open({}); };
  auto bound = check_transform().bind(node, {{"in", schema}}, context, problems);
  EXPECT_TRUE(bound) << bound.error().text();
  return {std::move(*bound), problems.text()};
}

Heard run(const std::string& settings, const Batch& batch = flights()) {
  const Bound bound = bind_to(settings, batch.rows->schema());
  EXPECT_EQ(bound.problems, "");
  Heard heard;
  if (!bound.problems.empty()) return heard;
  auto transform = bound.transform.make();
  EXPECT_TRUE(transform) << transform.error().text();
  const auto pushed = (*transform)->push(0, batch, heard);
  EXPECT_TRUE(pushed) << pushed.error().text();
  for (const Batch& out : heard.batches) {
    EXPECT_TRUE(out.rows->schema()->Equals(*bound.transform.schema));
    EXPECT_TRUE(out.rows->ValidateFull().ok());
  }
  return heard;
}

TEST(Check, KeepsThePromisesOfATransform) {
  for (const char* settings :
       {"{ rules: { dep_time: { required: true, min: 0, max: 2400 }, origin: { pattern: '[A-Z]{3}' } } }",
        "{ rules: { seats: { type: int16 } } }", "{ rules: [ { sql: 'speed < 800', name: slow } ] }"}) {
    const auto bound = bind_to(settings, flights().rows->schema());
    EXPECT_EQ(bound.problems, "");
    EXPECT_THAT(broken_transform_promises(bound.transform, flights()), testing::IsEmpty()) << settings;
  }
}

TEST(Check, RangesAllowTheirEndsAndNull) {
  const Heard heard = run("rules: { dep_time: { min: 0, max: 2400 } }");
  EXPECT_THAT(heard.said(),
              ElementsAre("1 max dep_time [2530] max: 2530 is above 2400", "4 min dep_time [-1] min: -1 is below 0"));
  ASSERT_EQ(heard.batches.size(), 1U);
  EXPECT_EQ(heard.batches[0].size(), 3);
  EXPECT_EQ(heard.batches[0].positions.at(1), 102);
}

TEST(Check, NanIsInNoRange) {
  EXPECT_THAT(run("rules: { speed: { max: 800.5 } }").said(),
              ElementsAre(HasSubstr("1 max speed [nan]"), "3 max speed [900] max: 900 is above 800.5"));
}

TEST(Check, RequiredLengthPatternAllowed) {
  EXPECT_THAT(run("rules: { origin: { required: true } }").said(),
              ElementsAre("3 required origin [NULL] required: there is no value"));
  EXPECT_THAT(run("rules: { seats: { min_length: 1, max_length: 3 } }").said(),
              ElementsAre("1 max_length seats [many] max_length: 4 characters, at most 3 are allowed",
                          "2 min_length seats [] min_length: 0 characters, at least 1 are wanted"));
  EXPECT_THAT(run("rules: { origin: { pattern: '[A-Z]{3}' } }").said(),
              ElementsAre("4 pattern origin [ewr] pattern: `ewr` does not match [A-Z]{3}"));
  EXPECT_THAT(run("rules: { origin: { allowed: [EWR, JFK] } }").said(),
              ElementsAre("2 allowed origin [XXX] allowed: `XXX` is none of EWR, JFK",
                          "4 allowed origin [ewr] allowed: `ewr` is none of EWR, JFK"));
  EXPECT_THAT(run("rules: { dep_time: { allowed: [5, 2400] } }").refusals, testing::SizeIs(2));
}

TEST(Check, LengthCountsCharacters) {
  const auto schema = arrow::schema({arrow::field("name", arrow::utf8())});
  const Batch batch{
      arrow::RecordBatch::Make(schema, 2, {array<arrow::StringBuilder, std::string>({"Zürich", "日本語"})}),
      {},
      nullptr};
  EXPECT_THAT(run("rules: { name: { max_length: 6, min_length: 4 } }", batch).said(),
              ElementsAre(HasSubstr("1 min_length name [日本語] min_length: 3 characters")));
}

TEST(Check, TypeTurnsTheColumnIntoAnother) {
  const Heard heard = run("rules: { seats: { type: int16, max: 10 } }");
  EXPECT_THAT(heard.said(), ElementsAre(HasSubstr("0 max seats [12]"), "1 type seats [many] type: `many` is no int16",
                                        "2 type seats [] type: `` is no int16"));
  ASSERT_EQ(heard.batches.size(), 1U);
  EXPECT_EQ(heard.batches[0].rows->schema()->field(3)->type()->id(), arrow::Type::INT16);
}

TEST(Check, RequiredIsNotAskedOfAValueThatWasNoneOfItsType) {
  EXPECT_THAT(
      run("rules: { seats: { type: int16, required: true } }").said(),
      ElementsAre(HasSubstr("1 type"), HasSubstr("2 type"), "4 required seats [NULL] required: there is no value"));
}

TEST(Check, OneRowIsOneRejectWithItsReasons) {
  const Heard heard =
      run("rules: { dep_time: { max: 10 }, origin: { pattern: E.*, max_length: 2, allowed: [A] }, speed: { max: 1 } }");
  EXPECT_EQ(heard.refusals[1].row, 1);
  EXPECT_EQ(heard.refusals[1].code, "max");
  EXPECT_EQ(heard.refusals[1].column, "dep_time");
  EXPECT_THAT(
      heard.refusals[1].reason,
      HasSubstr("max: 2530 is above 10; origin: max_length: 3 characters, at most 2 are allowed; origin: pattern:"));
  EXPECT_THAT(heard.refusals[1].reason, HasSubstr("and 2 more"));
}

TEST(Check, SqlIsBrokenByFalseAlone) {
  EXPECT_THAT(run("rules: [ { sql: dep_time < 3000 } ]").said(), testing::IsEmpty());
  EXPECT_THAT(run("rules: [ { sql: dep_time IS NOT NULL AND dep_time < 3000 } ]").said(),
              ElementsAre(HasSubstr("2 sql dep_time [NULL]")));
}

TEST(Check, SqlRules) {
  const Heard heard =
      run("rules: [ { name: on_time, sql: dep_time <= 2400 }, { sql: dep_time > 0 AND length(origin) = 3 }, { column: "
          "dep_time, max: 9999 } ]");
  EXPECT_THAT(heard.said(),
              ElementsAre("1 on_time dep_time [2530] on_time: not true: dep_time <= 2400",
                          "4 sql  [dep_time = -1, origin = ewr] sql: not true: dep_time > 0 AND length(origin) = 3"));
  ASSERT_EQ(heard.batches.size(), 1U);
  EXPECT_EQ(heard.batches[0].size(), 3);
}

TEST(Check, ARowOnWhichSqlFailsStandsAlone) {
  const Heard heard = run("rules: [ { name: few_seats, sql: CAST(seats AS INT) < 100 -- a comment\n } ]");
  ASSERT_EQ(heard.refusals.size(), 2U);
  EXPECT_EQ(heard.refusals[0].row, 1);
  EXPECT_EQ(heard.refusals[0].code, "few_seats");
  EXPECT_EQ(heard.refusals[0].value, "many");
  EXPECT_THAT(heard.refusals[0].reason, HasSubstr("many"));
  EXPECT_EQ(heard.refusals[1].row, 2);
}

TEST(Check, Contract) {
  const Heard heard = run(
      "contract: { extra: drop, columns: { Dep-Time: { type: INTEGER, max: 2400 }, origin: VARCHAR(3) NOT NULL } }");
  EXPECT_THAT(heard.said(), ElementsAre(HasSubstr("1 max Dep-Time"), HasSubstr("3 required origin")));
  ASSERT_EQ(heard.batches.size(), 1U);
  EXPECT_THAT(heard.batches[0].rows->schema()->field_names(), ElementsAre("Dep-Time", "origin"));
  EXPECT_EQ(heard.batches[0].rows->schema()->field(0)->type()->id(), arrow::Type::INT32);
  EXPECT_FALSE(heard.batches[0].rows->schema()->field(1)->nullable());
}

TEST(Check, MistakesHaveTheirPlaces) {
  const Schema schema = flights().rows->schema();
  EXPECT_THAT(bind_to("rules: { dep_tiem: { max: 1 } }", schema).problems,
              HasSubstr("p.yaml:1:10: no column `dep_tiem` comes in here (did you mean `dep_time`?)"));
  EXPECT_THAT(bind_to("rules: { dep_time: { max: noon } }", schema).problems,
              HasSubstr("`max` of column `dep_time`: `noon` is no int64"));
  EXPECT_THAT(bind_to("rules: { origin: { pattern: '[A-' } }", schema).problems,
              HasSubstr("`pattern` of column `origin` is no regular expression"));
  EXPECT_THAT(bind_to("rules: { dep_time: { pattern: '1' } }", schema).problems,
              HasSubstr("`pattern` is a rule for text"));
  EXPECT_THAT(bind_to("rules: [ { max: 3 } ]", schema).problems, HasSubstr("a rule of a column has to name it"));
  EXPECT_THAT(bind_to("rules: [ { sql: dep_tme < 3 } ]", schema).problems, HasSubstr("dep_tme"));
  EXPECT_THAT(bind_to("rules: [ { sql: dep_time + 1 } ]", schema).problems, HasSubstr("a rule is true or false"));
  EXPECT_THAT(bind_to("rules: [ { sql: count(*) > 1 } ]", schema).problems, HasSubstr("one row at a time"));
  EXPECT_THAT(bind_to("contract: { origin: VARCHAR, dept: VARCHAR }", schema).problems,
              HasSubstr("column `dept` of the contract is missing"));
  EXPECT_THAT(bind_to("{}", schema).problems, HasSubstr("there is nothing to check"));
}

}  // namespace
}  // namespace trommel
