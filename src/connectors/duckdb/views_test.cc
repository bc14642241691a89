#include "connectors/duckdb/views.h"

#include <unistd.h>

#include <filesystem>
#include <random>

#include "arrow/api.h"
#include "arrow/builder.h"
#include "component/promises.h"
#include "connectors/duckdb/duckdb.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace trommel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Rounds of a few games and players, at times of two days; keys and amounts may be NULL. Sums of the amounts are exact
/// in any order.
Rows rounds(std::mt19937& random, int64_t count) {
  arrow::TimestampBuilder at(arrow::timestamp(arrow::TimeUnit::MICRO), arrow::default_memory_pool());
  arrow::Int64Builder id, game;
  arrow::StringBuilder player;
  arrow::DoubleBuilder bet;
  const auto maybe = [&](auto& builder, auto value) {
    EXPECT_TRUE((random() % 11 == 0 ? builder.AppendNull() : builder.Append(value)).ok());
  };
  for (int64_t i = 0; i < count; ++i) {
    EXPECT_TRUE(id.Append(static_cast<int64_t>(random() % 50)).ok());
    maybe(at, int64_t{1'767'225'600'000'000} + static_cast<int64_t>(random() % (2 * 86'400)) * 1'000'000);
    maybe(game, static_cast<int64_t>(random() % 4));
    maybe(player, "p" + std::to_string(random() % 5));
    maybe(bet, static_cast<double>(random() % 1000) / 4);
  }
  const auto schema = arrow::schema({arrow::field("id", arrow::int64()),
                                     arrow::field("played", arrow::timestamp(arrow::TimeUnit::MICRO)),
                                     arrow::field("game", arrow::int64()), arrow::field("player", arrow::utf8()),
                                     arrow::field("bet", arrow::float64())});
  return arrow::RecordBatch::Make(schema, count,
                                  {id.Finish().ValueOrDie(), at.Finish().ValueOrDie(), game.Finish().ValueOrDie(),
                                   player.Finish().ValueOrDie(), bet.Finish().ValueOrDie()});
}

class Views : public testing::Test {
 protected:
  Views() {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("trommel_views_{}", ::getpid());
    std::filesystem::create_directories(folder_);
    path_ = folder_ / "s.duckdb";
    context_.env = &real_env();
    context_.pipeline = "pipeline";
    context_.state_folder = folder_ / "state";
  }
  ~Views() override { std::filesystem::remove_all(folder_); }

  static View view(const std::string& name, std::vector<std::string> by, const std::string& sql) {
    View out;
    out.name = name;
    out.by = std::move(by);
    out.sql = sql;
    out.place = out.sql_place = out.by_place = {"p.yaml", 3, 4};
    return out;
  }

  std::shared_ptr<StoreSink> sink(const std::string& write = "append") {
    Node settings;
    settings.kind = Node::Kind::map;
    std::vector<std::pair<std::string, std::string>> all = {{"table", "rounds"}, {"write", write}};
    if (write == "upsert") all.emplace_back("key", "id");
    if (write == "replace_partitions") all.emplace_back("partition_by", "game");
    for (const auto& [key, text] : all) {
      Node value;
      value.kind = Node::Kind::scalar;
      value.scalar = text;
      settings.entries.push_back({key, {}, value});
    }
    std::mt19937 random;
    auto bound = duckdb_store().bind({"sink", "pipeline", &settings, "duckdb:" + path_, {}, views_},
                                     {"rows", rounds(random, 0)->schema()}, context_, problems_);
    EXPECT_TRUE(bound && problems_.empty()) << problems_.text();
    table_ = *bound->table;
    return bound->store;
  }

  Result<std::vector<BoundView>> bind() {
    (void)sink();
    return duckdb_store().views({"duckdb:" + path_, {table_}, views_}, context_, problems_);
  }

  std::string value(const std::string& sql) {
    query::Options options;
    options.path = path_;
    const auto database = query::Database::open(options);
    if (!database) return database.error().text();
    const auto out = (*(*database)->connect())->value(sql);
    return out ? *out : out.error().text();
  }

  /// How many rows of each view are not what its SELECT makes of the whole table, either way.
  std::string wrong_rows() {
    std::string parts;
    for (const View& view : views_) {
      parts += fmt::format(
          "{}(SELECT count(*) FROM ({} EXCEPT ALL FROM {})) || ' ' || (SELECT count(*) FROM (FROM {} EXCEPT ALL {}))",
          parts.empty() ? "" : " || ', ' || ", view.sql, view.name, view.name, view.sql);
    }
    return value("SELECT " + parts);
  }

