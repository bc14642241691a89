// Questions and views on real engines: TROMMEL_CLICKHOUSE holds their addresses, with blanks between them
// (tests/servers sets it).
#include <arrow/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <sstream>
#include <thread>

#include "connectors/clickhouse/dialect.h"
#include "connectors/clickhouse/native_testing.h"
#include "connectors/clickhouse/query_store.h"
#include "connectors/clickhouse/views.h"

namespace trommel::clickhouse {
namespace {

using testing::HasSubstr;

std::vector<std::string> addresses() {
  const char* text = std::getenv("TROMMEL_CLICKHOUSE");
  std::istringstream words(text == nullptr ? "" : text);
  return {std::istream_iterator<std::string>(words), {}};
}

class Stores : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    address_.database = "trommel_stores";
    Client client(*parse_address(GetParam()));
    for (const char* statement : {"DROP DATABASE IF EXISTS trommel_stores", "CREATE DATABASE trommel_stores"}) {
      const auto done = client.run(Statement{.sql = statement, .in_default_database = true});
      ASSERT_TRUE(done) << done.error().text();
    }
    engine_ = *client_.engine();
  }

  std::string run(const std::string& sql) {
    const auto answer = client_.run(Statement{.sql = sql, .settings = standard_settings(engine_)});
    EXPECT_TRUE(answer) << answer.error().text() << "\n" << sql;
    return answer ? answer->body : "";
  }

  std::shared_ptr<QueryStore> store(const std::vector<StoreTable>& tables = {}, const std::vector<View>& views = {}) {
    auto made = make_query_store({address_, "p", tables, views, &real_env()});
    EXPECT_TRUE(made) << made.error().text();
    return *made;
  }

  static std::string text_of(const Result<std::vector<QueryAnswer>>& answers) {
    if (!answers) return answers.error().what;
    std::string out;
    for (const auto& answer : *answers)
      for (const auto& rows : answer.rows)
        for (int64_t row = 0; row < rows->num_rows(); ++row)
          for (int i = 0; i < rows->num_columns(); ++i)
            out += (out.empty() ? "" : " ") + value_text(*rows->column(i), row);
    return out;
  }
  std::string ask(const Query& query) { return text_of(store()->ask({&query, 1}, 10'000'000)); }

  Address address_ = [] {
    auto address = *parse_address(GetParam());
    address.database = "trommel_stores";
    return address;
  }();
  Client client_{address_};
  Engine engine_;
};

TEST_P(Stores, give_back_every_value_that_is_bound) {
  const bool old = !engine_.parameters;
  const std::vector<std::pair<const char*, std::vector<const char*>>> values = {
      {"bool", {"true", "false"}},
      {"int8", {"-128", "0"}},
      {"int16", {"-32768"}},
      {"int32", {"-2147483648"}},
      {"int64", {"-9223372036854775808", "9223372036854775807"}},
      {"uint8", {"255"}},
      {"uint16", {"65535"}},
      {"uint32", {"4294967295"}},
      {"uint64", {"18446744073709551615"}},
      {"float", {"0.1", "-1e+30"}},
      {"double", {"0.1", "-1e+300"}},
      {"decimal(9,2)", {"-1234567.89"}},
      {"decimal(38,4)", {"-1234567890123456789012345678901234.5678"}},
      {"date", {"1970-01-02", "2026-11-22"}},
      {"timestamp(s, UTC)", {"2026-11-22T10:20:30Z"}},
      {"timestamp(us, UTC)", {"2026-11-22T10:20:30Z"}},
      {"timestamp(ms)", {"2026-11-22T10:20:30"}},
      {"timestamp(s, Asia/Tokyo)", {"2026-11-22T10:20:30Z"}},
      {"uuid", {"61f0c404-5cb3-11e7-907b-a6006ad3dba0"}},
      {"string",
       {"", "plain", "it's", "\\", "\\'", "\\\\''", "'); DROP TABLE t; --", "tab\tline\nreturn\rback\b", "{x:String}",
        "$p", "ä€😀", "\\N", "%s ? :1"}}};
  for (const auto& [type, texts] : values) {
    for (const char* text : texts) {
      const Query query{"SELECT $p AS x", {{"p", parse_type(type)->type, from_texts(type, {text})}}};
      std::string expected = text;
      if (std::string(type) == "bool" && old) expected = expected == "true" ? "1" : "0";
      auto answer = ask(query);
      if (std::string(type).starts_with("timestamp")) {
        answer[10] = 'T';
        EXPECT_EQ(answer.substr(0, 19), expected.substr(0, 19)) << type;
      } else {
        EXPECT_EQ(answer, expected) << type;
      }
      const auto same = ask({"SELECT count() AS n FROM (SELECT $p AS x) AS t WHERE t.x = $p", query.parameters});
      EXPECT_EQ(same, "1") << type << " " << text;
    }
    EXPECT_EQ(ask({"SELECT $p AS x", {{"p", parse_type(type)->type, nullptr}}}), "NULL") << type;
  }
  const std::string zero("a\0b", 3);
  arrow::StringBuilder builder;
  ASSERT_TRUE(builder.Append(zero).ok());
  EXPECT_EQ(ask({"SELECT length($p) AS n", {{"p", arrow::utf8(), *builder.Finish()}}}), "3");
}

