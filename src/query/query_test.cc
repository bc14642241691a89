#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "arrow/api.h"
#include "arrow/builder.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "query/database.h"

namespace trommel::query {
namespace {

using testing::HasSubstr;
using testing::Not;

std::unique_ptr<Connection> connect(const Options& options = {}) {
  auto database = Database::open(options);
  EXPECT_TRUE(database) << database.error().text();
  auto connection = (*database)->connect();
  EXPECT_TRUE(connection) << connection.error().text();
  return std::move(*connection);
}

/// a: from, from+1, ...; b: 100 + a; t: text, NULL every seventh.
Rows numbers(int64_t from, int64_t count) {
  arrow::Int64Builder a, b;
  arrow::StringBuilder t;
  for (int64_t i = from; i < from + count; ++i) {
    EXPECT_TRUE(a.Append(i).ok());
    EXPECT_TRUE(b.Append(100 + i).ok());
    EXPECT_TRUE((i % 7 == 0 ? t.AppendNull() : t.Append("a rather long text " + std::to_string(i))).ok());
  }
  const auto schema = arrow::schema(
      {arrow::field("a", arrow::int64()), arrow::field("b", arrow::int64()), arrow::field("t", arrow::utf8())});
  return arrow::RecordBatch::Make(schema, count,
                                  {a.Finish().ValueOrDie(), b.Finish().ValueOrDie(), t.Finish().ValueOrDie()});
}

OpenRows open_all(std::vector<Rows> batches) {
  return [batches]() -> Result<NextRows> {
    return [batches, i = size_t{0}]() mutable -> Result<Rows> { return i < batches.size() ? batches[i++] : nullptr; };
  };
}

std::string value(Connection& connection, const std::string& sql) {
  auto out = connection.value(sql);
  return out ? *out : "ERROR " + out.error().text();
}

TEST(Stream, gives_the_columns_and_rows_that_are_asked_for) {
  auto connection = connect();
  ASSERT_TRUE(
      connection->register_stream("incoming", numbers(0, 1)->schema(), open_all({numbers(0, 10), numbers(10, 5000)})));
  EXPECT_EQ(value(*connection, "SELECT sum(b) FROM incoming WHERE a < 3"), "303");
  EXPECT_EQ(value(*connection, "SELECT count(*) FROM incoming WHERE a < 3"), "3");
  EXPECT_EQ(value(*connection, "SELECT count(*) FROM incoming"), "5010");
  EXPECT_EQ(value(*connection, "SELECT string_agg(t, '|' ORDER BY a DESC) FROM incoming WHERE a IN (1, 8, 14)"),
            "a rather long text 8|a rather long text 1");
  EXPECT_EQ(value(*connection, "SELECT count(*) FROM Incoming x JOIN incoming y USING (a)"), "5010");
}

TEST(Stream, belongs_to_its_connection_alone) {
  auto database = Database::open({});
  ASSERT_TRUE(database);
  auto one = (*database)->connect();
  auto two = (*database)->connect();
  ASSERT_TRUE((*one)->register_stream("s", numbers(0, 1)->schema(), open_all({numbers(0, 3)})));
  ASSERT_TRUE((*two)->register_stream("s", numbers(0, 1)->schema(), open_all({numbers(0, 5)})));
  EXPECT_EQ(value(**one, "SELECT count(*) FROM s"), "3");
  EXPECT_EQ(value(**two, "SELECT count(*) FROM s"), "5");
  (*two)->unregister_stream("s");
  EXPECT_THAT(value(**two, "SELECT count(*) FROM s"), HasSubstr("Table with name s does not exist"));
  EXPECT_EQ(value(**one, "SELECT count(*) FROM s"), "3");
}

TEST(Stream, is_exchanged_under_a_prepared_statement) {
  auto connection = connect();
  Rows current;
  const auto open = [&]() -> Result<NextRows> {
    return [rows = current]() mutable -> Result<Rows> { return std::exchange(rows, nullptr); };
  };
  ASSERT_TRUE(connection->register_stream("s", numbers(0, 1)->schema(), open, 65536));
  auto statement = connection->prepare("SELECT a * 2 AS c FROM s WHERE a % 2 = 0");
  ASSERT_TRUE(statement) << statement.error().text();
  for (int64_t i = 0; i < 100; ++i) {
    current = numbers(i * 10, 10);
    auto rows = (*(*statement)->run())->next();
    ASSERT_TRUE(rows);
    ASSERT_EQ((*rows)->num_rows(), 5);
    EXPECT_EQ(static_cast<const arrow::Int64Array&>(*(*rows)->column(0)).Value(4), (i * 10 + 8) * 2);
  }
}

TEST(Stream, works_on_several_threads_at_once) {
  auto database = Database::open({});
  ASSERT_TRUE(database);
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int lane = 0; lane < 4; ++lane) {
    threads.emplace_back([&, lane] {
      auto connection = (*database)->connect();
      if (!(*connection)->register_stream("s", numbers(0, 1)->schema(), open_all({numbers(lane, 3000)}))) return;
      auto statement = (*connection)->prepare("SELECT min(a) AS low, count(t) AS n FROM s");
      for (int i = 0; i < 50; ++i) {
        auto rows = (*(*statement)->run())->next();
        right += rows && static_cast<const arrow::Int64Array&>(*(*rows)->column(0)).Value(0) == lane;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 200);
}

TEST(Stream, its_own_error_comes_back_as_it_was) {
  auto connection = connect();
  const auto open = []() -> Result<NextRows> {
    return []() -> Result<Rows> { return external_error("disk", "gone", "plug it in"); };
  };
  ASSERT_TRUE(connection->register_stream("s", numbers(0, 1)->schema(), open));
  auto rows = connection->all("SELECT max(a) FROM s");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().text(), "disk: gone (plug it in)");
  EXPECT_EQ(rows.error().domain, Error::Domain::external);
}

struct ErrorCase {
  const char* sql;
  Error::Domain domain;
  const char* text;
};

class Errors : public testing::TestWithParam<ErrorCase> {};

TEST_P(Errors, are_sorted_by_who_is_to_blame) {
  Options options;
  options.memory_bytes = 20 << 20;
  auto connection = connect(options);
  ASSERT_TRUE(connection->run("CREATE TABLE t (i INTEGER NOT NULL)"));
  const auto rows = connection->all(GetParam().sql);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().domain, GetParam().domain) << rows.error().text();
  EXPECT_THAT(rows.error().text(), HasSubstr(GetParam().text));
  EXPECT_THAT(rows.error().text(), Not(HasSubstr("\n")));
  EXPECT_THAT(rows.error().text(), Not(testing::ContainsRegex("^[A-Za-z ]+ Error: ")));
}

INSTANTIATE_TEST_SUITE_P(
    All, Errors,
    testing::Values(ErrorCase{"SELECT v::INT FROM (VALUES ('1'), ('x')) t(v)", Error::Domain::data,
                              "Could not convert string 'x' to INT32"},
                    ErrorCase{"SELECT v * 9 FROM (VALUES (9223372036854775807)) t(v)", Error::Domain::data,
                              "Overflow in multiplication"},
                    ErrorCase{"SELECT strptime(v, '%Y') FROM (VALUES ('x')) t(v)", Error::Domain::data,
                              "Could not parse string \"x\""},
                    ErrorCase{"INSERT INTO t SELECT NULL", Error::Domain::data, "NOT NULL constraint failed: t.i"},
                    ErrorCase{"SELECT list(i) FROM range(100000000) r(i)", Error::Domain::external,
                              "out of memory: failed to allocate data of size"},
                    ErrorCase{"SELECT nothing FROM t", Error::Domain::config,
                              "Referenced column \"nothing\" not found"},
                    ErrorCase{"SELECT * FROM nowhere", Error::Domain::config, "Table with name nowhere does not exist"},
                    ErrorCase{"SELECT 1 +", Error::Domain::config, "syntax error"},
                    ErrorCase{"SELECT 1,\n  x FROM t", Error::Domain::config, "(line 2 of the SQL)"},
                    ErrorCase{"SELECT INTERVAL 1 DAY AS d", Error::Domain::config, "column `d` is INTERVAL"},
                    ErrorCase{"LOAD httpfs", Error::Domain::external, "httpfs"}));

TEST(Types, come_out_as_ours) {
  auto connection = connect();
  const auto rows = connection->all(
      "SELECT sum(1) AS h, 'a'::ENUM('a', 'b') AS e, uuid() AS u, TIMESTAMP_S '2020-01-01' AS s, TIMESTAMP_MS "
      "'2020-01-01' AS ms, TIMESTAMP '2020-01-01' AS us, "
      "TIMESTAMPTZ '2020-01-01 00:00:00+02' AS tz, DATE '2020-01-01' AS d, TIME '10:00' AS t, [1] AS l, array_value(1, "
      "2) AS a, MAP {'a': 1} AS m, {'x': 1} AS r, "
      "['a'::ENUM('a', 'b')] AS le, 1.5 AS dec, 'x'::BLOB AS b, NULL AS n");
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_EQ(rows->front()->schema()->ToString(),
            "h: decimal128(38, 0)\ne: string\nu: extension<arrow.uuid>\ns: timestamp[ms]\nms: timestamp[ms]\nus: "
            "timestamp[us]\ntz: timestamp[us, tz=UTC]\nd: date32[day]\n"
            "t: time64[us]\nl: list<item: int32>\na: list<item: int32>\nm: map<string, int32>\nr: struct<x: "
            "int32>\nle: list<item: string>\n"
            "dec: decimal128(2, 1)\nb: binary\nn: int32");
  EXPECT_TRUE(rows->front()->ValidateFull().ok());
  EXPECT_EQ(value_text(*rows->front()->column(6), 0), "2019-12-31 22:00:00.000000Z");
}

TEST(Cursor, joins_small_chunks) {
  auto connection = connect();
  auto cursor = connection->query("SELECT i FROM range(100000) t(i)");
  ASSERT_TRUE(cursor);
  auto rows = (*cursor)->next(50000);
  ASSERT_TRUE(rows);
  EXPECT_GE((*rows)->num_rows(), 50000);
  EXPECT_LT((*rows)->num_rows(), 53000);
}

TEST(Connection, prepares_one_select_and_nothing_else) {
  auto connection = connect();
  EXPECT_THAT(connection->prepare("SELECT 1; SELECT 2").error().text(),
              HasSubstr("one SELECT is wanted, here are 2 statements"));
  EXPECT_THAT(connection->prepare("CREATE TABLE t (i INT)").error().text(), HasSubstr("only a SELECT makes rows"));
  EXPECT_THAT(connection->prepare("SELECT $1::INT").error().text(), HasSubstr("1 parameters without a value"));
  EXPECT_THAT(connection->prepare(" ").error().text(), HasSubstr("there is no statement"));
}

TEST(Connection, binds_parameters_by_name_as_values) {
  auto connection = connect();
  const auto array = [](const Type& type, const std::string& text) {
    arrow::StringBuilder builder;
    EXPECT_TRUE(builder.Append(text).ok());
    auto cast = cast_column(builder.Finish().ValueOrDie(), type);
    EXPECT_TRUE(cast && cast->refused.empty()) << text;
    return cast->column;
  };
  const std::pair<const char*, const char*> values[] = {{"bool", "true"},
                                                        {"int8", "-128"},
                                                        {"int16", "-32768"},
                                                        {"int32", "-2147483648"},
                                                        {"int64", "-9223372036854775807"},
                                                        {"uint8", "255"},
                                                        {"uint16", "65535"},
                                                        {"uint32", "4294967295"},
                                                        {"uint64", "18446744073709551615"},
                                                        {"float", "0.25"},
                                                        {"double", "-1e+300"},
                                                        {"decimal(18,3)", "-12345.678"},
                                                        {"decimal(38,0)", "-99999999999999999999999999999999999999"},
                                                        {"string", "'; DROP TABLE t; --"},
                                                        {"date", "1969-12-31"},
                                                        {"time", "23:59:59.123456"},
                                                        {"timestamp", "2026-01-31 23:59:59.123456"},
                                                        {"timestamp(us, UTC)", "2026-01-31T23:59:59.5Z"},
                                                        {"uuid", "c56a4180-65aa-42ec-a945-5fd21dec0538"}};
  for (const auto& [type_text, text] : values) {
    const auto type = parse_type(type_text);
    ASSERT_TRUE(type) << type_text;
    const auto value = array(type->type, text);
    auto cursor = connection->query("SELECT $v AS v, $other AS other", {{"other", nullptr}, {"v", value}, {"u", value}});
    ASSERT_TRUE(cursor) << type_text << ": " << cursor.error().text();
    const auto rows = (*cursor)->next();
    ASSERT_TRUE(rows);
    EXPECT_TRUE(same_type(*(*rows)->column(0)->type(), *type->type)) << (*rows)->schema()->ToString();
    EXPECT_EQ(value_text(*(*rows)->column(0), 0), value_text(*value, 0));
    EXPECT_TRUE((*rows)->column(1)->IsNull(0));
  }
  EXPECT_THAT(connection->query("SELECT $a + $b", {{"a", nullptr}}).error().text(),
              HasSubstr("there is no value for the parameter `$b`"));
  EXPECT_THAT(connection->query("SELECT 1; SELECT $a", {{"a", nullptr}}).error().text(), HasSubstr("2 statements"));
  EXPECT_THAT(*connection->parameter_names("SELECT $b, $a, $b"), testing::UnorderedElementsAre("a", "b"));
}

TEST(Connection, appends_inside_its_transaction) {
  auto connection = connect();
  ASSERT_TRUE(connection->run("CREATE TABLE t (a INTEGER, b BIGINT, t VARCHAR)"));
  ASSERT_TRUE(connection->run("BEGIN"));
  for (int i = 0; i < 3; ++i) {
    const auto count = connection->append("t", numbers(i * 3000, 3000));
    ASSERT_TRUE(count) << count.error().text();
    EXPECT_EQ(*count, 3000);
  }
  EXPECT_EQ(value(*connection, "SELECT count(*) || ' ' || sum(b) FROM t"), "9000 41395500");
  ASSERT_TRUE(connection->run("ROLLBACK"));
  EXPECT_EQ(value(*connection, "SELECT count(*) FROM t"), "0");
  ASSERT_TRUE(connection->append("t", numbers(0, 5)));
  EXPECT_EQ(value(*connection, "SELECT count(*) FROM t"), "5");
}

TEST(Connection, is_interrupted_from_another_thread) {
  auto connection = connect();
  std::atomic<bool> done = false;
  std::thread other([&] {
    while (!done) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      connection->interrupt();
    }
  });
  const auto rows =
      connection->all("SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7");
  done = true;
  other.join();
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().domain, Error::Domain::external);
}