  static int64_t commit(StoreSink& sink, Epoch epoch, std::vector<Rows> batches) {
    GivenSegment segment(std::move(batches));
    const auto rows = sink.commit(epoch, segment);
    EXPECT_TRUE(rows) << rows.error().text();
    return rows ? *rows : -1;
  }

  std::filesystem::path folder_;
  std::string path_;
  BindContext context_;
  Problems problems_;
  std::vector<View> views_;
  StoreTable table_;
};

TEST_F(Views, are_what_a_group_by_of_the_whole_table_is_after_any_epochs_and_replays) {
  for (const char* write : {"append", "upsert", "replace", "replace_partitions"}) {
    for (unsigned seed = 0; seed < (std::string_view(write) == "append" ? 4U : 1U); ++seed) {
      SCOPED_TRACE(fmt::format("{}, seed {}", write, seed));
      std::mt19937 random(seed);
      std::filesystem::remove(path_);
      std::filesystem::remove(path_ + ".wal");
      views_ = {
          view("hourly", {"hour", "game", "player"},
               "SELECT date_trunc('hour', played) AS hour, game, player, count(*) AS rounds, sum(bet) AS bets FROM "
               "rounds GROUP BY ALL"),
          view("busy", {"game"},
               "SELECT r.game, max(r.player) AS last, count(DISTINCT player) AS players FROM rounds AS r WHERE "
               "bet > 20 GROUP BY 1 HAVING count(*) > 3"),
          view("best", {"game"}, "SELECT game, max(bets) AS bets FROM hourly GROUP BY game"),
          view("large", {"id"}, "SELECT *, bet * 2 AS twice FROM rounds WHERE bet > 200")};
      auto store = sink(write);
      Epoch epoch = 0;
      for (int step = 0; step < 6; ++step) {
        const std::vector<Rows> batches = {rounds(random, static_cast<int64_t>(random() % 40)),
                                           rounds(random, static_cast<int64_t>(random() % 3))};
        ++epoch;
        if (random() % 3 == 0) {
          GivenSegment broken(batches, true);
          EXPECT_FALSE(store->commit(epoch, broken));
        }
        commit(*store, epoch, batches);
        ASSERT_EQ(wrong_rows(), "0 0, 0 0, 0 0, 0 0") << "epoch " << epoch;
        if (random() % 2 == 0) store = sink(write);  // as after a restart
        if (random() % 3 == 0) commit(*store, epoch, batches);
        ASSERT_EQ(wrong_rows(), "0 0, 0 0, 0 0, 0 0") << "epoch " << epoch << " again";
      }
      EXPECT_NE(value("SELECT count(*) FROM hourly"), "0");
    }
  }
}

TEST_F(Views, keep_the_promises_of_a_store_sink) {
  std::mt19937 random(3);
  views_ = {
      view("hourly", {"hour"}, "SELECT date_trunc('hour', played) AS hour, count(*) AS n FROM rounds GROUP BY ALL")};
  StoreTrial trial;
  trial.make = [this] { return sink(); };
  trial.contents = [this] {
    if (value("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'rounds'") != "1")
      return std::vector<std::string>{"0", "0"};
    return std::vector<std::string>{value("SELECT count(*) FROM rounds"),
                                    value("SELECT coalesce(sum(n), 0) FROM hourly")};
  };
  std::vector<std::string> totals = {"0"};
  int64_t total = 0;
  for (int i = 0; i < 4; ++i) {
    const auto rows = rounds(random, 10 + i);
    total += rows->num_rows();
    totals.push_back(std::to_string(total));
    trial.epochs.push_back({{rows, {}, nullptr}});
  }
  trial.expected = [&](size_t count) { return std::vector<std::string>{totals[count], totals[count]}; };
  EXPECT_THAT(broken_store_sink_promises(trial), testing::IsEmpty());
}

TEST_F(Views, of_an_epoch_leave_the_other_groups_alone) {
  views_ = {view("per_game", {"game"}, "SELECT game, count(*) AS n FROM rounds GROUP BY ALL")};
  const auto store = sink();
  std::mt19937 random(1);
  commit(*store, 1, {rounds(random, 100)});
  // A mark on a group that no row comes for stays; the others are made anew.
  (void)value("UPDATE per_game SET n = -1");
  auto rows = rounds(random, 40);
  arrow::Int64Builder game;
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(game.Append(i % 2).ok());
  rows = rows->SetColumn(2, arrow::field("game", arrow::int64()), game.Finish().ValueOrDie()).ValueOrDie();
  commit(*store, 2, {rows});
  EXPECT_EQ(value("SELECT string_agg(game, ' ' ORDER BY game) FROM per_game WHERE n = -1 AND game IS NOT NULL"), "2 3");
}

