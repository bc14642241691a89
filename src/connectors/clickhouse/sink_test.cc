// The sink on real engines: TROMMEL_CLICKHOUSE holds their addresses, with blanks between them (tests/servers sets it).
#include "connectors/clickhouse/sink.h"

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "component/promises.h"
#include "connectors/clickhouse/native_testing.h"

namespace trommel::clickhouse {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> addresses() {
  const char* text = std::getenv("TROMMEL_CLICKHOUSE");
  std::istringstream words(text == nullptr ? "" : text);
  return {std::istream_iterator<std::string>(words), {}};
}

/// `count` rows from `first` on, of two days.
Batch rows_from(int64_t first, int64_t count) {
  std::vector<std::optional<std::string>> ids, names, days;
  for (int64_t i = first; i < first + count; ++i) {
    ids.push_back(std::to_string(i));
    names.push_back(i % 5 == 0 ? std::nullopt : std::optional("n" + std::to_string(i % 7)));
    days.push_back(fmt::format("2024-01-0{}", 1 + i % 2));
  }
  const arrow::ArrayVector columns = {from_texts("int64", ids), from_texts("string", names), from_texts("date", days)};
  const auto schema = arrow::schema({arrow::field("id", columns[0]->type()), arrow::field("name", columns[1]->type()),
                                     arrow::field("day", columns[2]->type())});
  return {arrow::RecordBatch::Make(schema, count, columns), Positions::run(0), nullptr};
}

class Given : public Segment {
 public:
  explicit Given(std::vector<Batch> batches, size_t break_at = SIZE_MAX)
      : batches_(std::move(batches)), break_(break_at) {}
  Result<bool> next(Batch& batch) override {
    if (at_ == break_) return external_error("segment", "broken off");
    if (at_ == batches_.size()) return false;
    batch = batches_[at_++];
    return true;
  }
  int64_t rows() const override {
    int64_t out = 0;
    for (const Batch& batch : batches_) out += batch.size();
    return out;
  }

 private:
  std::vector<Batch> batches_;
  size_t break_, at_ = 0;
};

class ClickhouseSink : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    run("DROP TABLE IF EXISTS sunk");
    run("DROP TABLE IF EXISTS _trommel_epochs");
    tokens = client.engine()->tokens;
  }

  std::string run(const std::string& sql) {
    const auto answer = client.run(sql);
    EXPECT_TRUE(answer) << answer.error().text();
    return answer ? answer->body : "";
  }

  WantedTable wanted() {
    WantedTable table;
    table.table = "sunk";
    table.columns = {{"id", parse_type("int64")->type, false, 0},
                     {"name", text_type(), true, 1},
                     {"day", parse_type("date")->type, false, 2}};
    for (TableColumn& column : table.columns) column.input_name = column.name;
    table.order_by = {"id"};
    table.partition_by = {"day"};
    table.engine = engine;
    table.ttl = ttl;
    return table;
  }

  std::shared_ptr<StoreSink> sink(int64_t block_rows = 500'000) {
    Target target;
    target.address = *parse_address(GetParam());
    target.table = wanted();
    target.block_rows = block_rows;
    target.pipeline = "it's";
    target.sink = "sink";
    target.env = &real_env();
    const Engine of = *client.engine();
    return make_sink(target, fit_table(target.table, *look(client, of, "sunk"), of));
  }

  std::vector<std::string> contents() {
    std::vector<std::string> out;
    if (run("EXISTS TABLE sunk") == "0\n") return out;
    std::istringstream lines(run("SELECT id, name, day FROM sunk FORMAT TabSeparated"));
    for (std::string line; std::getline(lines, line);) out.push_back(line);
    return out;
  }

  static std::vector<std::string> expected(int64_t rows) {
    std::vector<std::string> out;
    for (int64_t i = 0; i < rows; ++i)
      out.push_back(fmt::format("{}\t{}\t2024-01-0{}", i, i % 5 == 0 ? "\\N" : "n" + std::to_string(i % 7), 1 + i % 2));
    return out;
  }

  void expect_rows(int64_t rows) { EXPECT_THAT(contents(), testing::UnorderedElementsAreArray(expected(rows))); }

  /// Commits until it is done, as the engine does.
  Result<int64_t> commit(StoreSink& sink, Epoch epoch, const std::vector<Batch>& batches) {
    for (int tries = 0;; ++tries) {
      Given segment(batches);
      auto done = sink.commit(epoch, segment);
      if (done || !done.error().retry || tries == 3) return done;
      said.push_back(done.error().text());
    }
  }

  Client client{*parse_address(GetParam())};
  bool tokens = false;
  std::string engine = "MergeTree", ttl;
  std::vector<std::string> said;  ///< errors that were tried again
};

