#include "avro/schema.h"

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "avro/types.h"

namespace trommel::avro {
namespace {

using testing::HasSubstr;

std::string mistakes_of(std::string_view json) {
  std::string text;
  for (const SchemaMistake& mistake : parse_schema(json).mistakes) {
    text += std::to_string(mistake.place.line) + ":" + std::to_string(mistake.place.column) + " " + mistake.path +
            ": " + mistake.what + (mistake.hint.empty() ? "" : " (" + mistake.hint + ")") + "\n";
  }
  return text;
}

std::string record(const std::string& fields) { return R"({"type":"record","name":"r","fields":[)" + fields + "]}"; }

/// The columns of a record of one field, `x`, of that type.
std::string column_of(const std::string& type) {
  const auto schema = read_schema(record(R"({"name":"x","type":)" + type + "}"), "test");
  if (!schema) return schema.error().text();
  const auto columns = arrow_schema(*schema);
  if (!columns) return columns.error().text();
  std::string text = schema_text(**columns);
  text.pop_back();
  return text;
}

TEST(AvroSchema, ANumberThatNoneHoldsIsAMistakeOfItsOwn) {
  EXPECT_EQ(mistakes_of("{\"type\": \"int\",\n \"x\": 1E444}"), "2:7 : no number is as large as 1E444\n");
}

TEST(AvroSchema, TypesBecomeOurs) {
  EXPECT_EQ(column_of(R"("boolean")"), "x: bool not null");
  EXPECT_EQ(column_of(R"("int")"), "x: int32 not null");
  EXPECT_EQ(column_of(R"({"type":"long"})"), "x: int64 not null");
  EXPECT_EQ(column_of(R"(["null","float"])"), "x: float");
  EXPECT_EQ(column_of(R"(["double","null"])"), "x: double");
  EXPECT_EQ(column_of(R"("null")"), "x: null");
  EXPECT_EQ(column_of(R"(["string"])"), "x: string not null");
  EXPECT_EQ(column_of(R"("bytes")"), "x: binary not null");
  EXPECT_EQ(column_of(R"({"type":"fixed","name":"f","size":3})"), "x: binary not null");
  EXPECT_EQ(column_of(R"({"type":"enum","name":"e","symbols":["A"]})"), "x: string not null");
  EXPECT_EQ(column_of(R"({"type":"array","items":["null","int"]})"), "x: list<int32> not null");
  EXPECT_EQ(column_of(R"({"type":"map","values":"long"})"), "x: map<string, int64> not null");
  EXPECT_EQ(column_of(R"({"type":"record","name":"s","fields":[{"name":"a","type":"int"}]})"),
            "x: struct<a: int32> not null");
  EXPECT_EQ(column_of(R"(["int","long"])"), "x: int64 not null");
  EXPECT_EQ(column_of(R"(["null","double","float"])"), "x: double");
  EXPECT_EQ(column_of(R"(["null","string","int",{"type":"array","items":"int"}])"),
            "x: struct<string: string, int: int32, array: list<int32>>");
}

TEST(AvroSchema, LogicalTypesBecomeOurs) {
  const auto logical = [](const std::string& type, const std::string& name, const std::string& more = "") {
    return column_of(R"({"type":")" + type + R"(","logicalType":")" + name + "\"" + more + "}");
  };
  EXPECT_EQ(logical("bytes", "decimal", R"(,"precision":5,"scale":2)"), "x: decimal(5,2) not null");
  EXPECT_EQ(logical("fixed", "decimal", R"(,"name":"f","size":3,"precision":6)"), "x: decimal(6,0) not null");
  EXPECT_EQ(logical("int", "date"), "x: date not null");
  EXPECT_EQ(logical("int", "time-millis"), "x: time(ms) not null");
  EXPECT_EQ(logical("long", "time-micros"), "x: time(us) not null");
  EXPECT_EQ(logical("long", "timestamp-millis"), "x: timestamp(ms, UTC) not null");
  EXPECT_EQ(logical("long", "timestamp-micros"), "x: timestamp(us, UTC) not null");
  EXPECT_EQ(logical("long", "local-timestamp-millis"), "x: timestamp(ms) not null");
  EXPECT_EQ(logical("long", "local-timestamp-micros"), "x: timestamp(us) not null");
  EXPECT_EQ(logical("string", "uuid"), "x: uuid not null");
  // Those that are unknown or do not fit do not count.
  EXPECT_EQ(logical("long", "date"), "x: int64 not null");
  EXPECT_EQ(logical("bytes", "decimal", R"(,"precision":2,"scale":3)"), "x: binary not null");
  EXPECT_EQ(logical("fixed", "decimal", R"(,"name":"f","size":1,"precision":3)"), "x: binary not null");
  EXPECT_EQ(logical("fixed", "duration", R"(,"name":"f","size":12)"), "x: binary not null");
  EXPECT_THAT(logical("bytes", "decimal", R"(,"precision":39)"),
              HasSubstr("a decimal has at most 38 digits here, not 39"));
}

TEST(AvroSchema, NamesTakeTheNamespaceAroundThem) {
  const auto schema = read_schema(R"({"type":"record","name":"r","namespace":"a.b","aliases":["q","c.q"],"fields":[
    {"name":"x","type":{"type":"enum","name":"e","symbols":["A"]}},
    {"name":"y","type":{"type":"fixed","name":"c.f","size":1}},
    {"name":"z","type":["null","e"]},
    {"name":"u","type":{"type":"record","name":"c.s","fields":[{"name":"v","type":"f"}]}}]})",
                                  "test");
  ASSERT_TRUE(schema) << schema.error().text();
  EXPECT_EQ((*schema)->name, "a.b.r");
  EXPECT_EQ((*schema)->aliases, (std::vector<std::string>{"a.b.q", "c.q"}));
  EXPECT_EQ((*schema)->fields[0].type->name, "a.b.e");
  EXPECT_EQ((*schema)->fields[2].type->branches[1], (*schema)->fields[0].type);
  EXPECT_EQ((*schema)->fields[3].type->fields[0].type->name, "c.f");
}