TEST_F(Views, are_made_anew_when_their_text_changes_or_others_changed_the_table) {
  views_ = {view("per_game", {"game"}, "SELECT game, count(*) AS n FROM rounds GROUP BY ALL")};
  std::mt19937 random(1);
  commit(*sink(), 1, {rounds(random, 50)});
  views_[0].sql = "SELECT game, count(*) AS n, max(bet) AS most FROM rounds GROUP BY ALL";
  commit(*sink(), 2, {rounds(random, 1)});
  EXPECT_EQ(wrong_rows(), "0 0");
  (void)value("DELETE FROM rounds WHERE game = 1");
  commit(*sink(), 3, {});
  EXPECT_EQ(wrong_rows(), "0 0");
}

TEST_F(Views, that_take_the_name_of_a_table_are_refused) {
  std::mt19937 random(1);
  (void)value("CREATE TABLE per_game (mine INTEGER)");
  views_ = {view("per_game", {"game"}, "SELECT game, count(*) AS n FROM rounds GROUP BY ALL")};
  GivenSegment segment({rounds(random, 5)});
  const auto committed = sink()->commit(1, segment);
  ASSERT_FALSE(committed);
  EXPECT_THAT(committed.error().text(), HasSubstr("view per_game: the store has a table of that name"));
  EXPECT_EQ(value("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'rounds'"), "0");
}

TEST_F(Views, say_how_they_are_kept) {
  const auto how = [this](const std::string& sql, std::vector<std::string> by = {"game"}) {
    problems_ = Problems();
    views_ = {view("v", std::move(by), sql)};
    const auto bound = bind();
    if (!bound) return bound.error().text();
    return problems_.empty() ? bound->at(0).notes.at(0) : problems_.text();
  };
  EXPECT_THAT(how("SELECT game, sum(bet) AS s FROM rounds GROUP BY game"),
              HasSubstr("groups by game that an epoch's rows of rounds belong to"));
  EXPECT_THAT(how("SELECT game + 1 AS game, sum(bet) AS s FROM rounds GROUP BY game + 1"), HasSubstr("groups by"));
  const std::pair<const char*, const char*> whole[] = {
      {"SELECT a.game FROM rounds a JOIN rounds b USING (id)", "it joins tables"},
      {"SELECT game FROM rounds UNION SELECT 1", "it is a set operation"},
      {"SELECT game, sum(bet) OVER () AS s FROM rounds", "a window"},
      {"SELECT DISTINCT game FROM rounds", "limited or made distinct"},
      {"SELECT game FROM rounds LIMIT 3", "limited or made distinct"},
      {"SELECT game, (SELECT max(bet) FROM rounds) AS m FROM rounds", "a SELECT within"},
      {"WITH r AS (FROM rounds) SELECT game FROM r", "it has a WITH"},
      {"SELECT game, count(*) AS n FROM rounds GROUP BY ROLLUP (game)", "several grouping sets"},
      {"SELECT game, random() AS x FROM rounds", "another value each time"},
      {"SELECT max(game) AS game FROM rounds GROUP BY player", "it is not grouped by `game`"},
      {"SELECT max(game) AS game FROM rounds", "not computed from one row"}};
  for (const auto& [sql, why] : whole) EXPECT_THAT(how(sql), HasSubstr(why)) << sql;
  EXPECT_THAT(how("SELECT game, count(*) AS n FROM rounds GROUP BY ALL", {"gmae"}),
              HasSubstr("p.yaml:3:4: view `v` has no column `gmae` (did you mean `game`?)"));
  EXPECT_THAT(how("SELECT nothing FROM rounds"), HasSubstr("p.yaml:3:4: view `v`: "));
  EXPECT_THAT(how("SELECT 1 AS game"), HasSubstr("view `v` reads no table that a sink of the pipeline writes to"));
}

TEST_F(Views, are_shown_as_tables) {
  views_ = {view("per_game", {"game"}, "SELECT game, count(*) AS n FROM rounds GROUP BY ALL"),
            view("total", {"n"}, "SELECT sum(n) AS n FROM per_game")};
  const auto bound = bind();
  ASSERT_TRUE(bound) << bound.error().text();
  ASSERT_TRUE(problems_.empty()) << problems_.text();
  EXPECT_EQ(schema_text(*bound->at(0).table.schema),
            schema_text(*make_schema({{"game", arrow::int64()}, {"n", arrow::int64()}})));
  EXPECT_THAT(bound->at(1).notes, ElementsAre(HasSubstr("as a whole by each epoch: ")));
}

}  // namespace
}  // namespace trommel