TEST_P(ClickhouseSink, KeepsItsPromises) {
  StoreTrial trial;
  trial.make = [this] { return sink(); };
  trial.contents = [this] { return contents(); };
  trial.epochs = {{rows_from(0, 100), rows_from(100, 1)}, {}, {rows_from(101, 500)}};
  trial.expected = [](size_t committed) { return expected(committed == 0 ? 0 : committed < 3 ? 101 : 601); };
  EXPECT_THAT(broken_store_sink_promises(trial), IsEmpty());
  EXPECT_EQ(run("SELECT max(epoch) FROM _trommel_epochs WHERE pipeline = 'it\\'s'"), "3\n");
  EXPECT_EQ(run("SHOW TABLES LIKE '_trommel_aside%'"), "");
}

TEST_P(ClickhouseSink, AnEpochThatWasCutShortIsFilledUp) {
  ASSERT_TRUE(commit(*sink(), 1, {rows_from(0, 10)}));
  const std::vector<Batch> batches = {rows_from(10, 100), rows_from(110, 100), rows_from(210, 100)};
  for (const size_t cut : {1, 2, 3}) {
    Given some(batches, cut);
    EXPECT_FALSE(sink(50)->commit(2, some));
  }
  const auto rows = commit(*sink(50), 2, batches);
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_EQ(*rows, 300);
  EXPECT_THAT(said, IsEmpty());
  expect_rows(310);
}

TEST_P(ClickhouseSink, AnEpochWhoseNumberWasNotWrittenIsThereOnce) {
  ASSERT_TRUE(commit(*sink(100), 1, {rows_from(0, 400)}));
  run("DROP TABLE _trommel_epochs");  // as if a crash had come before its row
  const auto rows = commit(*sink(100), 1, {rows_from(0, 400)});
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_EQ(*rows, 400);
  EXPECT_THAT(said, IsEmpty());
  expect_rows(400);
}

TEST_P(ClickhouseSink, PartitionsThatAreMissingAreFilledIn) {
  ASSERT_TRUE(commit(*sink(100), 1, {rows_from(0, 400)}));
  run("DROP TABLE _trommel_epochs");
  run("ALTER TABLE sunk DROP PARTITION '2024-01-02'");
  const auto rows = commit(*sink(100), 1, {rows_from(0, 400)});
  ASSERT_TRUE(rows) << rows.error().text();
  expect_rows(400);
}

TEST_P(ClickhouseSink, RowsThatAreKnownAndNotThereAreSentAnew) {
  if (!tokens) GTEST_SKIP() << "it has no tokens";
  ASSERT_TRUE(commit(*sink(100), 1, {rows_from(0, 400)}));
  for (int round = 1; round < 3; ++round) {
    run("DROP TABLE _trommel_epochs");
    run("ALTER TABLE sunk DELETE WHERE id % 3 = 0 SETTINGS mutations_sync = 2");  // the engine still knows their tokens
    said.clear();
    const auto rows = commit(*sink(100), 1, {rows_from(0, 400)});
    ASSERT_TRUE(rows) << rows.error().text();
    EXPECT_EQ(*rows, 400);
    EXPECT_THAT(said, testing::Contains(HasSubstr("rows of epoch 1 were in the table")));
    expect_rows(400);
  }
}

