#include "transforms/dedupe/dedupe.h"

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/virtual_clock.h"
#include "component/promises.h"
#include "config/pipeline.h"

namespace trommel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Schema& schema() {
  static const Schema made = arrow::schema({arrow::field("key", arrow::utf8()), arrow::field("value", arrow::int64()),
                                            arrow::field("at", arrow::timestamp(arrow::TimeUnit::SECOND))});
  return made;
}

struct Row {
  std::optional<std::string> key;
  int64_t value = 0;
  std::optional<int64_t> at = 0;
};

Batch batch_of(const std::string& file, const std::vector<Row>& rows, Position first = 0) {
  arrow::StringBuilder keys;
  arrow::Int64Builder values;
  arrow::TimestampBuilder times(schema()->field(2)->type(), arrow::default_memory_pool());
  for (const Row& row : rows) {
    EXPECT_TRUE((row.key ? keys.Append(*row.key) : keys.AppendNull()).ok());
    EXPECT_TRUE(values.Append(row.value).ok());
    EXPECT_TRUE((row.at ? times.Append(*row.at) : times.AppendNull()).ok());
  }
  auto split = std::make_shared<Split>();
  split->id = split->name = file;
  split->source = "in";
  auto block = std::make_shared<Block>();
  block->split = std::move(split);
  return {arrow::RecordBatch::Make(schema(), static_cast<int64_t>(rows.size()),
                                   {*keys.Finish(), *values.Finish(), *times.Finish()}),
          Positions::run(first), std::move(block)};
}

struct Bound {
  BoundTransform transform;
  std::string problems;
};

BindContext context(Env& env = real_env()) {
  BindContext out;
  out.env = &env;
  out.state_folder = testing::TempDir() + "/dedupe_test";
  return out;
}

Bound bound(const std::string& settings, InputInfo input = {.name = "in", .schema = schema()},
            const BindContext& in = context()) {
  Problems problems;
  const Node node =
      parse_yaml(settings, "p.yaml", [](const std::string&) { return std::optional<std::string>(); }, problems);
  auto transform = dedupe_transform().bind(node, {std::move(input)}, in, problems);
  EXPECT_TRUE(transform) << transform.error().text();
  return {std::move(*transform), problems.text()};
}

std::vector<std::string> kept(const KeepingOutlet& outlet) {
  std::vector<std::string> out;
  for (const auto& row : outlet.rows) out.push_back(row.row.substr(0, row.row.rfind(" | ")));
  return out;
}

std::vector<std::string> run(const std::string& settings, const std::vector<Batch>& batches, int64_t equal) {
  const Bound of = bound(settings);
  EXPECT_EQ(of.problems, "");
  KeepingOutlet outlet;
  if (!of.problems.empty()) return {};
  auto transform = of.transform.make();
  for (const Batch& batch : batches) EXPECT_TRUE((*transform)->push(0, batch, outlet));
  EXPECT_TRUE((*transform)->end(outlet));
  EXPECT_EQ(outlet.deduplicated_rows, equal);
  return kept(outlet);
}

const std::vector<Batch>& two_files() {
  static const std::vector<Batch> made = {
      batch_of("1", {{"a", 1}, {"b", 1}, {"a", 1}, {"a", 2}, {std::nullopt, 1}}),
      batch_of("1", {{"b", 2}, {std::nullopt, 1}}, 5),
      batch_of("2", {{"a", 1}, {"b", 3}, {"b", 3}}),
  };
  return made;
}

TEST(Dedupe, OfWholeRowsOrColumnsWithinAFileOrAll) {
  EXPECT_THAT(run("{}", two_files(), 4), ElementsAre("a | 1", "b | 1", "a | 2", "NULL | 1", "b | 2", "b | 3"));
  EXPECT_THAT(run("{ by: key }", two_files(), 7), ElementsAre("a | 1", "b | 1", "NULL | 1"));
  EXPECT_THAT(run("{ by: [key], scope: within_file }", two_files(), 5),
              ElementsAre("a | 1", "b | 1", "NULL | 1", "a | 1", "b | 3"));
  EXPECT_THAT(run("[value]", two_files(), 7), ElementsAre("a | 1", "a | 2", "b | 3"));
}

