#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <arrow/compute/initialize.h>
#include <gtest/gtest.h>

#include "batch/types.h"

namespace trommel {
namespace {

using Column = std::shared_ptr<arrow::Array>;

/// nullptr is NULL.
Column texts(const std::vector<const char*>& values) {
  arrow::StringBuilder builder;
  for (const char* value : values) EXPECT_TRUE((value == nullptr ? builder.AppendNull() : builder.Append(value)).ok());
  return *builder.Finish();
}

Type typed(const std::string& text) {
  auto type = parse_type(text);
  EXPECT_TRUE(type) << text;
  return type ? type->type : nullptr;
}

/// The column after the cast, a value as text each, `-` where refused, `NULL` for NULL.
std::string cast(const Column& column, const std::string& to) {
  const auto out = cast_column(column, typed(to));
  if (!out) return out.error().text();
  EXPECT_TRUE(out->column->ValidateFull().ok()) << out->column->ValidateFull().ToString();
  EXPECT_EQ(out->column->length(), column->length());
  EXPECT_TRUE(out->column->type()->Equals(*typed(to))) << out->column->type()->ToString();
  EXPECT_TRUE(std::is_sorted(out->refused.begin(), out->refused.end()));
  std::string text;
  for (int64_t row = 0; row < column->length(); ++row) {
    const bool refused = std::find(out->refused.begin(), out->refused.end(), row) != out->refused.end();
    EXPECT_TRUE(!refused || out->column->IsNull(row));
    EXPECT_TRUE(!refused || !column->IsNull(row));
    EXPECT_TRUE(refused || column->IsNull(row) == out->column->IsNull(row)) << "row " << row << " became NULL";
    text += (row == 0 ? "" : "|") + (refused ? std::string("-") : value_text(*out->column, row));
  }
  return text;
}

std::string read(const std::vector<const char*>& values, const std::string& to) { return cast(texts(values), to); }

/// Reads the texts as `from` first.
std::string recast(const std::vector<const char*>& values, const std::string& from, const std::string& to) {
  const auto column = cast_column(texts(values), typed(from));
  EXPECT_TRUE(column && column->refused.empty()) << from;
  return column ? cast(column->column, to) : "";
}

class Cast : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(arrow::compute::Initialize().ok()); }
};

TEST_F(Cast, TextToBool) {
  EXPECT_EQ(read({"true", "F", "yes", "No", "1", "0", "T", nullptr, "", "on", "2", " true"}, "bool"),
            "true|false|true|false|true|false|true|NULL|-|-|-|-");
}

TEST_F(Cast, TextToIntegers) {
  EXPECT_EQ(read({"0", "-128", "127", "+5", "007", nullptr}, "int8"), "0|-128|127|5|7|NULL");
  EXPECT_EQ(read({"128", "-129", "1e2", "1.0", "", " 1", "1 ", "+-1", "0x1", "1_000", "--1"}, "int8"),
            "-|-|-|-|-|-|-|-|-|-|-");
  EXPECT_EQ(read({"9223372036854775807", "9223372036854775808", "-9223372036854775808"}, "int64"),
            "9223372036854775807|-|-9223372036854775808");
  EXPECT_EQ(read({"255", "256", "-1"}, "uint8"), "255|-|-");
  EXPECT_EQ(read({"18446744073709551615", "18446744073709551616"}, "uint64"), "18446744073709551615|-");
}

TEST_F(Cast, TextToReals) {
  EXPECT_EQ(read({"1.5", "-2", "1e3", ".5", "nan", "inf", "1e999", "", "1,5", "1.5 ", "abc", "0x10"}, "double"),
            "1.5|-2|1000|0.5|nan|inf|-|-|-|-|-|-");
  EXPECT_EQ(read({"0.1", "1e39"}, "float"), "0.1|-");
}

TEST_F(Cast, TextToDecimals) {
  EXPECT_EQ(read({"1.5", "-12.50", "12.500", "0", "-0.00", "999.99", ".5", "5."}, "decimal(5,2)"),
            "1.50|-12.50|12.50|0.00|0.00|999.99|0.50|5.00");
  EXPECT_EQ(read({"1.005", "1000", "1000.00", "1e2", "", "-", ".", "1.2.3", "1,5", " 1"}, "decimal(5,2)"),
            "-|-|-|-|-|-|-|-|-|-");
  EXPECT_EQ(read({"99999999999999999999999999999999999999", "-99999999999999999999999999999999999999",
                  "100000000000000000000000000000000000000", "00000000000000000000000000000000000000000001"},
                 "decimal(38,0)"),
            "99999999999999999999999999999999999999|-99999999999999999999999999999999999999|-|1");
  EXPECT_EQ(read({"0.12345678901234567890123456789012345678"}, "decimal(38,38)"),
            "0.12345678901234567890123456789012345678");
}