TEST(AvroSchema, EveryMistakeHasItsPlace) {
  EXPECT_EQ(mistakes_of("{\n \"type\": \"record\",,"),
            "2:19 : this is not JSON (a schema is JSON: { \"type\": \"record\", … })\n");
  EXPECT_EQ(mistakes_of("3"), "1:1 : no type: `3` (a name, a list or an object)\n");
  EXPECT_EQ(mistakes_of(R"("strin")"),
            "1:1 : no type is called `strin` (types of a name are defined before they are used)\n");
  EXPECT_EQ(
      mistakes_of(R"({
  "type": "record", "name": "1r",
  "fields": [
    { "name": "a", "type": "integer" },
    { "name": "b c", "type": { "type": "enum", "name": "e", "symbols": ["X", "Y-", "X"], "default": "Z" } },
    { "nam": "d", "type": "int", "default": 2147483648 },
    { "name": "f" },
    { "name": "g", "type": ["null", "int", "int", ["string"]] },
    { "name": "g", "type": { "type": "fixed", "name": "x", "size": -1 } },
    { "name": "h", "type": { "type": "array" } },
    { "name": "i", "type": "e" }
  ]
})"),
      "2:29 name: no name: `1r` (letters, digits and _, a letter or _ first; a namespace before it ends in a dot)\n"
      "4:28 fields[0].type: no type is called `integer` (types of a name are defined before they are used)\n"
      "5:15 fields[1].name: no name: `b c` (letters, digits and _, a letter or _ first)\n"
      "5:78 fields[1].type.symbols[1]: no symbol: `Y-` (letters, digits and _, a letter or _ first)\n"
      "5:84 fields[1].type.symbols[2]: symbol `X` is there twice\n"
      "5:101 fields[1].type.default: the default is no symbol of the enum: `\"Z\"`\n"
      "6:5 fields[2]: a field needs `name`\n"
      "6:45 fields[2].default: default of ``: no int: `2147483648`\n"
      "7:5 fields[3]: field `f` needs `type`\n"
      "8:44 fields[4].type[2]: `int` is in the union twice\n"
      "8:51 fields[4].type[3]: a union directly in a union (write its types into the outer one)\n"
      "9:68 fields[5].type.size: no size in bytes: `-1` (0 to 16777216)\n"
      "10:28 fields[6].type: an array needs `items`\n");
}

TEST(AvroSchema, WhatHoldsItselfIsRefused) {
  EXPECT_THAT(mistakes_of(record(R"({"name":"next","type":["null","r"]})")),
              HasSubstr("fields[0].type[1]: `r` holds itself"));
  // Nor does a schema grow beyond what its text says by naming each type twice.
  std::string fields = R"({"name":"x","type":{"type":"record","name":"t0","fields":[{"name":"a","type":"int"}]}})";
  for (int i = 1; i < 40; ++i) {
    const std::string one = "\"t" + std::to_string(i - 1) + "\"";
    fields += R"(,{"name":"x)" + std::to_string(i) + R"(","type":{"type":"record","name":"t)" + std::to_string(i) +
              R"(","fields":[{"name":"a","type":)" + one + R"(},{"name":"b","type":)" + one + "}]}}";
  }
  EXPECT_THAT(mistakes_of(record(fields)), HasSubstr("it is made of more than 20000 types"));
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += R"({"type":"array","items":)";
  EXPECT_THAT(mistakes_of(deep + "\"int\"" + std::string(100, '}')),
              HasSubstr("types lie in each other more than 64 deep"));
}

