#include "connectors/clickhouse/native.h"

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/clickhouse/native_testing.h"

namespace trommel::clickhouse {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Engine engine(int major, int minor) {
  Engine out;
  out.major = major;
  out.minor = minor;
  return out;
}
const Engine current = engine(26, 7), old = engine(18, 16);

Type type_of(const std::string& text) {
  auto type = parse_type(text);
  EXPECT_TRUE(type) << text;
  return type->type;
}

/// A column of `type` from texts; `NULL` is one.
std::shared_ptr<arrow::Array> column(const std::string& type, const std::vector<std::string>& values) {
  std::vector<std::optional<std::string>> texts;
  for (const auto& value : values) texts.push_back(value == "NULL" ? std::nullopt : std::optional(value));
  return from_texts(type, texts);
}

std::string spelled(const std::string& type, const Engine& of, bool nullable = false, bool low = false) {
  const auto found = column_type(*type_of(type), nullable, low, of);
  return found ? found->text : found.error().text();
}

std::string block(const ColumnType& type, const std::shared_ptr<arrow::Array>& values) {
  NativeWriter writer({{"c", type}});
  auto written = as_written(values, type);
  EXPECT_TRUE(written) << written.error().text();
  EXPECT_THAT(written->refused, ElementsAre());
  writer.append({written->column}, values->length());
  std::string out;
  writer.finish(out);
  return out;
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

/// What follows the head: column count, row count, name, type.
std::string values_hex(const std::string& type, const std::vector<std::string>& values, bool nullable = false) {
  const auto found = column_type(*type_of(type), nullable, false, current);
  const std::string out = block(*found, column(type, values));
  const size_t head = 2 + 2 + 1 + found->text.size();
  EXPECT_EQ(out.substr(0, head), std::string("\1") + static_cast<char>(values.size()) + "\1c" +
                                     static_cast<char>(found->text.size()) + found->text);
  return hex(out.substr(head));
}

TEST(ClickhouseTypes, EachTypeHasAColumn) {
  EXPECT_EQ(spelled("bool", current), "Bool");
  EXPECT_EQ(spelled("int8", current, true), "Nullable(Int8)");
  EXPECT_EQ(spelled("uint64", current), "UInt64");
  EXPECT_EQ(spelled("half", current), "Float32");
  EXPECT_EQ(spelled("double", current, true), "Nullable(Float64)");
  EXPECT_EQ(spelled("decimal(18,3)", current), "Decimal(18, 3)");
  EXPECT_EQ(spelled("date", current), "Date32");
  EXPECT_EQ(spelled("timestamp(us)", current), "DateTime64(6, 'UTC')");
  EXPECT_EQ(spelled("timestamp(s, Europe/Berlin)", current), "DateTime64(0, 'Europe/Berlin')");
  EXPECT_EQ(spelled("time(us)", current), "String");
  EXPECT_EQ(spelled("binary", current), "String");
  EXPECT_EQ(spelled("uuid", current), "UUID");
  EXPECT_EQ(spelled("list<int64>", current, true), "Array(Nullable(Int64))");
  EXPECT_EQ(spelled("string", current, true, true), "LowCardinality(Nullable(String))");
  EXPECT_THAT(spelled("struct<a: int8>", current), HasSubstr("no column for struct<a: int8>"));
  EXPECT_THAT(spelled("map<string, int8>", current), HasSubstr("no column for map"));
}

TEST(ClickhouseTypes, OlderEnginesHaveFewer) {
  EXPECT_EQ(spelled("bool", old), "UInt8");
  EXPECT_EQ(spelled("date", old), "Date");
  EXPECT_EQ(spelled("timestamp(us)", old, true), "Nullable(DateTime('UTC'))");
  EXPECT_EQ(spelled("string", old, false, true), "String");
}

TEST(ClickhouseTypes, WhatIsThereTakesWhatFits) {
  const auto fits = [](const char* text, const char* type) {
    const auto column = parse_column_type(text, current);
    return column && takes(*column, *type_of(type));
  };
  EXPECT_TRUE(fits("Int64", "int32"));
  EXPECT_TRUE(fits("Nullable(Int64)", "uint32"));
  EXPECT_FALSE(fits("Int32", "int64"));
  EXPECT_FALSE(fits("UInt64", "int64"));
  EXPECT_FALSE(fits("Int64", "string"));
  EXPECT_TRUE(fits("Float64", "float"));
  EXPECT_FALSE(fits("Float32", "double"));
  EXPECT_TRUE(fits("UInt8", "bool"));
  EXPECT_TRUE(fits("Date", "date"));
  EXPECT_TRUE(fits("DateTime", "timestamp(us)"));
  EXPECT_TRUE(fits("DateTime64(3, 'UTC')", "timestamp(ns, UTC)"));
  EXPECT_FALSE(fits("DateTime64(3)", "string"));
  EXPECT_TRUE(fits("Decimal(18, 4)", "decimal(10,2)"));
  EXPECT_FALSE(fits("Decimal(9, 2)", "decimal(10,2)"));
  EXPECT_TRUE(fits("LowCardinality(String)", "string"));
  EXPECT_TRUE(fits("Array(Array(Int64))", "list<list<int8>>"));
  for (const char* text :
       {"Enum8('a' = 1)", "Tuple(a Int8)", "Map(String, Int8)", "DateTime64(5)", "Int256", "Nullable(Nothing)"})
    EXPECT_FALSE(parse_column_type(text, current)) << text;
}

TEST(ClickhouseTypes, WhatAColumnCannotHoldIsRefused) {
  const auto refused = [](const char* text, const char* type, const std::vector<std::string>& values,
                          const Engine& of) {
    const auto written = as_written(column(type, values), *parse_column_type(text, of));
    return written ? written->refused : std::vector<int64_t>{-1};
  };
  EXPECT_THAT(refused("Date", "date", {"1969-12-31", "1970-01-01", "NULL", "2149-06-06", "2149-06-07"}, current),
              ElementsAre(0, 4));
  EXPECT_THAT(refused("Date", "date", {"1970-01-01", "1970-01-02", "2105-12-31", "2106-01-01"}, old),
              ElementsAre(0, 3));
  EXPECT_THAT(refused("Date32", "date", {"1899-12-31", "1900-01-01", "2299-12-31", "2300-01-01"}, current),
              ElementsAre(0, 3));
  EXPECT_THAT(
      refused("DateTime", "timestamp(us)",
              {"1969-12-31T23:59:59", "2106-02-07T06:28:15", "2106-02-07T06:28:16", "2000-01-01T00:00:00.5"}, old),
      ElementsAre(0, 2, 3));
  EXPECT_THAT(refused("DateTime64(3)", "timestamp(us)",
                      {"1899-12-31T23:59:59", "1900-01-01T00:00:00.001", "2299-12-31T23:59:59.999",
                       "2300-01-01T00:00:00", "2000-01-01T00:00:00.0005"},
                      current),
              ElementsAre(0, 3, 4));
  EXPECT_THAT(refused("FixedString(2)", "string", {"ab", "a", "NULL", "abc"}, current), ElementsAre(1, 3));
}

TEST(NativeWriter, WritesWhatTheFormatSays) {
  EXPECT_EQ(values_hex("int16", {"1", "-2"}), "0100feff");
  EXPECT_EQ(values_hex("int32", {"7", "NULL"}, true), "00010700000000000000");
  EXPECT_EQ(values_hex("bool", {"true", "false", "NULL"}, true), "000001010000");
  EXPECT_EQ(values_hex("string", {"ab", "", "NULL"}, true),
            "000001"
            "0261620000");
  EXPECT_EQ(values_hex("date", {"1970-01-02", "1969-12-31"}), "01000000ffffffff");
  EXPECT_EQ(values_hex("timestamp(ms)", {"1970-01-01T00:00:01"}), "e803000000000000");
  EXPECT_EQ(values_hex("decimal(9,2)", {"-0.01"}), "ffffffff");
  EXPECT_EQ(values_hex("decimal(18,2)", {"1.00"}), "6400000000000000");
  EXPECT_EQ(values_hex("decimal(38,0)", {"-1"}), std::string(32, 'f'));
  EXPECT_EQ(values_hex("uuid", {"00112233-4455-6677-8899-aabbccddeeff"}), "7766554433221100ffeeddccbbaa9988");
  EXPECT_EQ(values_hex("double", {"1"}), "000000000000f03f");
}

TEST(NativeWriter, LongTextsHaveLongLengths) {
  const std::string text(300, 'x');
  EXPECT_EQ(values_hex("string", {text}).substr(0, 6), "ac0278");
}

TEST(NativeWriter, AListIsItsEndsAndItsItems) {
  const auto type = parse_column_type("Array(Nullable(Int8))", current);
  arrow::ListBuilder lists(arrow::default_memory_pool(), std::make_shared<arrow::Int8Builder>());
  auto& items = static_cast<arrow::Int8Builder&>(*lists.value_builder());
  for (int list = 0; list < 3; ++list) {
    ASSERT_TRUE(lists.Append().ok());
    for (int i = 0; i < list; ++i) ASSERT_TRUE((i == 1 ? items.AppendNull() : items.Append(5)).ok());
  }
  const auto values = *lists.Finish();
  const std::string whole = hex(block(*type, values));
  EXPECT_THAT(whole, testing::EndsWith("0000000000000000"
                                       "0100000000000000"
                                       "0300000000000000"
                                       "000001"
                                       "050500"));
  EXPECT_THAT(hex(block(*type, values->Slice(2))), testing::EndsWith("0200000000000000"
                                                                     "0001"
                                                                     "0500"));
}

TEST(NativeWriter, EqualRowsAreEqualBytesHoweverTheyCome) {
  const Rows rows = random_rows(500, 7);
  const auto columns = columns_for(*rows->schema(), current);
  std::string whole, pieces;
  NativeWriter one(columns), many(columns);
  const auto add = [&](NativeWriter& writer, const Rows& some) {
    std::vector<std::shared_ptr<arrow::Array>> written;
    for (int i = 0; i < some->num_columns(); ++i)
      written.push_back(as_written(some->column(i), columns[static_cast<size_t>(i)].type)->column);
    writer.append(written, some->num_rows());
  };
  add(one, rows);
  one.finish(whole);
  for (int round = 0; round < 2; ++round) {  // a writer that was used is as good as new
    pieces.clear();
    for (int64_t at = 0; at < rows->num_rows(); at += 77) add(many, rows->Slice(at, 77));
    EXPECT_EQ(many.rows(), rows->num_rows());
    many.finish(pieces);
    EXPECT_TRUE(whole == pieces);
  }
}

TEST(NativeWriter, AConstantIsInEveryRow) {
  NativeWriter writer({{"a", *parse_column_type("Int8", current)}, {"m", *parse_column_type("UInt64", current), 258}});
  writer.append({column("int8", {"1", "2"})}, 2);
  std::string out;
  writer.finish(out);
  EXPECT_THAT(hex(out), testing::EndsWith("0201000000000000"
                                          "0201000000000000"));
}

}  // namespace
}  // namespace trommel::clickhouse
