#include "connectors/clickhouse/native_reader.h"

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/clickhouse/native.h"

namespace trommel::clickhouse {
namespace {

using testing::HasSubstr;

Engine current() {
  Engine engine;
  engine.major = 26;
  engine.minor = 7;
  engine.timezone = "Europe/Berlin";
  return engine;
}

ColumnType type_of(const std::string& text) {
  auto type = parse_column_type(text, current());
  EXPECT_TRUE(type) << type.error().text();
  return *type;
}

std::string length(size_t size) { return std::string(1, static_cast<char>(size)); }
std::string text(const std::string& bytes) { return length(bytes.size()) + bytes; }

/// A block of one column.
std::string block(const std::string& type, size_t rows, const std::string& values) {
  return length(1) + length(rows) + text("x") + text(type) + values;
}

std::string first_column(const std::string& bytes) {
  const auto answer = read_native(bytes, current());
  if (!answer) return answer.error().what;
  std::string out = answer->columns.empty() ? "" : type_name(*answer->columns[0].arrow) + ":";
  for (const auto& rows : answer->rows) {
    EXPECT_TRUE(rows->ValidateFull().ok());
    for (int64_t row = 0; row < rows->num_rows(); ++row) out += " " + value_text(*rows->column(0), row);
  }
  return out;
}

/// What the writer writes of these texts, cast to the column's type.
std::string written(const std::string& type, const std::vector<std::string>& values) {
  NativeWriter writer({{"x", type_of(type)}});
  arrow::StringBuilder texts;
  for (const auto& value : values) EXPECT_TRUE((value == "NULL" ? texts.AppendNull() : texts.Append(value)).ok());
  std::shared_ptr<arrow::Array> column = *texts.Finish();
  if (type_of(type).arrow->id() != arrow::Type::STRING) column = cast_column(column, type_of(type).arrow)->column;
  const auto as = as_written(column, type_of(type));
  EXPECT_TRUE(as && as->refused.empty()) << type;
  writer.append({as->column}, column->length());
  std::string out;
  writer.finish(out);
  return out;
}

TEST(NativeReader, reads_back_what_is_written) {
  EXPECT_EQ(first_column(written("Int8", {"-128", "127"})), "int8: -128 127");
  EXPECT_EQ(first_column(written("UInt64", {"0", "18446744073709551615"})), "uint64: 0 18446744073709551615");
  EXPECT_EQ(first_column(written("Nullable(Int32)", {"-1", "NULL", "7"})), "int32: -1 NULL 7");
  EXPECT_EQ(first_column(written("Nullable(Float64)", {"NULL", "1.5", "-0.25"})), "double: NULL 1.5 -0.25");
  EXPECT_EQ(first_column(written("Nullable(Bool)", {"true", "NULL", "false"})), "bool: true NULL false");
  EXPECT_EQ(first_column(written("Nullable(String)", {"a", "NULL", "", "it's \\ ä"})), "string: a NULL  it's \\ ä");
  EXPECT_EQ(first_column(written("Date", {"1970-01-01", "2026-11-22"})), "date: 1970-01-01 2026-11-22");
  EXPECT_EQ(first_column(written("Nullable(Date32)", {"1900-01-01", "NULL"})), "date: 1900-01-01 NULL");
  EXPECT_EQ(first_column(written("Decimal(9, 2)", {"-1234567.89"})), "decimal(9,2): -1234567.89");
  EXPECT_EQ(first_column(written("Nullable(Decimal(18, 4))", {"NULL", "-0.0001"})), "decimal(18,4): NULL -0.0001");
  EXPECT_EQ(first_column(written("Decimal(38, 0)", {"-99999999999999999999999999999999999999"})),
            "decimal(38,0): -99999999999999999999999999999999999999");
  EXPECT_EQ(first_column(written("Nullable(UUID)", {"61f0c404-5cb3-11e7-907b-a6006ad3dba0", "NULL"})),
            "uuid: 61f0c404-5cb3-11e7-907b-a6006ad3dba0 NULL");
}

TEST(NativeReader, knows_moments_from_wall_clocks) {
  const std::string second(4, '\1'), ms("\1\0\0\0\0\0\0\0", 8);
  EXPECT_EQ(first_column(block("DateTime", 1, second)).substr(0, 13), "timestamp(s):");
  EXPECT_THAT(first_column(block("DateTime('UTC')", 1, second)), HasSubstr("timestamp(s, UTC): 1970-07-14"));
  EXPECT_THAT(first_column(block("DateTime64(3)", 1, ms)), HasSubstr("timestamp(ms): 1970-01-01 00:00:00.001"));
  EXPECT_THAT(first_column(block("DateTime64(6, 'Europe/Berlin')", 1, ms)), HasSubstr("timestamp(us, Europe/Berlin):"));
  Engine old;
  old.major = 18;
  old.minor = 16;
  old.timezone = "Etc/UTC";
  const auto columns =
      answer_columns({{"a", "DateTime('Etc/UTC')"}, {"b", "Nullable(DateTime('Asia/Tokyo'))"}, {"c", "DateTime"}}, old);
  ASSERT_TRUE(columns);
  EXPECT_EQ(type_name(*(*columns)[0].arrow), "timestamp(s, Etc/UTC)");
  EXPECT_EQ(type_name(*(*columns)[1].arrow), "timestamp(s, Asia/Tokyo)");
  EXPECT_EQ(type_name(*(*columns)[2].arrow), "timestamp(s, UTC)");
}

TEST(NativeReader, reads_lists_and_texts_of_one_width) {
  const std::string offsets("\2\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0", 24);
  EXPECT_EQ(first_column(block("Array(UInt8)", 3, offsets + "\1\2\3")), "list<uint8>: [1, 2] [] [3]");
  EXPECT_EQ(first_column(block("FixedString(3)", 2, std::string("ab\0", 3) + "xyz")), "string: ab xyz");
}

TEST(NativeReader, mends_text_that_is_not_utf8) {
  EXPECT_EQ(first_column(block("String", 2,
                               text("a\xFF"
                                    "b") +
                                   text("\xC3"))),
            "string: a\xEF\xBF\xBD"
            "b \xEF\xBF\xBD");
}

TEST(NativeReader, takes_several_blocks_and_none) {
  EXPECT_EQ(first_column(block("UInt8", 1, "\1") + length(0) + length(0) + block("UInt8", 2, "\2\3")), "uint8: 1 2 3");
  EXPECT_EQ(first_column(""), "");
  EXPECT_EQ(first_column(block("UInt8", 0, "")), "uint8:");
}

TEST(NativeReader, refuses_what_is_cut_short_anywhere) {
  const auto whole = written("Nullable(String)", {"a", "NULL", "ccc"});
  for (size_t size = 1; size < whole.size(); ++size)
    EXPECT_FALSE(read_native(std::string_view(whole).substr(0, size), current())) << size;
  EXPECT_THAT(first_column(block("UInt8", 1, "\1") + block("UInt16", 1, "\1\1")), HasSubstr("within a block"));
  EXPECT_THAT(first_column(block("Tuple(UInt8)", 1, "\1")),
              HasSubstr("`x` is a Tuple(UInt8), which answers cannot have"));
}

}  // namespace
}  // namespace trommel::clickhouse