TEST_P(Stores, read_back_rows_of_every_type) {
  const auto rows = random_rows(300, 7);
  const auto columns = columns_for(*rows->schema(), engine_);
  std::string list;
  for (const auto& column : columns) list += fmt::format(", {} {}", column.name, column.type.text);
  run(fmt::format("CREATE TABLE t (n UInt32{}) ENGINE = MergeTree ORDER BY n", list));
  auto with_number = columns;
  with_number.insert(with_number.begin(), {"n", *parse_column_type("UInt32", engine_)});
  NativeWriter writer(with_number);
  arrow::UInt32Builder numbers;
  for (uint32_t i = 0; i < rows->num_rows(); ++i) ASSERT_TRUE(numbers.Append(i).ok());
  std::vector<std::shared_ptr<arrow::Array>> written = {*numbers.Finish()};
  for (int i = 0; i < rows->num_columns(); ++i)
    written.push_back(as_written(rows->column(i), columns[static_cast<size_t>(i)].type)->column);
  writer.append(written, rows->num_rows());
  Statement insert{.sql = "INSERT INTO t FORMAT Native"};
  writer.finish(insert.data);
  ASSERT_TRUE(client_.run(insert));

  const Query query{"SELECT * FROM t ORDER BY n", {}};
  const auto answers = store()->ask({&query, 1}, 10'000'000);
  ASSERT_TRUE(answers) << answers.error().text();
  const auto joined = *arrow::ConcatenateRecordBatches((*answers)[0].rows);
  ASSERT_EQ(joined->num_rows(), rows->num_rows());
  for (int i = 0; i < rows->num_columns(); ++i) {
    for (int64_t row = 0; row < rows->num_rows(); ++row) {
      auto expected = value_text(*rows->column(i), row);
      if (!engine_.parameters && i == 0 && expected != "NULL") expected = expected == "true" ? "1" : "0";
      EXPECT_EQ(value_text(*joined->column(i + 1), row), expected) << columns[static_cast<size_t>(i)].type.text;
    }
  }
  if (engine_.parameters) {
    EXPECT_EQ((*answers)[0].statistics.rows_read, rows->num_rows());
    EXPECT_GT((*answers)[0].statistics.bytes_read, 0);
  }
}

StoreTable rounds() {
  return {"rounds",
          make_schema({{"played", text_type(), false},
                       {"game", arrow::int32(), false},
                       {"player", text_type(), true},
                       {"bet", arrow::float64(), true}}),
          true};
}