TEST_F(Cast, TextToDatesAndTimes) {
  EXPECT_EQ(read({"2013-01-31", "2024-02-29", "1900-02-29", "2013-1-31", "2013-01-32", "20130131", "2013-01-31 ",
                  "31.01.2013", "2013-01-31T00:00:00"},
                 "date"),
            "2013-01-31|2024-02-29|-|-|-|-|-|-|-");
  EXPECT_EQ(read({"05:17", "05:17:30", "23:59:59.999999", "05:17:30.5000000", "05:17:30.0000001", "24:00", "05:60",
                  "5:17", "05:17:60", "05:17:"},
                 "time(us)"),
            "05:17:00.000000|05:17:30.000000|23:59:59.999999|05:17:30.500000|-|-|-|-|-|-");
  EXPECT_EQ(read({"05:17:30.123", "05:17:30.1234"}, "time(ms)"), "05:17:30.123|-");
}

TEST_F(Cast, TextToTimestamps) {
  EXPECT_EQ(read({"2013-01-01 05:00:00", "2013-01-01T05:00", "2013-01-01", "2013-01-01 05:00:00.123456",
                  "1969-12-31 23:59:59.5"},
                 "timestamp(us)"),
            "2013-01-01 05:00:00.000000|2013-01-01 05:00:00.000000|2013-01-01 00:00:00.000000|2013-01-01 "
            "05:00:00.123456|1969-12-31 23:59:59.500000");
  EXPECT_EQ(read({"2013-01-01T05:00:00Z", "2013-01-01 05:00:00.1234567", "2013-01-01 25:00", "2013-13-01 05:00",
                  "2013-01-01 05", "x"},
                 "timestamp(us)"),
            "-|-|-|-|-|-");
  EXPECT_EQ(read({"2013-01-01T05:00:00Z", "2013-01-01 05:00:00+02:00", "2013-01-01 05:00:00-0330",
                  "2013-01-01 05:00:00 +02", "2013-01-01 05:00:00"},
                 "timestamp(us, UTC)"),
            "2013-01-01 05:00:00.000000Z|2013-01-01 03:00:00.000000Z|2013-01-01 08:30:00.000000Z|2013-01-01 "
            "03:00:00.000000Z|2013-01-01 05:00:00.000000Z");
  EXPECT_EQ(read({"2013-01-01 05:00:00", "2013-01-01 05:00:00+16", "2013-01-01 05:00:00+1:00"},
                 "timestamp(us, Europe/Berlin)"),
            "-|-|-");
  EXPECT_EQ(read({"9999-12-31 00:00:00", "2262-04-11 23:47:16"}, "timestamp(ns)").substr(0, 2), "-|");
}