TEST_P(ClickhouseSink, RowsThatReplaceEachOtherAreThereOnce) {
  engine = "ReplacingMergeTree";
  ASSERT_TRUE(commit(*sink(50), 1, {rows_from(0, 100), rows_from(0, 100)}));
  run("DROP TABLE _trommel_epochs");
  ASSERT_TRUE(commit(*sink(50), 1, {rows_from(0, 100), rows_from(0, 100)}));
  run("OPTIMIZE TABLE sunk FINAL");
  if (!tokens)
    for (int day = 1; day < 3; ++day) run(fmt::format("OPTIMIZE TABLE sunk PARTITION '2024-01-0{}' FINAL", day));
  expect_rows(100);
}

TEST_P(ClickhouseSink, RowsThatExpireAreSentOnce) {
  if (!tokens) GTEST_SKIP() << "it has no TTL";
  ttl = "day + INTERVAL 20 YEAR";
  ASSERT_TRUE(commit(*sink(50), 1, {rows_from(0, 100)}));
  run("DROP TABLE _trommel_epochs");
  ASSERT_TRUE(commit(*sink(50), 1, {rows_from(0, 100)}));
  expect_rows(100);
}

TEST_P(ClickhouseSink, ATableThatGoesOrChangesIsTold) {
  const auto store = sink();
  ASSERT_TRUE(commit(*store, 1, {rows_from(0, 10)}));
  run("RENAME TABLE sunk TO gone");
  Given segment({rows_from(10, 10)});
  const auto gone = store->commit(2, segment);
  ASSERT_FALSE(gone);
  EXPECT_TRUE(gone.error().retry);
  EXPECT_THAT(gone.error().text(), HasSubstr("table sunk: the table is gone"));
  run("RENAME TABLE gone TO sunk");
  run("ALTER TABLE sunk DROP COLUMN name");
  const auto changed = commit(*store, 2, {rows_from(10, 10)});
  ASSERT_FALSE(changed);
  EXPECT_FALSE(changed.error().retry);
  EXPECT_THAT(changed.error().text(), HasSubstr("column `name`: the table has none of that name"));
  run("ALTER TABLE sunk ADD COLUMN name Nullable(String)");
  ASSERT_TRUE(commit(*store, 2, {rows_from(10, 10)}));
  EXPECT_EQ(run("SELECT count(), uniq(id) FROM sunk"), "20\t20\n");
}

TEST_P(ClickhouseSink, ManyPartitionsAreOneEpoch) {
  std::vector<std::optional<std::string>> ids, names, days;
  for (int i = 0; i < 300; ++i) {
    ids.push_back(std::to_string(i));
    names.push_back("x");
    days.push_back(fmt::format("20{:02}-{:02}-01", i / 12, 1 + i % 12));
  }
  Batch batch = rows_from(0, 1);
  batch.rows = arrow::RecordBatch::Make(
      batch.rows->schema(), 300,
      arrow::ArrayVector{from_texts("int64", ids), from_texts("string", names), from_texts("date", days)});
  const auto rows = commit(*sink(), 1, {batch});
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_EQ(run("SELECT count(), uniq(day) FROM sunk"), "300\t300\n");
}

TEST_P(ClickhouseSink, RefusesWhatTheTableDoesNotTake) {
  Batch batch = rows_from(0, 4);
  batch.rows = arrow::RecordBatch::Make(
      batch.rows->schema(), 4,
      arrow::ArrayVector{from_texts("int64", {"1", std::nullopt, "3", "4"}), batch.rows->column(1),
                         from_texts("date", {"2024-01-01", "2024-01-01", "1899-12-31", "2500-01-01"})});
  const auto refused = sink()->refuses(batch);
  ASSERT_TRUE(refused);
  ASSERT_EQ(refused->size(), 3U);
  EXPECT_EQ((*refused)[0].code, "required");
  EXPECT_EQ((*refused)[1].code, "cast");
  EXPECT_THAT((*refused)[1].reason, HasSubstr("1899-12-31"));
}

INSTANTIATE_TEST_SUITE_P(Engines, ClickhouseSink, testing::ValuesIn(addresses()));
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ClickhouseSink);

}  // namespace
}  // namespace trommel::clickhouse