TEST(Database, once_runs_for_the_first_caller_alone) {
  auto database = Database::open({});
  std::atomic<int> runs = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      EXPECT_TRUE((*database)->once("k", [&]() -> Result<> {
        ++runs;
        return {};
      }));
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(runs, 1);
}

class InFolder : public testing::Test {
 protected:
  InFolder() {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("trommel_query_{}", ::getpid());
    std::filesystem::create_directories(folder_);
  }
  ~InFolder() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(InFolder, a_file_has_one_instance_in_this_process) {
  Options options;
  options.path = folder_ / "x.duckdb";
  {
    auto one = Database::open(options);
    ASSERT_TRUE(one) << one.error().text();
    ASSERT_TRUE((*(*one)->connect())->run("CREATE TABLE t AS SELECT 1 AS i"));
    options.path = folder_ / "." / "x.duckdb";
    auto two = Database::open(options);
    ASSERT_TRUE(two);
    EXPECT_EQ(one->get(), two->get());
  }
  options.read_only = true;
  auto reader = Database::open(options);
  ASSERT_TRUE(reader);
  EXPECT_EQ(value(**(*reader)->connect(), "SELECT i FROM t"), "1");
  options.read_only = false;
  const auto writer = Database::open(options);
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().domain, Error::Domain::external);
}

TEST_F(InFolder, memory_beyond_the_limit_goes_to_the_spill_folder_up_to_its_cap) {
  Options options;
  options.memory_bytes = 64 << 20;
  options.spill_folder = folder_ / "spill";
  options.threads = 2;
  auto connection = connect(options);
  const std::string big =
      "CREATE TEMP TABLE big AS SELECT md5(i::VARCHAR) || md5((i + 1)::VARCHAR) AS x FROM range(1500000) t(i)";
  EXPECT_TRUE(connection->run(big));
  options.spill_bytes = 1 << 20;
  options.spill_folder = folder_ / "small";
  auto capped = connect(options);
  const auto refused = capped->run(big);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().domain, Error::Domain::external) << refused.error().text();
}

TEST(Quoting, doubles_quotes) {
  EXPECT_EQ(quote_name("a \"b\""), "\"a \"\"b\"\"\"");
  EXPECT_EQ(quote_text("it's"), "'it''s'");
}

}  // namespace
}  // namespace trommel::query