TEST_F(Cast, TextToUuidAndBack) {
  const std::vector<const char*> values = {"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B8109DAD11D180B400C04FD430C8",
                                           nullptr};
  const auto uuids = cast_column(texts(values), uuid_type());
  ASSERT_TRUE(uuids);
  EXPECT_TRUE(uuids->refused.empty());
  EXPECT_EQ(cast(uuids->column, "string"),
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8|6ba7b810-9dad-11d1-80b4-00c04fd430c8|NULL");
  const auto bytes = cast_column(uuids->column, arrow::binary());
  ASSERT_TRUE(bytes) << bytes.error().text();
  EXPECT_EQ(cast(cast_column(bytes->column, uuid_type())->column, "string"),
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8|6ba7b810-9dad-11d1-80b4-00c04fd430c8|NULL");
  const auto wrong = cast_column(
      texts({"6ba7b810-9dad-11d1-80b4-00c04fd430cg", "6ba7b8109dad-11d1-80b4-00c04fd430c8-", "", "x"}), uuid_type());
  EXPECT_EQ(wrong->refused, (std::vector<int64_t>{0, 1, 2, 3}));
}

TEST_F(Cast, NumbersNeverLoseAnything) {
  EXPECT_EQ(recast({"1", "127", "128", "-129", nullptr}, "int64", "int8"), "1|127|-|-|NULL");
  EXPECT_EQ(recast({"-1", "1"}, "int32", "uint64"), "-|1");
  EXPECT_EQ(recast({"1", "9007199254740993"}, "int64", "double"), "1|-");
  EXPECT_EQ(recast({"1", "1.5", "-3", "1e30", "nan", "inf"}, "double", "int32"), "1|-|-3|-|-|-");
  EXPECT_EQ(recast({"9223372036854775808", "-9223372036854775808"}, "double", "int64"), "-|-9223372036854775808");
  EXPECT_EQ(recast({"0.1", "1e300"}, "double", "float"), "0.1|-");
  EXPECT_EQ(recast({"1.5", "2.0", "1e10"}, "double", "decimal(5,2)"), "1.50|2.00|-");
  EXPECT_EQ(recast({"1.005", "0.1"}, "double", "decimal(5,2)"), "-|0.10");
  EXPECT_EQ(recast({"12", "1000", "-7"}, "int32", "decimal(5,2)"), "12.00|-|-7.00");
  EXPECT_EQ(recast({"1.25", "1.50", "123.00"}, "decimal(5,2)", "decimal(3,1)"), "-|1.5|-");
  EXPECT_EQ(recast({"1.25", "3.00"}, "decimal(5,2)", "int8"), "-|3");
  EXPECT_EQ(recast({"1.25", "300.00"}, "decimal(5,2)", "double"), "1.25|300");
  EXPECT_EQ(recast({"0", "1", "2"}, "int32", "bool"), "false|true|-");
  EXPECT_EQ(recast({"true", "false"}, "bool", "int8"), "1|0");
}

TEST_F(Cast, DatesAndTimestamps) {
  EXPECT_EQ(recast({"2013-01-31", nullptr}, "date", "timestamp(us)"), "2013-01-31 00:00:00.000000|NULL");
  EXPECT_EQ(recast({"2013-01-31 00:00", "2013-01-31 00:01"}, "timestamp(us)", "date"), "2013-01-31|-");
  EXPECT_EQ(recast({"2013-01-31 00:00:00.123", "2013-01-31 00:00:00.1234"}, "timestamp(us)", "timestamp(ms)"),
            "2013-01-31 00:00:00.123|-");
  EXPECT_EQ(recast({"2013-01-31 05:00"}, "timestamp(ms)", "timestamp(us, UTC)"), "2013-01-31 05:00:00.000000Z");
  EXPECT_EQ(recast({"2013-01-31 05:00+02"}, "timestamp(us, UTC)", "timestamp(us)"), "2013-01-31 03:00:00.000000");
  EXPECT_EQ(recast({"05:17:30.5"}, "time(us)", "time(ms)"), "05:17:30.500");
  EXPECT_EQ(recast({"a\xFF", "b"}, "binary", "string"), "-|b");
}

TEST_F(Cast, ToTextReadsBack) {
  for (const auto& [type, value] :
       std::vector<std::pair<const char*, const char*>>{{"int64", "-5"},
                                                        {"bool", "true"},
                                                        {"double", "0.1"},
                                                        {"double", "1e+300"},
                                                        {"decimal(10,2)", "-12.50"},
                                                        {"date", "2013-01-31"},
                                                        {"time(ms)", "05:17:30.123"},
                                                        {"timestamp(us)", "2013-01-31 05:17:30.123456"},
                                                        {"timestamp(ms, UTC)", "2013-01-31 05:17:30.123Z"},
                                                        {"uuid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}}) {
    const std::string text = recast({value}, type, "string");
    EXPECT_EQ(text, value) << type;
    EXPECT_TRUE(text_fits(text, typed(type))) << type;
  }
}

TEST_F(Cast, GoesIntoListsStructsAndMaps) {
  arrow::ListBuilder lists(arrow::default_memory_pool(), std::make_shared<arrow::StringBuilder>());
  auto& items = static_cast<arrow::StringBuilder&>(*lists.value_builder());
  for (const auto& row : std::vector<std::vector<const char*>>{{"1", "2"}, {}, {"3", "x"}, {"4"}}) {
    ASSERT_TRUE(lists.Append().ok());
    for (const char* item : row) ASSERT_TRUE(items.Append(item).ok());
  }
  ASSERT_TRUE(lists.AppendNull().ok());
  const Column list = *lists.Finish();
  EXPECT_EQ(cast_column(list, typed("list<int32>"))->refused, std::vector<int64_t>{2});
  EXPECT_EQ(cast(list->Slice(1), "list<int32>"), "[]|-|[4]|NULL");
  EXPECT_EQ(cast_column(list->Slice(1), typed("list<int32>"))->refused, std::vector<int64_t>{1});
  EXPECT_EQ(cast_column(list, typed("list<uuid>"))->refused, (std::vector<int64_t>{0, 2, 3}));

  const Column structs =
      *arrow::StructArray::Make({texts({"1", "x", "3"}), texts({"a", "b", "c"})}, std::vector<std::string>{"n", "t"});
  EXPECT_EQ(cast_column(structs, typed("struct<n: int8, t: string>"))->refused, std::vector<int64_t>{1});
  EXPECT_FALSE(cast_column(structs, typed("struct<m: int8, t: string>")));

  arrow::MapBuilder maps(arrow::default_memory_pool(), std::make_shared<arrow::StringBuilder>(),
                         std::make_shared<arrow::StringBuilder>());
  for (const auto& [key, value] :
       std::vector<std::pair<const char*, const char*>>{{"1", "10"}, {"x", "20"}, {"3", "y"}, {"4", "40"}}) {
    ASSERT_TRUE(maps.Append().ok());
    ASSERT_TRUE(static_cast<arrow::StringBuilder&>(*maps.key_builder()).Append(key).ok());
    ASSERT_TRUE(static_cast<arrow::StringBuilder&>(*maps.item_builder()).Append(value).ok());
  }
  const Column map = *maps.Finish();
  cast(map, "map<int8, int8>");
  EXPECT_EQ(cast_column(map, typed("map<int8, int8>"))->refused, (std::vector<int64_t>{1, 2}));
}

TEST_F(Cast, SaysWhenThereIsNone) {
  EXPECT_EQ(read({"1"}, "list<int8>"),
            "cast: there is no cast from string to list<int8> (sql can say how it is meant)");
  EXPECT_EQ(recast({"1"}, "int64", "date"), "cast: there is no cast from int64 to date (sql can say how it is meant)");
  EXPECT_EQ(recast({"2013-01-01"}, "timestamp(us)", "time(us)").substr(0, 22), "cast: there is no cast");
}

TEST_F(Cast, EveryPairThatCanBeCastCanBe) {
  const std::vector<std::string> types = {"bool",
                                          "int8",
                                          "int64",
                                          "uint16",
                                          "float",
                                          "double",
                                          "decimal(10,2)",
                                          "string",
                                          "binary",
                                          "uuid",
                                          "date",
                                          "time(ms)",
                                          "time(us)",
                                          "timestamp(ms)",
                                          "timestamp(us, UTC)",
                                          "list<int8>",
                                          "struct<a: int8>",
                                          "map<string, int8>"};
  for (const std::string& from : types) {
    for (const std::string& to : types) {
      const Column nulls = *arrow::MakeArrayOfNull(typed(from), 3);
      const auto out = cast_column(nulls, typed(to));
      EXPECT_EQ(out.has_value(), can_cast(*typed(from), *typed(to)))
          << from << " to " << to << ": " << (out ? "" : out.error().text());
      if (out) {
        EXPECT_EQ(out->column->null_count(), 3) << from << " to " << to;
        EXPECT_TRUE(out->refused.empty()) << from << " to " << to;
        EXPECT_TRUE(cast_column(nulls->Slice(0, 0), typed(to))) << from << " to " << to;
      }
    }
  }
}

TEST_F(Cast, DictionariesAndOtherLayouts) {
  const Column words = texts({"1", "x", "1"});
  const Column dictionary = arrow::compute::DictionaryEncode(words)->make_array();
  EXPECT_EQ(cast(dictionary, "int8"), "1|-|1");
  EXPECT_EQ(cast(*arrow::compute::Cast(*words, arrow::large_utf8()), "int8"), "1|-|1");
  EXPECT_EQ(cast(*arrow::compute::Cast(*words, arrow::utf8_view()), "int8"), "1|-|1");
  EXPECT_EQ(cast(words->Slice(1), "int8"), "-|1");
}

TEST_F(Cast, ManyFailingRowsAreFoundOneByOne) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < 5000; ++i) ASSERT_TRUE(builder.Append(i % 7 == 0 ? 1000 : 1).ok());
  const auto out = cast_column(*builder.Finish(), arrow::int8());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->refused.size(), 715U);
  for (const int64_t row : out->refused) EXPECT_EQ(row % 7, 0);
  EXPECT_EQ(out->column->null_count(), 715);
}

}  // namespace
}  // namespace trommel
