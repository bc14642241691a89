#include "batch/row_digest.h"

#include <arrow/api.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "batch/types.h"

namespace trommel {
namespace {

using Column = std::shared_ptr<arrow::Array>;

template <class Builder, class Value>
Column column(Builder& builder, const std::vector<std::optional<Value>>& values) {
  for (const auto& value : values) EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  return *builder.Finish();
}
Column texts(const std::vector<std::optional<std::string>>& values) {
  arrow::StringBuilder builder;
  return column(builder, values);
}
Column numbers(const std::vector<std::optional<int64_t>>& values) {
  arrow::Int64Builder builder;
  return column(builder, values);
}
Column reals(const std::vector<std::optional<double>>& values) {
  arrow::DoubleBuilder builder;
  return column(builder, values);
}

std::vector<Digest> digests(const std::vector<Column>& columns) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < columns.size(); ++i) fields.push_back(arrow::field(std::to_string(i), columns[i]->type()));
  const auto schema = arrow::schema(fields);
  auto digester = RowDigester::of(*schema);
  EXPECT_TRUE(digester) << digester.error().text();
  std::vector<Digest> out;
  digester->digest(*arrow::RecordBatch::Make(schema, columns[0]->length(), columns), out);
  return out;
}

// Rows as numbers: equal rows have equal ones, in the order in which they came up.
std::vector<size_t> classes(const std::vector<Column>& columns) {
  std::vector<Digest> known;
  std::vector<size_t> out;
  for (const Digest& digest : digests(columns)) {
    const auto at = std::find(known.begin(), known.end(), digest);
    out.push_back(static_cast<size_t>(at - known.begin()));
    if (at == known.end()) known.push_back(digest);
  }
  return out;
}

using Classes = std::vector<size_t>;

TEST(RowDigest, EqualRowsAlone) {
  EXPECT_EQ(classes({texts({"a", "b", "a", std::nullopt, "", std::nullopt}), numbers({1, 1, 1, 1, 1, 1})}),
            (Classes{0, 1, 0, 2, 3, 2}));
  EXPECT_EQ(classes({numbers({0, std::nullopt, 0, 256, 1}), numbers({std::nullopt, 0, std::nullopt, 0, 0})}),
            (Classes{0, 1, 0, 2, 3}));
}

TEST(RowDigest, NeighboursDoNotRunIntoEachOther) {
  EXPECT_EQ(
      classes({texts({"ab", "a", "", "abc", std::nullopt, "abc"}), texts({"c", "bc", "abc", "", "abc", std::nullopt})}),
      (Classes{0, 1, 2, 3, 4, 5}));
}

TEST(RowDigest, RealsAreEqualAsInSql) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(classes({reals({0.0, -0.0, nan, -nan, 1.5, std::nullopt})}), (Classes{0, 0, 1, 1, 2, 3}));
}

TEST(RowDigest, ValuesOfAnyLength) {
  std::vector<std::optional<std::string>> values;
  for (size_t length = 0; length < 300; ++length) {
    values.push_back(std::string(length, 'x'));
    if (length > 0) values.push_back(std::string(length - 1, 'x') + 'y');
  }
  const auto all = digests({texts(values)});
  EXPECT_EQ(std::set<Digest>(all.begin(), all.end()).size(), values.size());
}

TEST(RowDigest, SlicesAndManyRowsAreTheSameAsAlone) {
  std::vector<std::optional<int64_t>> values;
  std::vector<std::optional<std::string>> words;
  for (int64_t i = 0; i < 5000; ++i) {
    values.push_back(i % 7 == 0 ? std::nullopt : std::optional(i % 100));
    words.push_back(i % 11 == 0 ? std::nullopt : std::optional(std::string(static_cast<size_t>(i % 40), 'w')));
  }
  const Column left = numbers(values), right = texts(words);
  const auto whole = digests({left, right});
  for (const int64_t at : {0, 1, 1023, 1024, 4999}) {
    EXPECT_EQ(digests({left->Slice(at, 1), right->Slice(at, 1)})[0], whole[static_cast<size_t>(at)]) << at;
  }
}

TEST(RowDigest, LongValuesAreTakenInPieces) {
  std::vector<std::optional<std::string>> values;
  for (int i = 0; i < 20; ++i) values.push_back(std::string(200'000, static_cast<char>('a' + i % 10)));
  const auto all = classes({texts(values)});
  for (size_t i = 0; i < 20; ++i) EXPECT_EQ(all[i], i % 10);
}

TEST(RowDigest, NestedAndOddTypes) {
  const auto shown = [](const std::string& type, const std::string& json) {
    const auto parsed = parse_type(type);
    return classes({*arrow::json::ArrayFromJSONString(parsed->type, json)});
  };
  EXPECT_EQ(shown("list<int32>", "[[1,2],[1],[2],[1,2],[],null,[null]]"), (Classes{0, 1, 2, 0, 3, 4, 5}));
  EXPECT_EQ(shown("struct<a: string, b: list<string>>",
                  R"([{"a":"x","b":["y"]},{"a":"x","b":["y"]},{"a":"xy","b":[]},null,{"a":null,"b":null}])"),
            (Classes{0, 0, 1, 2, 3}));
  EXPECT_EQ(shown("bool", "[true,false,null,true]"), (Classes{0, 1, 2, 0}));
  EXPECT_EQ(shown("decimal(10,2)", R"(["1.00","1.01","1.00"])"), (Classes{0, 1, 0}));
}

}  // namespace
}  // namespace trommel