View view(const std::string& name, const std::string& sql, std::vector<std::string> by) {
  View out;
  out.name = name;
  out.sql = sql;
  out.by = std::move(by);
  return out;
}

const std::vector<View>& shapes() {
  static const std::vector<View> views = {
      view("hourly",
           "SELECT date_trunc('hour', TRY_CAST(played AS TIMESTAMP)) AS hour, game, player, sum(bet) AS bets, count(*) "
           "AS n, "
           "max(player) AS somebody FROM rounds GROUP BY hour, game, player",
           {"hour", "game", "player"}),
      view("by_game",
           "SELECT game + 1 AS next_game, player, count(DISTINCT bet) AS bets, min(played) AS first FROM rounds AS r "
           "WHERE r.game <> 3 GROUP BY game + 1, player",
           {"next_game"}),
      view("often", "SELECT player, count(*) AS n FROM rounds GROUP BY player HAVING count(*) % 2 = 0", {"player"}),
      view("best", "SELECT player, bets FROM by_game WHERE bets > 1", {"player"})};
  return views;
}

TEST_P(Stores, describe_what_is_not_there_yet) {
  const auto made = store({rounds()}, shapes());
  const auto shape = made->describe({"SELECT * FROM hourly WHERE bets > $least", {{"least", arrow::float64()}}});
  ASSERT_TRUE(shape) << shape.error().text();
  EXPECT_EQ(shape->parameters, std::vector<std::string>{"least"});
  EXPECT_THAT(schema_text(*shape->schema), HasSubstr("hour"));
  EXPECT_EQ(shape->schema->field(0)->type()->id(), arrow::Type::TIMESTAMP);
  EXPECT_EQ(shape->schema->field(1)->type()->ToString(), "int32");
  EXPECT_TRUE(made->describe({"SELECT * FROM best", {}}));
  const auto wrong = made->describe({"SELECT nothing FROM rounds", {}});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().domain, Error::Domain::config);
  const auto untyped = made->describe({"SELECT $x FROM rounds", {}});
  ASSERT_FALSE(untyped);
  EXPECT_THAT(untyped.error().what, HasSubstr("$x` has no type"));
  EXPECT_EQ(run("SHOW TABLES"), "");
}

TEST_P(Stores, answer_for_tables_that_are_not_there_yet) {
  const auto made = store({rounds()}, shapes());
  ASSERT_TRUE(made->open());
  const std::vector<Query> queries = {{"SELECT count(*) AS n FROM hourly", {}},
                                      {"SELECT game, bets FROM hourly", {}},
                                      {"SELECT count(*) AS n FROM best", {}}};
  const auto answers = made->ask(queries, 10'000'000);
  EXPECT_EQ(text_of(answers), "0 0");
  ASSERT_TRUE(answers);
  EXPECT_EQ((*answers)[1].schema->num_fields(), 2);
  const Query wrong{"SELECT * FROM nobody", {}};
  EXPECT_FALSE(made->ask({&wrong, 1}, 10'000'000));
}

TEST_P(Stores, answer_with_columns_where_no_row_is) {
  const Query query{"SELECT 1 AS a, 'x' AS b FROM (SELECT 1 AS one) AS t WHERE one = 2", {}};
  const auto answers = store()->ask({&query, 1}, 10'000'000);
  ASSERT_TRUE(answers) << answers.error().text();
  EXPECT_EQ((*answers)[0].schema->num_fields(), 2);
  EXPECT_TRUE((*answers)[0].rows.empty());
}

TEST_P(Stores, break_off_what_takes_too_long) {
  const Query query{"SELECT count() AS n FROM numbers(1000000000000) WHERE NOT ignore(number)", {}};
  const Query older{"SELECT count() AS n FROM system.numbers", {}};
  const auto began = std::chrono::steady_clock::now();
  const auto answers = store()->ask({engine_.parameters ? &query : &older, 1}, 1'000'000);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(8));
  ASSERT_FALSE(answers);
  EXPECT_THAT(answers.error().what, HasSubstr("took longer"));
  EXPECT_TRUE(answers.error().retry);
}

