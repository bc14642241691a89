#include "engine/typed_row.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "batch/types.h"

namespace trommel {
namespace {

using ::testing::HasSubstr;

/// A column of the type with these texts as values, and a NULL at the end.
std::shared_ptr<arrow::Array> column_of(const Type& type, const std::vector<std::string>& texts) {
  arrow::StringBuilder builder;
  for (const std::string& text : texts) EXPECT_TRUE(builder.Append(text).ok());
  EXPECT_TRUE(builder.AppendNull().ok());
  const auto cast = cast_column(*builder.Finish(), type);
  EXPECT_TRUE(cast) << cast.error().text();
  EXPECT_TRUE(cast->refused.empty()) << type->ToString();
  return cast->column;
}

/// A list of structs, and a map, as a JSON source has them.
arrow::ArrayVector nested_columns() {
  const auto item = arrow::struct_({arrow::field("n", arrow::int64()), arrow::field("t", arrow::utf8())});
  auto numbers = std::make_shared<arrow::Int64Builder>();
  auto texts = std::make_shared<arrow::StringBuilder>();
  auto structs = std::make_shared<arrow::StructBuilder>(
      item, arrow::default_memory_pool(), std::vector<std::shared_ptr<arrow::ArrayBuilder>>{numbers, texts});
  arrow::ListBuilder lists(arrow::default_memory_pool(), structs);
  for (int row = 0; row < 3; ++row) {
    EXPECT_TRUE(lists.Append().ok());
    for (int i = 0; i < row; ++i) {
      EXPECT_TRUE(structs->Append().ok() && numbers->Append(9'007'199'254'740'993 + i).ok() &&
                  texts->Append(fmt::format("\"{}\"\n, }}", i)).ok());
    }
  }
  EXPECT_TRUE(lists.AppendNull().ok());
  auto keys = std::make_shared<arrow::StringBuilder>();
  auto values = std::make_shared<arrow::DoubleBuilder>();
  arrow::MapBuilder maps(arrow::default_memory_pool(), keys, values);
  for (int row = 0; row < 3; ++row) {
    EXPECT_TRUE(maps.Append().ok() && keys->Append("k").ok() && values->Append(0.1 * row).ok());
  }
  EXPECT_TRUE(maps.AppendNull().ok());
  return {*lists.Finish(), *maps.Finish()};
}

Rows all_types() {
  const std::vector<std::pair<std::string, std::vector<std::string>>> texts = {
      {"bool", {"true", "false", "true"}},
      {"int8", {"-128", "127", "0"}},
      {"uint64", {"18446744073709551615", "0", "9007199254740993"}},
      {"int64", {"-9223372036854775808", "9223372036854775807", "999999999999999"}},
      {"float", {"0.1", "-3.4e38", "nan"}},
      {"double", {"0.1", "1e300", "-inf"}},
      {"decimal(38,10)", {"1234567890123456789012345678.0123456789", "-0.0000000001", "5"}},
      {"string", {"", "NULL", "ü \"x\", {1}\n\t\\"}},
      {"date", {"2026-02-28", "1600-01-01", "1970-01-01"}},
      {"time(us)", {"23:59:59.999999", "00:00:00", "12:30:00.5"}},
      {"timestamp(us)", {"2026-01-02T03:04:05.000001", "1969-12-31T23:59:59", "1970-01-01T00:00:00"}},
      {"timestamp(ms, UTC)", {"2026-01-02T03:04:05.001Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z"}},
      {"binary", {"a", "", "\x01\x02 more"}},
      {"uuid",
       {"00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "123e4567-e89b-12d3-a456-426614174000"}},
  };
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  for (const auto& [name, values] : texts) {
    const auto parsed = parse_type(name);
    EXPECT_TRUE(parsed) << name;
    columns.push_back(column_of(parsed->type, values));
    fields.push_back(arrow::field(name, columns.back()->type()));
  }
  for (const auto& nested : nested_columns()) {
    columns.push_back(nested);
    fields.push_back(arrow::field(nested->type()->ToString(), nested->type()));
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), 4, columns);
}

std::string text_of(const arrow::RecordBatch& rows) { return rows.ToString(); }

TEST(TypedRow, ComesBackWithItsTypesAndEveryDigit) {
  const Rows all = all_types();
  RowSpeller speller(*all);
  std::vector<std::string> objects;
  for (int64_t row = 0; row < all->num_rows(); ++row) objects.push_back(speller.row(row));
  EXPECT_THAT(objects[0], HasSubstr("\"int8\":-128"));
  EXPECT_THAT(objects[0], HasSubstr("\"int64\":\"-9223372036854775808\""));
  EXPECT_THAT(objects[2], HasSubstr("\"int64\":999999999999999"));
  EXPECT_THAT(objects[0], HasSubstr("\"decimal(38,10)\":\"1234567890123456789012345678.0123456789\""));
  EXPECT_THAT(objects[3], HasSubstr("\"uuid\":null"));
  const auto back = typed_rows(objects, all->schema());
  ASSERT_TRUE(back) << back.error().text();
  for (size_t row = 0; row < objects.size(); ++row) {
    ASSERT_TRUE((*back)[row].rows) << objects[row] << "\n" << (*back)[row].why;
    EXPECT_EQ(text_of(*(*back)[row].rows), text_of(*all->Slice(static_cast<int64_t>(row), 1)));
  }
}

TEST(TypedRow, TakesTextsAsPeopleWriteThemAndSaysWhatDoesNotFit) {
  const auto schema =
      arrow::schema({arrow::field("Amount", arrow::decimal128(10, 2)), arrow::field("on", arrow::date32()),
                     arrow::field("tags", arrow::list(arrow::int64()))});
  const auto rows = typed_rows(
      {R"({"amount": "1.50", "on": "2026-01-02", "tags": "[1, 2]"})", R"({"Amount": 2})", R"({"Amount": "1,5"})",
       R"({"amount": "1", "AMOUNT": "2"})", R"({"other": 1})", "[]", R"({"tags": "[1"})"},
      schema);
  ASSERT_TRUE(rows) << rows.error().text();
  ASSERT_TRUE((*rows)[0].rows) << (*rows)[0].why;
  EXPECT_EQ(value_text(*(*rows)[0].rows->column(0), 0), "1.50");
  EXPECT_EQ(value_text(*(*rows)[0].rows->column(2), 0), "[1, 2]");
  ASSERT_TRUE((*rows)[1].rows) << (*rows)[1].why;
  EXPECT_TRUE((*rows)[1].rows->column(1)->IsNull(0));
  EXPECT_THAT((*rows)[2].why, HasSubstr("'1,5'"));
  EXPECT_THAT((*rows)[3].why, HasSubstr("comes twice"));
  EXPECT_THAT((*rows)[4].why, HasSubstr("no column `other`"));
  EXPECT_THAT((*rows)[5].why, HasSubstr("no JSON object"));
  EXPECT_THAT((*rows)[6].why, HasSubstr("'[1'"));
}

TEST(TypedRow, ManyRowsAreDecodedInParts) {
  const auto schema = arrow::schema({arrow::field("t", arrow::utf8())});
  const std::string long_text(1 << 20, 'x');
  const auto rows = typed_rows(std::vector<std::string>(20, R"({"t": ")" + long_text + "\"}"), schema);
  ASSERT_TRUE(rows);
  for (const TypedRow& row : *rows) ASSERT_TRUE(row.rows && value_text(*row.rows->column(0), 0) == long_text);
}

}  // namespace
}  // namespace trommel