TEST(Dedupe, KeepsTheLast) {
  EXPECT_THAT(run("{ by: [key], keep: last }", two_files(), 7), ElementsAre("NULL | 1", "a | 1", "b | 3"));
  EXPECT_THAT(run("{ by: [key], keep: last, scope: within_file }", two_files(), 5),
              ElementsAre("a | 2", "b | 2", "NULL | 1", "a | 1", "b | 3"));
  EXPECT_EQ(bound("{ keep: last }").transform.shape, Shape::whole_input);
}

TEST(Dedupe, KeepsThePromisesOfATransform) {
  std::vector<Row> rows;
  for (int64_t i = 0; i < 100; ++i)
    rows.push_back({i % 7 == 0 ? std::nullopt : std::optional(std::to_string(i % 13)), i % 3, 0});
  const Batch batch = batch_of("1", rows, 10);
  for (const char* settings :
       {"{}", "{ by: [key] }", "{ scope: within_file }", "{ keep: last }",
        "{ by: value, keep: last, scope: within_file }", "{ within: 1h }", "{ within: 1h, time: at }"}) {
    EXPECT_THAT(broken_transform_promises(bound(settings).transform, batch), IsEmpty()) << settings;
  }
}

// Many rows through a megabyte, against a plain map.
TEST(Dedupe, IsExactBeyondItsMemory) {
  std::mt19937_64 random(5);
  std::vector<Batch> batches;
  std::vector<std::string> first, last;
  std::map<std::string, int64_t> last_of;
  std::vector<std::string> keys;
  for (int64_t i = 0; i < 40; ++i) {
    std::vector<Row> rows;
    for (int64_t j = 0; j < 5000; ++j) {
      const std::string key = std::to_string(random() % 120'000);
      if (!last_of.contains(key)) first.push_back(key);
      last_of[key] = static_cast<int64_t>(keys.size());
      keys.push_back(key);
      rows.push_back({key, 0, 0});
    }
    batches.push_back(batch_of("1", rows, i * 5000));
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    if (last_of[keys[i]] == static_cast<int64_t>(i)) last.push_back(keys[i]);
  }
  const auto with_value = [](std::vector<std::string> texts) {
    for (std::string& text : texts) text += " | 0";
    return texts;
  };
  const auto equal = static_cast<int64_t>(keys.size() - first.size());
  EXPECT_EQ(run("{ by: [key], memory: 1MB }", batches, equal), with_value(first));
  EXPECT_EQ(run("{ by: [key], memory: 1MB, keep: last }", batches, equal), with_value(last));
}

TEST(Dedupe, WithinATimeOfTheClock) {
  const auto clock = virtual_clock_env(real_env(), 1'700'000'000'000'000);
  const Bound of =
      bound("{ by: [key], within: 10s }", {.name = "in", .schema = schema(), .endless = true}, context(*clock));
  EXPECT_EQ(of.problems, "");
  KeepingOutlet outlet;
  const auto transform = *of.transform.make();
  const auto push = [&] { ASSERT_TRUE(transform->push(0, batch_of("1", {{"a", 1}, {"a", 2}}), outlet)); };
  push();
  clock->sleep_us(9'900'000);
  push();
  EXPECT_THAT(kept(outlet), ElementsAre("a | 1"));
  clock->sleep_us(200'000);
  push();
  EXPECT_THAT(kept(outlet), ElementsAre("a | 1", "a | 1"));
  clock->sleep_us(9'000'000);
  push();  // counted from the row that was kept last
  EXPECT_EQ(outlet.rows.size(), 2U);
  EXPECT_EQ(outlet.deduplicated_rows, 6);
}

TEST(Dedupe, WithinATimeOfAColumn) {
  const Bound of = bound("{ by: [key], within: 10s, time: at }");
  KeepingOutlet outlet;
  const auto transform = *of.transform.make();
  // Near, late and near, far, late beyond what is remembered, and without a time.
  ASSERT_TRUE(transform->push(0,
                              batch_of("1", {{"a", 1, 100},
                                             {"a", 2, 109},
                                             {"a", 3, 101},
                                             {"a", 4, 110},
                                             {"a", 5, 100},
                                             {"a", 6, std::nullopt},
                                             {"a", 7, 101}}),
                              outlet));
  EXPECT_THAT(kept(outlet), ElementsAre("a | 1", "a | 4", "a | 5"));
  EXPECT_THAT(outlet.rejects, ElementsAre("no_time at NULL"));
  EXPECT_EQ(outlet.deduplicated_rows, 3);
}

class Remembered : public State {
 public:
  void put(std::string_view key, std::string_view value) override {
    entries[std::string(key)] = value;
    written += value.size();
  }
  void remove(std::string_view key) override { EXPECT_EQ(entries.erase(std::string(key)), 1U); }
  std::map<std::string, std::string> entries;
  size_t written = 0;
};

TEST(Dedupe, RemembersAcrossRestartsAndForgets) {
  const Bound of = bound("{ by: [key], within: 10s, time: at }");
  Remembered state;
  std::vector<std::string> all;
  for (int64_t epoch = 0; epoch < 20; ++epoch) {  // a new process each time
    KeepingOutlet outlet;
    const auto transform = *of.transform.make();
    for (const auto& [key, value] : state.entries) ASSERT_TRUE(transform->load(key, value));
    ASSERT_TRUE(transform->push(
        0, batch_of("1", {{"a", epoch, epoch * 4}, {"b" + std::to_string(epoch), epoch, epoch * 4}}), outlet));
    state.written = 0;
    ASSERT_TRUE(transform->save(state));
    EXPECT_LE(state.written, 60U);  // what is new, and no more
    EXPECT_LE(state.entries.size(), 4U);
    for (const std::string& row : kept(outlet)) {
      if (row.starts_with("a")) all.push_back(row);
    }
  }
  EXPECT_THAT(all, ElementsAre("a | 0", "a | 3", "a | 6", "a | 9", "a | 12", "a | 15", "a | 18"));
}

TEST(Dedupe, RemembersTheFileThatIsOpen) {
  const Bound of = bound("{ by: [key], scope: within_file }", {.name = "in", .schema = schema(), .endless = true});
  Remembered state;
  const auto epoch = [&](const std::string& file, const std::vector<Row>& rows) {
    KeepingOutlet outlet;
    const auto transform = *of.transform.make();
    for (const auto& [key, value] : state.entries) EXPECT_TRUE(transform->load(key, value));
    EXPECT_TRUE(transform->push(0, batch_of(file, rows), outlet));
    EXPECT_TRUE(transform->save(state));
    return kept(outlet);
  };
  EXPECT_THAT(epoch("1", {{"a", 1}, {"b", 2}}), ElementsAre("a | 1", "b | 2"));
  EXPECT_THAT(epoch("1", {{"a", 3}, {"c", 4}}), ElementsAre("c | 4"));
  EXPECT_EQ(state.entries.size(), 2U);
  EXPECT_THAT(epoch("2", {{"a", 5}, {"a", 6}}), ElementsAre("a | 5"));
  EXPECT_EQ(state.entries.size(), 1U);
  const auto transform = *of.transform.make();
  EXPECT_FALSE(transform->load("in/x", "shor"));
}

TEST(Dedupe, NamesEveryMistakeWithItsPlace) {
  EXPECT_THAT(bound("{ by: [key, vlaue] }").problems,
              HasSubstr("p.yaml:1:13: no column `vlaue` comes in here (did you mean `value`?)"));
  EXPECT_THAT(bound("{ within: 1h, keep: last }").problems, HasSubstr("p.yaml:1:11: `within` goes with `keep: first`"));
  EXPECT_THAT(bound("{ within: 1h, scope: within_file }").problems, HasSubstr("`within` goes with `scope: whole`"));
  EXPECT_THAT(bound("{ time: at }").problems, HasSubstr("`time` is the column that `within` goes by"));
  EXPECT_THAT(bound("{ within: 1h, time: key }").problems, HasSubstr("column `key` is string"));
  EXPECT_THAT(bound("{ keep: any }").problems, HasSubstr("one of first, last"));
  const InputInfo endless{.name = "in", .schema = schema(), .endless = true};
  EXPECT_THAT(bound("{ by: [key] }", endless).problems, HasSubstr("would be remembered for ever (`within: 1d`"));
  EXPECT_THAT(bound("{ keep: last }", endless).problems, HasSubstr("this one is endless"));
  EXPECT_THAT(bound("{ scope: within_file }", {.name = "in", .schema = schema(), .keeps_positions = false}).problems,
              HasSubstr("rows no longer know their file here"));
}

}  // namespace
}  // namespace trommel