TEST(AvroSchema, DefaultsAreOfTheirType) {
  const auto mistake = [](const std::string& type, const std::string& value) {
    return mistakes_of(record(R"({"name":"x","type":)" + type + R"(,"default":)" + value + "}"));
  };
  EXPECT_EQ(mistake(R"(["null","int"])", "null"), "");
  EXPECT_EQ(mistake(R"(["null","int"])", "5"), "");
  EXPECT_EQ(mistake(R"({"type":"array","items":"int"})", "[1,2]"), "");
  EXPECT_EQ(mistake(R"({"type":"map","values":"float"})", R"({"a":1})"), "");
  EXPECT_EQ(mistake(R"("bytes")", R"("\u00ff\u0001")"), "");
  EXPECT_THAT(mistake(R"("bytes")", R"("\u0100")"), HasSubstr("default of `x`: no bytes"));
  EXPECT_THAT(mistake(R"("int")", "1.5"), HasSubstr("default of `x`: no int: `1.5`"));
  EXPECT_THAT(mistake(R"("string")", "null"), HasSubstr("default of `x`: no string: `null`"));
  EXPECT_THAT(mistake(R"({"type":"record","name":"s","fields":[{"name":"a","type":"int"}]})", "{}"),
              HasSubstr("`a` of the record is left out"));
}

TEST(AvroSchema, DoubtsAreNoMistakes) {
  const auto parsed = parse_schema(record(
      R"({"name":"x","type":"long","logicalType":"timestamp-millis"},{"name":"y","type":{"type":"bytes","logicalType":"decimal"}})"));
  ASSERT_TRUE(parsed.schema);
  ASSERT_EQ(parsed.doubts.size(), 2U);
  EXPECT_THAT(parsed.doubts[0].what, HasSubstr("`logicalType` of `x` stands beside its type"));
  EXPECT_THAT(parsed.doubts[1].what, HasSubstr("`decimal` does not fit bytes"));
}

TEST(AvroSchema, JsonReadsBack) {
  const std::string text =
      R"({"type":"record","name":"a.r","doc":"d","aliases":["a.q"],"fields":[)"
      R"({"name":"x","type":["null",{"type":"enum","name":"e","symbols":["A","B"],"default":"A"}],"default":null,"doc":"w","aliases":["y"]},)"
      R"({"name":"z","type":{"type":"array","items":"a.e"}},)"
      R"({"name":"f","type":{"type":"fixed","name":"a.f","size":4,"logicalType":"decimal","precision":9,"scale":2}},)"
      R"({"name":"m","type":{"type":"map","values":{"type":"long","logicalType":"timestamp-micros"}}}]})";
  const auto schema = read_schema(text, "test");
  ASSERT_TRUE(schema) << schema.error().text();
  const std::string written = schema_json(**schema);
  const auto again = read_schema(written, "test");
  ASSERT_TRUE(again) << again.error().text() << written;
  EXPECT_EQ(schema_json(**again), written);
  EXPECT_EQ((*again)->fields[0].type->branches[1]->name, "a.e") << written;
  EXPECT_EQ((*again)->fields[1].type->items->name, "a.e") << written;
}

TEST(AvroSchema, ColumnsBecomeARecord) {
  const auto rows = arrow::schema(
      {arrow::field("id", arrow::int16(), false), arrow::field("dep time", arrow::utf8()),
       arrow::field("dep_time", arrow::timestamp(arrow::TimeUnit::MICRO)), arrow::field("3", arrow::uint64()),
       arrow::field("s", arrow::struct_({arrow::field("a", arrow::list(arrow::float32()))}))});
  const auto schema = schema_of(*rows, "game rounds");
  ASSERT_TRUE(schema);
  EXPECT_EQ(
      schema_json(**schema),
      R"({"type":"record","name":"game_rounds","fields":[{"name":"id","type":"int"},)"
      R"({"name":"dep_time","type":["null","string"],"default":null,"doc":"dep time"},)"
      R"({"name":"dep_time_2","type":["null",{"type":"long","logicalType":"local-timestamp-micros"}],"default":null,"doc":"dep_time"},)"
      R"({"name":"_3","type":["null",{"type":"bytes","logicalType":"decimal","precision":20,"scale":0}],"default":null,"doc":"3"},)"
      R"({"name":"s","type":["null",{"type":"record","name":"game_rounds_s","fields":[{"name":"a","type":["null",{"type":"array","items":["null","float"]}],"default":null}]}],"default":null}]})");
  const auto odd = arrow::schema({arrow::field("m", arrow::map(arrow::int32(), arrow::int32()))});
  EXPECT_THAT(schema_of(*odd, "r").error().text(), HasSubstr("m map<int32, int32>"));
}

}  // namespace
}  // namespace trommel::avro
