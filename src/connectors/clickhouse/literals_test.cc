#include "connectors/clickhouse/literals.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "connectors/clickhouse/types.h"

namespace trommel::clickhouse {
namespace {

using testing::HasSubstr;

Engine old() {
  Engine engine;
  engine.version = "18.16.1";
  engine.major = 18;
  engine.minor = 16;
  return engine;
}
Engine current() {
  Engine engine;
  engine.major = 26;
  engine.minor = 7;
  engine.parameters = true;
  return engine;
}

QueryParameter parameter(const std::string& type, const std::string& value) {
  const Type wanted = parse_type(type)->type;
  arrow::StringBuilder texts;
  EXPECT_TRUE(texts.Append(value).ok());
  std::shared_ptr<arrow::Array> column = *texts.Finish();
  if (wanted->id() != arrow::Type::STRING) {
    auto cast = cast_column(column, wanted);
    EXPECT_TRUE(cast && cast->refused.empty()) << type << " " << value;
    column = cast->column;
  }
  return {"p", wanted, column};
}

std::string literal_of(const std::string& type, const std::string& value) {
  const auto text = literal(parameter(type, value), old());
  return text ? *text : text.error().what;
}

TEST(Literals, are_quoted_by_their_type) {
  EXPECT_EQ(literal_of("bool", "true"), "CAST('1' AS UInt8)");
  EXPECT_EQ(literal_of("int8", "-128"), "CAST('-128' AS Int8)");
  EXPECT_EQ(literal_of("int64", "-9223372036854775808"), "CAST('-9223372036854775808' AS Int64)");
  EXPECT_EQ(literal_of("uint64", "18446744073709551615"), "CAST('18446744073709551615' AS UInt64)");
  EXPECT_EQ(literal_of("float", "0.1"), "CAST('0.1' AS Float32)");
  EXPECT_EQ(literal_of("double", "-1e300"), "CAST('-1e+300' AS Float64)");
  EXPECT_EQ(literal_of("decimal(10,2)", "-1.25"), "CAST('-1.25' AS Decimal(10, 2))");
  EXPECT_EQ(literal_of("date", "2026-01-31"), "CAST('2026-01-31' AS Date)");
  EXPECT_EQ(literal_of("timestamp(us)", "2026-01-31T12:00:00"), "toDateTime('2026-01-31 12:00:00', 'UTC')");
  EXPECT_EQ(literal_of("timestamp(ms, UTC)", "2026-01-31T12:00:00Z"), "toDateTime('2026-01-31 12:00:00', 'UTC')");
  EXPECT_EQ(literal_of("timestamp(s, Europe/Berlin)", "2026-01-31T12:00:00+01:00"),
            "toDateTime('2026-01-31 11:00:00', 'UTC')");
  EXPECT_EQ(literal_of("time(us)", "12:30:00"), "CAST('12:30:00.000000' AS String)");
  EXPECT_EQ(literal_of("uuid", "61f0c404-5cb3-11e7-907b-a6006ad3dba0"),
            "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')");
  EXPECT_EQ(literal_of("string", "plain"), "CAST('plain' AS String)");
}

TEST(Literals, let_no_text_out_of_its_quotes) {
  EXPECT_EQ(literal_of("string", "it's"), "CAST('it\\'s' AS String)");
  EXPECT_EQ(literal_of("string", "\\' OR 1 = 1 --"), "CAST('\\\\\\' OR 1 = 1 --' AS String)");
  EXPECT_EQ(literal_of("string", "end\\"), "CAST('end\\\\' AS String)");
  EXPECT_EQ(literal_of("string", "a\n\t\r\bb"), "CAST('a\\n\\t\\r\\bb' AS String)");
  EXPECT_EQ(literal_of("string", std::string("a\0b", 3)), "CAST('a\\0b' AS String)");
  EXPECT_EQ(literal_of("string", "'); DROP TABLE x; --"), "CAST('\\'); DROP TABLE x; --' AS String)");
}

TEST(Literals, of_numbers_that_are_none) {
  for (const auto& [value, text] : {std::pair{NAN, "nan"}, std::pair{INFINITY, "inf"}, std::pair{-INFINITY, "-inf"}}) {
    arrow::DoubleBuilder builder;
    ASSERT_TRUE(builder.Append(value).ok());
    const auto written = literal({"p", arrow::float64(), *builder.Finish()}, old());
    ASSERT_TRUE(written);
    EXPECT_EQ(*written, fmt::format("CAST('{}' AS Float64)", text));
  }
}

TEST(Literals, of_null_have_a_type) {
  EXPECT_EQ(*literal({"p", arrow::int32(), nullptr}, old()), "CAST(NULL AS Nullable(Int32))");
  EXPECT_EQ(*literal({"p", arrow::utf8(), *arrow::MakeArrayOfNull(arrow::utf8(), 1)}, old()),
            "CAST(NULL AS Nullable(String))");
}

TEST(Literals, say_what_an_old_engine_cannot_have) {
  EXPECT_THAT(literal_of("timestamp(us)", "2026-01-31T12:00:00.5"), HasSubstr("18.16.1 has no value like 2026-01-31"));
  EXPECT_THAT(literal_of("timestamp(us)", "1969-12-31T23:59:59"), HasSubstr("no value like"));
  EXPECT_THAT(literal_of("date", "2200-01-01"), HasSubstr("no value like"));
}

TEST(Parameters, are_bound_by_name_and_type) {
  EXPECT_EQ(*bound(parameter("int32", "1"), current()), "{p:Int32}");
  EXPECT_EQ(*bound({"p", arrow::utf8(), nullptr}, current()), "{p:Nullable(String)}");
  EXPECT_EQ(*bound(parameter("timestamp(us)", "2026-01-01T00:00:00"), current()), "{p:DateTime64(6, 'UTC')}");
  EXPECT_EQ(*parameter_text(parameter("string", "a\\b\tc'd\n"), current()), "a\\\\b\\tc'd\\n");
  EXPECT_EQ(*parameter_text({"p", arrow::utf8(), nullptr}, current()), "\\N");
  EXPECT_EQ(*parameter_text(parameter("timestamp(us)", "2026-01-01T10:20:30.5"), current()),
            "2026-01-01 10:20:30.500000");
  EXPECT_FALSE(bound({"p", arrow::struct_({arrow::field("a", arrow::int8())}), nullptr}, current()));
}

}  // namespace
}  // namespace trommel::clickhouse
