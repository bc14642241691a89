#include "codecs/json/json.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/json.h"
#include "codecs/text/spell.h"

namespace trommel::json {
namespace {

class TextOutput : public OutputStream {
 public:
  std::string text;
  Result<> append(Bytes bytes) override {
    text += as_text(bytes);
    return {};
  }
  Result<> sync() override { return {}; }
  Result<> close() override { return {}; }
};

std::string written(const std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>>& columns) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(array);
  }
  const auto rows = arrow::RecordBatch::Make(arrow::schema(fields), arrays[0]->length(), arrays);
  TextOutput out;
  auto encoder = *json_encoder().open(out, rows->schema(), {}, 1, 1 << 20);
  EXPECT_TRUE(encoder->write(*rows));
  EXPECT_TRUE(encoder->finish());
  EXPECT_EQ(encoder->rows(), rows->num_rows());
  return out.text;
}

template <class Builder, class Value>
std::shared_ptr<arrow::Array> column(const std::shared_ptr<arrow::DataType>& type,
                                     const std::vector<std::optional<Value>>& values) {
  Builder builder(type, arrow::default_memory_pool());
  for (const auto& value : values) EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  return *builder.Finish();
}

TEST(JsonLines, ScalarsAndNull) {
  EXPECT_EQ(written({{"i", column<arrow::Int64Builder, int64_t>(arrow::int64(), {INT64_MAX, std::nullopt})},
                     {"d", column<arrow::DoubleBuilder, double>(arrow::float64(), {0.1, 3.0})},
                     {"b", column<arrow::BooleanBuilder, bool>(arrow::boolean(), {true, false})},
                     {"t", column<arrow::StringBuilder, std::string>(arrow::utf8(), {"x", ""})}}),
            "{\"i\":9223372036854775807,\"d\":0.1,\"b\":true,\"t\":\"x\"}\n"
            "{\"i\":null,\"d\":3,\"b\":false,\"t\":\"\"}\n");
}

TEST(JsonLines, NumbersThatJsonDoesNotHaveAreText) {
  EXPECT_EQ(written({{"d", column<arrow::DoubleBuilder, double>(arrow::float64(), {NAN, INFINITY, -INFINITY})}}),
            "{\"d\":\"nan\"}\n{\"d\":\"inf\"}\n{\"d\":\"-inf\"}\n");
}

TEST(JsonLines, EscapesReadBack) {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  all += "ünï 漢 😀";
  const std::string line = written({{"a\"\\\n", column<arrow::StringBuilder, std::string>(arrow::utf8(), {all})}});
  const auto parsed = *parse_json(line, "test");
  EXPECT_EQ(parsed["a\"\\\n"].get<std::string>(), all);
}

TEST(JsonLines, DecimalsKeepTheirDigits) {
  EXPECT_EQ(written({{"m", column<arrow::Decimal128Builder, arrow::Decimal128>(
                               arrow::decimal128(38, 3),
                               {arrow::Decimal128("12345678901234567890.123"), arrow::Decimal128(-5)})}}),
            "{\"m\":12345678901234567890.123}\n{\"m\":-0.005}\n");
}

TEST(JsonLines, TimesAreIso) {
  EXPECT_EQ(
      written({{"at",
                column<arrow::TimestampBuilder, int64_t>(arrow::timestamp(arrow::TimeUnit::MICRO), {1357016400000000})},
               {"z", column<arrow::TimestampBuilder, int64_t>(arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"), {-1})},
               {"day", column<arrow::Date32Builder, int32_t>(arrow::date32(), {-1})},
               {"time", column<arrow::Time64Builder, int64_t>(arrow::time64(arrow::TimeUnit::MICRO), {3723000001})},
               {"bytes", column<arrow::BinaryBuilder, std::string>(arrow::binary(), {std::string("\0\xFF", 2)})}}),
      "{\"at\":\"2013-01-01T05:00:00\",\"z\":\"1969-12-31T23:59:59.999Z\",\"day\":\"1969-12-31\",\"time\":\"01:02:03."
      "000001\",\"bytes\":\"AP8=\"}\n");
}

TEST(JsonLines, EveryDayHasItsDate) {
  arrow::Date32Builder builder;
  for (int32_t day = -719162; day < 2932896; day += 17) ASSERT_TRUE(builder.Append(day).ok());
  const auto days = *builder.Finish();
  const auto speller = *text::make_speller(days, text::Style::plain);
  for (int64_t row = 0; row < days->length(); row += 100) {
    std::string text;
    speller->spell(row, text);
    EXPECT_EQ(text, (*days->GetScalar(row))->ToString());
  }
}

TEST(JsonLines, NestedValues) {
  const auto numbers = std::make_shared<arrow::Int32Builder>();
  const auto names = std::make_shared<arrow::StringBuilder>();
  const auto type = arrow::struct_({arrow::field("n", arrow::int32()), arrow::field("s", arrow::utf8())});
  const auto structs = std::make_shared<arrow::StructBuilder>(
      type, arrow::default_memory_pool(), std::vector<std::shared_ptr<arrow::ArrayBuilder>>{numbers, names});
  arrow::ListBuilder lists(arrow::default_memory_pool(), structs);
  ASSERT_TRUE(lists.Append().ok() && structs->Append().ok() && numbers->Append(1).ok() && names->Append("a\"").ok());
  ASSERT_TRUE(structs->AppendNull().ok());
  ASSERT_TRUE(lists.Append().ok());
  ASSERT_TRUE(lists.AppendNull().ok());
  const auto column_of_lists = *lists.Finish();
  const auto keys = std::make_shared<arrow::StringBuilder>();
  const auto values = std::make_shared<arrow::Int64Builder>();
  arrow::MapBuilder maps(arrow::default_memory_pool(), keys, values);
  ASSERT_TRUE(maps.Append().ok() && keys->Append("k").ok() && values->Append(7).ok());
  ASSERT_TRUE(maps.AppendNull().ok() && maps.Append().ok());
  EXPECT_EQ(written({{"l", column_of_lists}, {"m", *maps.Finish()}}),
            "{\"l\":[{\"n\":1,\"s\":\"a\\\"\"},null],\"m\":{\"k\":7}}\n{\"l\":[],\"m\":null}\n{\"l\":null,\"m\":{}}\n");
  // A slice spells its own rows.
  std::string text;
  (*text::make_speller(column_of_lists->Slice(1, 1), text::Style::json))->spell(0, text);
  EXPECT_EQ(text, "[]");
}

TEST(JsonLines, TypesWithoutTextAreRefused) {
  const auto schema = arrow::schema({arrow::field("u", arrow::dense_union({arrow::field("a", arrow::int8())}))});
  Problems problems;
  json_encoder().check({}, schema, problems);
  EXPECT_EQ(problems.size(), 1u);
}

}  // namespace
}  // namespace trommel::json
