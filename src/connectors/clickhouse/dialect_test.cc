#include "connectors/clickhouse/dialect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trommel::clickhouse {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Engine engine_of(int major, int minor) {
  Engine engine;
  engine.major = major;
  engine.minor = minor;
  return engine;
}
const Engine current = engine_of(26, 7), old = engine_of(18, 16);

TEST(Dialect, puts_what_stores_share_as_the_engine_has_it) {
  const char* sql = "SELECT date_trunc('hour', TRY_CAST(created AS TIMESTAMP)) AS h, try_cast(a || ')' AS INT) FROM t";
  EXPECT_EQ(to_clickhouse(sql, current),
            "SELECT date_trunc('hour', parseDateTime64BestEffortOrNull(toString(created ), 6)) AS h, "
            "toInt32OrNull(toString(a || ')' )) FROM t");
  EXPECT_EQ(to_clickhouse(sql, old),
            "SELECT toStartOfHour( parseDateTimeBestEffortOrNull(toString(created ), 'UTC')) AS h, "
            "toInt32OrNull(toString(a || ')' )) FROM t");
  EXPECT_EQ(to_clickhouse("TRY_CAST(CAST(a AS String) AS VARCHAR)", current), "toString(CAST(a AS String) )");
  EXPECT_EQ(to_clickhouse("TRY_CAST(d AS DATE)", current),
            "toDate32(parseDateTime64BestEffortOrNull(toString(d ), 6))");
  EXPECT_EQ(to_clickhouse("Date_Trunc ('MONTH', x)", old), "toStartOfMonth( x)");
}

TEST(Dialect, leaves_everything_else_as_it_stands) {
  for (const char* sql : {"SELECT 'TRY_CAST(a AS INT)', `date_trunc`('hour', x) -- date_trunc('hour', x)",
                          "SELECT TRY_CAST(a AS Struct(b Int)), date_trunc('century', x), date_trunc(",
                          "SELECT 1e5, \"a\"\"b\", 'it''s', 'a\\'b' /* ' */"}) {
    EXPECT_EQ(to_clickhouse(sql, old), sql);
  }
}

TEST(Dialect, finds_parameters_where_they_are_some) {
  const char* sql = "SELECT '$no', `$no`, $a + $b_2 -- $no\n/* $no */ WHERE x = $a AND y = '\\'$no' AND z = $1";
  EXPECT_THAT(parameters_in(sql), ElementsAre("a", "b_2"));
  EXPECT_EQ(with_parameters("x = $a AND y = '$a'", [](auto name) { return "<" + std::string(name) + ">"; }),
            "x = <a> AND y = '$a'");
  EXPECT_THAT(parameters_in("SELECT 1"), IsEmpty());
}

TEST(Dialect, puts_a_subselect_in_place_of_the_table) {
  EXPECT_EQ(reading("SELECT a FROM t GROUP BY a", "t", "S"), "SELECT a FROM (S) AS `t` GROUP BY a");
  EXPECT_EQ(reading("SELECT g.a FROM \"T\" AS g WHERE g.b IS NOT DISTINCT FROM 1", "t", "S"),
            "SELECT g.a FROM (S) AS g WHERE g.b IS NOT DISTINCT FROM 1");
  EXPECT_EQ(reading("select extract(hour from x) from t", "t", "S"), "select extract(hour from x) from (S) AS `t`");
  EXPECT_EQ(reading("SELECT a FROM other", "t", "S"), std::nullopt);
  EXPECT_EQ(reading("SELECT a FROM t, u", "t", "S"), std::nullopt);
  EXPECT_EQ(reading("SELECT a FROM db.t", "t", "S"), std::nullopt);
  EXPECT_EQ(reading("SELECT a FROM t UNION ALL SELECT a FROM t", "t", "S"), std::nullopt);
}

TEST(Dialect, tells_names_from_texts) {
  EXPECT_TRUE(names_in("SELECT * FROM Rounds", "rounds"));
  EXPECT_TRUE(names_in("SELECT * FROM `rounds`", "rounds"));
  EXPECT_FALSE(names_in("SELECT 'rounds' -- rounds\nFROM roundsman", "rounds"));
  EXPECT_TRUE(has_escapes("SELECT 'a\\nb'"));
  EXPECT_FALSE(has_escapes("SELECT 'a' || `\\`"));
}

}  // namespace
}  // namespace trommel::clickhouse