class ViewsOnEngines : public Stores {
 protected:
  void make_table() {
    run("CREATE TABLE rounds (played String, game Int32, player Nullable(String), bet Nullable(Float64), "
        "_trommel_epoch UInt64 "
        "MATERIALIZED 0) ENGINE = MergeTree ORDER BY game");
  }

  /// Rows of an epoch. Engines that cannot fill its column have them in a table beside.
  std::string add(uint64_t epoch, int count) {
    std::string values;
    for (int i = 0; i < count; ++i) {
      const auto player = random_() % 7 == 0 ? std::string("NULL") : fmt::format("'p{}'", random_() % 9);
      const auto bet =
          random_() % 5 == 0 ? std::string("NULL") : fmt::format("{}", static_cast<double>(random_() % 40) / 4);
      const auto played = random_() % 11 == 0 ? std::string("never")
                                              : fmt::format("2026-01-0{} 1{}:00:07", 1 + random_() % 2, random_() % 10);
      values += fmt::format("{}('{}', {}, {}, {})", i ? "," : "", played, random_() % 5, player, bet);
    }
    run("DROP TABLE IF EXISTS came");
    run("CREATE TABLE came (played String, game Int32, player Nullable(String), bet Nullable(Float64)) ENGINE = "
        "MergeTree ORDER BY game");
    run("INSERT INTO came VALUES " + values);
    run("INSERT INTO rounds (played, game, player, bet) SELECT played, game, player, bet FROM came");
    (void)epoch;
    return "SELECT * FROM came";
  }

  std::string rows_of(const std::string& sql, const std::string& columns) {
    return run(fmt::format("SELECT {0} FROM ({1}) ORDER BY {0}", columns, sql));
  }

  /// Each view against its own SELECT over all that is there.
  void compare(int epoch) {
    for (const View& v : shapes()) {
      std::string columns, sql = to_clickhouse(v.sql, engine_);
      std::istringstream lines(run("DESCRIBE TABLE " + quote_name(v.name)));
      for (std::string line; std::getline(lines, line);)
        columns += (columns.empty() ? "" : ", ") + line.substr(0, line.find('\t'));
      EXPECT_EQ(rows_of("SELECT * FROM " + v.name, columns), rows_of(sql, columns))
          << v.name << " after epoch " << epoch;
    }
  }

  std::mt19937 random_{11};
};

TEST_P(ViewsOnEngines, are_what_their_selects_make_after_every_epoch) {
  make_table();
  const auto plans = plan_views({rounds()}, shapes());
  ASSERT_TRUE(plans) << plans.error().text();
  EXPECT_EQ((*plans)[0].table, "rounds");
  EXPECT_EQ((*plans)[1].table, "rounds");
  EXPECT_THAT((*plans)[2].why, HasSubstr("HAVING"));
  EXPECT_EQ((*plans)[3].why, "it reads a view");
  const ViewKeeper keeper("p", *plans);
  for (int epoch = 1; epoch <= 12; ++epoch) {
    const auto came = add(static_cast<uint64_t>(epoch), 1 + static_cast<int>(random_() % 60));
    // A commit that is repeated, as after a crash, may do so from any step.
    for (uint32_t again = random_() % 3; again + 1 > 0 && again < 3; ++again) {
      const auto done = keeper.refresh(client_, "rounds", came);
      ASSERT_TRUE(done) << done.error().text();
    }
    compare(epoch);
    if (epoch % 4 == 0) {
      ASSERT_TRUE(keeper.make_all(client_));
      compare(epoch);
    }
  }
  // Only groups that rows came for were written: the table of the view has fewer rows than twelve wholes would be.
  EXPECT_NE(run("SHOW TABLES").find("_trommel_view_"), std::string::npos);
}

TEST_P(ViewsOnEngines, are_made_anew_when_their_text_or_their_table_is_another) {
  make_table();
  const auto keep = [&](const View& v) {
    const auto plans = plan_views({rounds()}, {v});
    ASSERT_TRUE(plans);
    const auto done = ViewKeeper("p", *plans).make_all(client_);
    ASSERT_TRUE(done) << done.error().text();
  };
  add(1, 50);
  keep(view("hourly", "SELECT game, count(*) AS n FROM rounds GROUP BY game", {"game"}));
  EXPECT_EQ(run("SELECT sum(n) FROM hourly"), "50\n");
  keep(view("hourly", "SELECT game, count(*) * 2 AS n FROM rounds GROUP BY game", {"game"}));
  EXPECT_EQ(run("SELECT sum(n) FROM hourly"), "100\n");
  EXPECT_EQ(run("SELECT count() FROM system.tables WHERE database = currentDatabase() AND startsWith(name, "
                "'_trommel_view_')"),
            "1\n");
  run("DROP TABLE rounds");
  if (!engine_.parameters)
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // it tells tables apart by the second
  make_table();
  const auto came = add(2, 10);
  const auto plans =
      plan_views({rounds()}, {view("hourly", "SELECT game, count(*) * 2 AS n FROM rounds GROUP BY game", {"game"})});
  ASSERT_TRUE(ViewKeeper("p", *plans).refresh(client_, "rounds", came));
  EXPECT_EQ(run("SELECT sum(n) FROM hourly"), "20\n");
}

TEST_P(ViewsOnEngines, touch_nothing_that_is_no_view_of_theirs) {
  make_table();
  run("CREATE TABLE hourly (a Int32) ENGINE = MergeTree ORDER BY a");
  const auto plans =
      plan_views({rounds()}, {view("hourly", "SELECT game, count(*) AS n FROM rounds GROUP BY game", {"game"})});
  const auto done = ViewKeeper("p", *plans).make_all(client_);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().text(), HasSubstr("no view"));
  run("DROP TABLE hourly");
  ASSERT_TRUE(ViewKeeper("p", *plans).make_all(client_));
  const auto other = ViewKeeper("q", *plans).make_all(client_);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().text(), HasSubstr("another pipeline"));
}

TEST_P(ViewsOnEngines, keep_pages_and_totals_together) {
  make_table();
  const auto made = store();
  ASSERT_TRUE(made->open());
  std::jthread writer([this](std::stop_token stop) {
    Client client(address_);
    while (!stop.stop_requested()) {
      (void)client.run("INSERT INTO rounds (played, game, player, bet) VALUES ('x', 1, 'p', 1)");
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
  });
  const std::vector<Query> queries = {{"SELECT count() AS n FROM rounds", {}},
                                      {"SELECT sum(game) AS n FROM rounds", {}}};
  int same = 0;
  for (int i = 0; i < 30; ++i) {
    const auto answers = made->ask(queries, 10'000'000);
    ASSERT_TRUE(answers) << answers.error().text();
    const auto text = text_of(answers);
    same += text.substr(0, text.find(' ')) == text.substr(text.find(' ') + 1);
  }
  EXPECT_GE(same, 28);  // an INSERT in each of four tries is rare
  const auto before = *made->version();
  run("INSERT INTO rounds (played, game, player, bet) VALUES ('x', 1, 'p', 1)");
  EXPECT_NE(*made->version(), before);
}

INSTANTIATE_TEST_SUITE_P(Clickhouse, Stores, testing::ValuesIn(addresses()));
INSTANTIATE_TEST_SUITE_P(Clickhouse, ViewsOnEngines, testing::ValuesIn(addresses()));
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Stores);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ViewsOnEngines);

}  // namespace
}  // namespace trommel::clickhouse
