// Bytes to rows and rows to bytes: resolution, refusals, and bytes that mean harm.
#include <arrow/api.h>
#include <arrow/json/from_string.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "avro/decode.h"
#include "avro/encode.h"
#include "avro/wire.h"

namespace trommel::avro {
namespace {

using testing::HasSubstr;

SchemaPtr schema(const std::string& json) {
  auto read = read_schema(json, "test");
  EXPECT_TRUE(read) << (read ? "" : read.error().text()) << json;
  return read ? *read : nullptr;
}

std::string record(const std::string& fields) { return R"({"type":"record","name":"r","fields":[)" + fields + "]}"; }
std::string field(const std::string& type, const std::string& more = "") {
  return record(R"({"name":"x","type":)" + type + more + "}");
}

std::string long_bytes(int64_t value) {
  std::string out;
  append_long(out, value);
  return out;
}

/// Reads data of one writer as one reader.
class Reading {
 public:
  Reading(const std::string& writer, const std::string& reader) {
    auto layout = layout_of(schema(reader));
    if (!layout) {
      error = layout.error().text();
      return;
    }
    auto resolved = resolve(schema(writer), *layout);
    if (!resolved) {
      error = resolved.error().text();
      return;
    }
    program = *resolved;
    decoder = std::make_unique<DatumDecoder>(*layout);
  }
  explicit Reading(const std::string& both) : Reading(both, both) {}

  /// The row's values, or why there is none.
  std::string row(const std::string& bytes) {
    if (!error.empty()) return error;
    // Apart from all else in memory, so that a sanitizer sees a byte too many.
    const std::vector<uint8_t> copy(bytes.begin(), bytes.end());
    const auto size = decoder->add(*program, copy);
    if (!size) return decoder->refusal().reason;
    if (*size != bytes.size()) return "took " + std::to_string(*size);
    EXPECT_EQ(datum_size(*program, copy), size);
    const Rows rows = decoder->finish();
    EXPECT_TRUE(rows->ValidateFull().ok()) << rows->ValidateFull().ToString();
    std::string text;
    for (int i = 0; i < rows->num_columns(); ++i) text += (i > 0 ? "|" : "") + value_text(*rows->column(i), 0);
    return text;
  }

  std::string error;
  std::shared_ptr<const Program> program;
  std::unique_ptr<DatumDecoder> decoder;
};

std::string read(const std::string& writer, const std::string& reader, const std::string& bytes) {
  return Reading(field(writer), field(reader)).row(bytes);
}
std::string read(const std::string& both, const std::string& bytes) { return read(both, both, bytes); }

TEST(AvroDecode, Values) {
  using namespace std::string_literals;
  EXPECT_EQ(read(R"("int")", long_bytes(-5)), "-5");
  EXPECT_EQ(read(R"("int")", long_bytes(INT32_MIN)), "-2147483648");
  EXPECT_EQ(read(R"("long")", long_bytes(INT64_MIN)), "-9223372036854775808");
  EXPECT_EQ(read(R"("long")", long_bytes(INT64_MAX)), "9223372036854775807");
  EXPECT_EQ(read(R"("boolean")", "\1"), "true");
  EXPECT_EQ(read(R"("float")", "\0\0\x20\x40"s), "2.5");
  EXPECT_EQ(read(R"("double")", "\0\0\0\0\0\0\x04\x40"s), "2.5");
  EXPECT_EQ(read(R"("string")", "\6abc"), "abc");
  EXPECT_EQ(read(R"(["null","string"])", "\0"s), "NULL");
  EXPECT_EQ(read(R"(["string","null"])", "\0\6abc"s), "abc");
  EXPECT_EQ(read(R"("null")", ""), "NULL");
  EXPECT_EQ(read(R"({"type":"enum","name":"e","symbols":["A","B"]})", "\2"), "B");
  EXPECT_EQ(read(R"({"type":"array","items":"int"})", "\4\2\4\1\2\6\0"s), "[1, 2, 3]");  // the second block has a size
  EXPECT_EQ(read(R"({"type":"map","values":"int"})", "\2\2k\2\0"s), "{k: 1}");
  EXPECT_EQ(read(R"(["null","string","int"])", "\4\6"), "{string: NULL, int: 3}");
  EXPECT_EQ(read(R"({"type":"bytes","logicalType":"decimal","precision":5,"scale":2})", "\4\xff\x38"), "-2.00");
  EXPECT_EQ(read(R"({"type":"fixed","name":"f","size":20,"logicalType":"decimal","precision":5,"scale":2})",
                 std::string(19, '\0') + "\7"),
            "0.07");
  EXPECT_EQ(read(R"({"type":"string","logicalType":"uuid"})",
                 "\x48"
                 "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  EXPECT_EQ(read(R"({"type":"int","logicalType":"date"})", long_bytes(1)), "1970-01-02");
}

TEST(AvroDecode, RefusalsSayWhatWasExpectedAndWhere) {
  using namespace std::string_literals;
  EXPECT_EQ(read(R"("int")", ""), "int expected at byte 0 of the datum, where the bytes end");
  EXPECT_EQ(read(R"("int")", "\xff\xff"), "int expected at byte 0 of the datum, but its bytes break off");
  EXPECT_EQ(read(R"("long")", std::string(9, '\xff') + "\2"),
            "long expected at byte 0 of the datum, but its bytes break off");
  EXPECT_EQ(read(R"("int")", long_bytes(2147483648)), "int expected at byte 0 of the datum, but 2147483648 is no int");
  EXPECT_EQ(read(R"("string")", "\x64x"),
            "string expected at byte 1 of the datum, but it announces 50 bytes, and 1 are left");
  EXPECT_EQ(read(R"("string")", "\1"), "string expected at byte 0 of the datum, but it announces -1 bytes");
  EXPECT_EQ(read(R"("string")", "\2\xff"), "string expected at byte 1 of the datum, but its bytes are not UTF-8");
  EXPECT_EQ(read(R"("boolean")", "\2"), "boolean expected at byte 0 of the datum, but the byte is 2");
  EXPECT_EQ(read(R"(["null","int"])", "\4"), "int expected at byte 0 of the datum, but the union has no branch 2");
  EXPECT_EQ(read(R"({"type":"int","logicalType":"time-millis"})", "\1"),
            "int (time-millis) expected at byte 0 of the datum, but -1 is no time of day");
  EXPECT_EQ(read(R"({"type":"bytes","logicalType":"decimal","precision":2})", "\2\x64"),
            "bytes (decimal(2,0)) expected at byte 1 of the datum, but the number has more digits");
  EXPECT_EQ(read(R"({"type":"array","items":"long"})", "\x14\2\2"),
            "array of long expected at byte 1 of the datum, but it announces 10 items, and 2 bytes are left");
  // A list of what takes no bytes is not believed anything.
  EXPECT_THAT(read(R"({"type":"array","items":"null"})", long_bytes(1LL << 40)),
              HasSubstr("but it announces 1099511627776 items"));
  EXPECT_THAT(read(R"({"type":"array","items":"null"})", long_bytes(INT64_MIN)), HasSubstr("items"));
  EXPECT_EQ(read(R"("int")", "\2\2"), "took 1");
}

TEST(AvroDecode, ARefusedDatumLeavesNothingBehind) {
  using namespace std::string_literals;
  const std::string type = record(
      R"({"name":"s","type":"string"},{"name":"l","type":["null",{"type":"array","items":{"type":"record","name":"i","fields":[{"name":"a","type":"string"},{"name":"b","type":["null","int"]}]}}]},)"
      R"({"name":"m","type":{"type":"map","values":"long"}},{"name":"n","type":["null",{"type":"record","name":"o","fields":[{"name":"c","type":"bytes"}]}]},{"name":"e","type":"int"})");
  Reading reading(type);
  const std::string good = "\2a"s + "\2\4\2x\2\2\2y\0\0"s + "\2\2k\2\0"s + "\2\2z"s + "\2"s;
  const std::string shown = "a|[{a: x, b: 1}, {a: y, b: NULL}]|{k: 1}|{c: z}|1";
  ASSERT_EQ(reading.row(good), shown);
  for (size_t cut = 0; cut < good.size(); ++cut) {
    const std::string part = good.substr(0, cut);
    ASSERT_TRUE(reading.decoder->add(*reading.program, as_bytes(good)));
    ASSERT_FALSE(reading.decoder->add(*reading.program, as_bytes(part))) << cut;
    ASSERT_TRUE(reading.decoder->add(*reading.program, as_bytes(good)));
    const Rows rows = reading.decoder->finish();
    ASSERT_EQ(rows->num_rows(), 2);
    ASSERT_TRUE(rows->ValidateFull().ok()) << rows->ValidateFull().ToString();
    ASSERT_TRUE(rows->Slice(0, 1)->Equals(*rows->Slice(1, 1))) << cut;
  }
}

TEST(AvroDecode, AnyBytesAreARowOrARefusal) {
  using namespace std::string_literals;
  const std::string type = record(
      R"({"name":"s","type":"string"},{"name":"l","type":{"type":"array","items":["null","int",{"type":"map","values":["null","string","double"]}]}},)"
      R"({"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":3}},{"name":"u","type":[{"type":"fixed","name":"f","size":2},"boolean"]},)"
      R"({"name":"e","type":{"type":"enum","name":"e","symbols":["A","B"]}},{"name":"z","type":{"type":"array","items":"null"}})");
  const std::string reader = record(
      R"({"name":"l","type":{"type":"array","items":["null","long",{"type":"map","values":["null","bytes","double"]}]}},{"name":"s","type":"bytes"},)"
      R"({"name":"e","type":{"type":"enum","name":"e","symbols":["B"]}},{"name":"n","type":{"type":"array","items":"string"},"default":["x"]})");
  Reading same(type), other(type, reader);
  ASSERT_EQ(other.error, "");
  std::mt19937_64 random(7);
  int64_t rows = 0;
  const std::string good = "\2a\6\0\2\6\4\2\2k\2\2v\0\0\2\7\0ab\2\4\0"s;
  ASSERT_EQ(same.row(good),
            "a|[NULL, {int: 3, map: NULL}, {int: NULL, map: {k: {string: v, double: NULL}}}]|0.007|{f: ab, boolean: "
            "NULL}|B|[NULL, NULL]");
  for (int i = 0; i < 100'000; ++i) {
    std::vector<uint8_t> bytes(good.begin(), good.end());
    for (uint64_t changes = random() % 4; changes > 0; --changes)
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random() % 2 == 0 ? random() : random() % 8);
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    bytes.shrink_to_fit();
    for (Reading* reading : {&same, &other}) {
      const auto size = reading->decoder->add(*reading->program, bytes);
      rows += size ? 1 : 0;
      ASSERT_TRUE(!size || *size <= bytes.size());
      // What can be read can be passed over, and to the same place.
      const auto passed = datum_size(*reading->program, bytes);
      ASSERT_TRUE(!size || passed == size);
    }
    if (i % 5000 == 0) {
      for (Reading* reading : {&same, &other}) {
        const Rows done = reading->decoder->finish();
        ASSERT_TRUE(done->ValidateFull().ok()) << done->ValidateFull().ToString();
      }
    }
  }
  EXPECT_GT(rows, 1000);
}

TEST(AvroResolve, Promotions) {
  using namespace std::string_literals;
  EXPECT_EQ(read(R"("int")", R"("long")", "\6"), "3");
  EXPECT_EQ(read(R"("int")", R"("float")", "\6"), "3");
  EXPECT_EQ(read(R"("int")", R"("double")", "\6"), "3");
  EXPECT_EQ(read(R"("long")", R"("float")", "\6"), "3");
  EXPECT_EQ(read(R"("long")", R"("double")", "\6"), "3");
  EXPECT_EQ(read(R"("float")", R"("double")", "\0\0\x20\x40"s), "2.5");
  EXPECT_EQ(read(R"("string")", R"("bytes")", "\2a"), "a");
  EXPECT_EQ(read(R"("bytes")", R"("string")", "\2a"), "a");
  EXPECT_THAT(read(R"("long")", R"("int")", "\6"), HasSubstr("`x`: long is no int"));
  EXPECT_THAT(read(R"("double")", R"("float")", "\6"), HasSubstr("`x`: double is no float"));
  EXPECT_THAT(read(R"("int")", R"("string")", "\6"), HasSubstr("`x`: int is no string"));
}

TEST(AvroResolve, Unions) {
  using namespace std::string_literals;
  EXPECT_EQ(read(R"("int")", R"(["null","long"])", "\6"), "3");
  EXPECT_EQ(read(R"(["null","int"])", R"(["long","null"])", "\2\6"), "3");
  EXPECT_EQ(read(R"(["null","int"])", R"("int")", "\2\6"), "3");
  EXPECT_EQ(read(R"(["null","int"])", R"("int")", "\0"s),
            "[null, int] expected at byte 1 of the datum, and found: null, which int cannot hold");
  EXPECT_EQ(read(R"(["int","string"])", R"("string")", "\2\2a"), "a");
  EXPECT_THAT(read(R"(["int","string"])", R"("string")", "\0\2"s), HasSubstr("int, which string cannot hold"));
  EXPECT_EQ(read(R"("int")", R"(["string","double"])", "\6"), "{string: NULL, double: 3}");
  EXPECT_EQ(read(R"(["null","int","string"])", R"(["null","string","long"])", "\2\6"), "{string: NULL, long: 3}");
  EXPECT_EQ(read(R"(["null","int","string"])", R"(["null","string","long"])", "\0"s), "NULL");
  EXPECT_THAT(read(R"(["int","boolean"])", R"("string")", "\0"s), HasSubstr("[int, boolean] is no string"));
}

TEST(AvroResolve, RecordsByNameAliasAndDefault) {
  const std::string writer = record(
      R"({"name":"a","type":"int"},{"name":"b","type":"string"},{"name":"old","type":"long"},{"name":"l","type":{"type":"array","items":"int"}})");
  const std::string bytes = "\2\2x\6\2\2" + std::string(1, '\0');
  EXPECT_EQ(
      Reading(
          writer,
          record(
              R"({"name":"new","aliases":["old"],"type":"long"},{"name":"a","type":"long"},{"name":"d","type":["null","string"],"default":null},{"name":"e","type":{"type":"array","items":"int"},"default":[1,2]})"))
          .row(bytes),
      "3|1|NULL|[1, 2]");
  EXPECT_THAT(Reading(writer, record(R"({"name":"q","type":"int"},{"name":"b","type":"int"})")).row(bytes),
              HasSubstr("`b`: string is no int; `q`: the writer has no such field, and it has no default"));
  // A name that both have is not taken by an alias as well.
  EXPECT_EQ(Reading(record(R"({"name":"a","type":"int"},{"name":"b","type":"int"})"),
                    record(R"({"name":"b","aliases":["a"],"type":"int"})"))
                .row("\2\4"),
            "2");
  // Names of records matter only where a union has to choose.
  EXPECT_EQ(
      Reading(R"({"type":"record","name":"w","fields":[{"name":"x","type":"int"}]})", field(R"("int")")).row("\6"),
      "3");
}

TEST(AvroResolve, EnumsFixedDecimalsAndTimes) {
  const std::string abc = R"({"type":"enum","name":"e","symbols":["A","B","C"]})";
  EXPECT_EQ(read(abc, R"({"type":"enum","name":"e","symbols":["C","A"]})", "\4"), "C");
  EXPECT_THAT(read(abc, R"({"type":"enum","name":"e","symbols":["C","A"]})", "\2"),
              HasSubstr("symbol 1 is none of the reader's"));
  EXPECT_EQ(read(abc, R"({"type":"enum","name":"e","symbols":["C","A"],"default":"A"})", "\2"), "A");
  EXPECT_THAT(read(R"({"type":"fixed","name":"f","size":2})", R"({"type":"fixed","name":"f","size":3})", "ab"),
              HasSubstr("fixed(2) is no fixed(3)"));
  const auto decimal = [](int precision, int scale) {
    return R"({"type":"bytes","logicalType":"decimal","precision":)" + std::to_string(precision) + R"(,"scale":)" +
           std::to_string(scale) + "}";
  };
  EXPECT_EQ(read(decimal(4, 2), decimal(6, 2), "\2\7"), "0.07");
  EXPECT_THAT(read(decimal(4, 2), decimal(6, 3), "\2\7"), HasSubstr("is no bytes (decimal(6,3))"));
  const auto time = [](const std::string& name) { return R"({"type":"long","logicalType":")" + name + "\"}"; };
  EXPECT_EQ(read(time("timestamp-millis"), time("timestamp-micros"), long_bytes(1500)), "1970-01-01 00:00:01.500000Z");
  EXPECT_THAT(read(time("timestamp-millis"), time("timestamp-micros"), long_bytes(INT64_MAX)),
              HasSubstr("is too far from 1970 for a finer unit"));
  EXPECT_THAT(read(time("timestamp-micros"), time("timestamp-millis"), "\2"),
              HasSubstr("is no long (timestamp-millis)"));
  EXPECT_THAT(read(time("timestamp-micros"), time("local-timestamp-micros"), "\2"), HasSubstr("is no"));
  EXPECT_EQ(read(time("timestamp-micros"), R"("long")", "\2"), "1");
  EXPECT_EQ(read(R"("long")", time("timestamp-micros"), "\2"), "1970-01-01 00:00:00.000001Z");
}

Rows rows_of(const std::shared_ptr<arrow::Schema>& columns, const std::string& json) {
  auto all = arrow::json::ArrayFromJSONString(arrow::struct_(columns->fields()), json);
  EXPECT_TRUE(all.ok()) << all.status().ToString();
  return arrow::RecordBatch::FromStructArray(*all, arrow::default_memory_pool())
      .ValueOrDie()
      ->ReplaceSchema(columns)
      .ValueOrDie();
}

TEST(AvroEncode, RowsComeBack) {
  const auto decimal = arrow::decimal128(38, 2);
  const auto columns =
      arrow::schema({arrow::field("b", arrow::boolean()), arrow::field("i", arrow::int8()),
                     arrow::field("u", arrow::uint64()), arrow::field("f", arrow::float32()),
                     arrow::field("s", arrow::large_utf8(), false), arrow::field("y", arrow::binary()),
                     arrow::field("d", decimal), arrow::field("t", arrow::time32(arrow::TimeUnit::MILLI)),
                     arrow::field("l", arrow::list(arrow::struct_({arrow::field("a", arrow::int32()),
                                                                   arrow::field("b", arrow::list(arrow::utf8()))}))),
                     arrow::field("m", arrow::map(arrow::utf8(), arrow::int64())), arrow::field("n", arrow::null())});
  const Rows all = rows_of(columns, R"([
    {"b":true,"i":-1,"u":18446744073709551615,"f":1.5,"s":"x","y":"\u0001","d":"-123456789012345678901234567890123456.78","t":5,"l":[{"a":1,"b":["p",null]},null,{"a":null,"b":null}],"m":[["k",1],["l",null]],"n":null},
    {"b":null,"i":null,"u":null,"f":null,"s":"","y":null,"d":null,"t":null,"l":null,"m":null,"n":null},
    {"b":false,"i":127,"u":0,"f":-0.0,"s":"üñ","y":"","d":"0.00","t":0,"l":[],"m":[],"n":null}])");
  // A slice, since what lies before it must not be seen.
  for (const Rows& rows : {all, all->Slice(1), all->Slice(2, 1), all->Slice(0, 0)}) {
    const auto made = schema_of(*columns, "r");
    ASSERT_TRUE(made) << made.error().text();
    auto encoder = DatumEncoder::make(*made, *columns);
    ASSERT_TRUE(encoder) << encoder.error().text();
    std::string bytes = "before";
    std::vector<size_t> ends;
    const auto refused = encoder->encode(*rows, "", bytes, ends);
    ASSERT_TRUE(refused) << refused.error().text();
    ASSERT_TRUE(refused->empty()) << (*refused)[0].reason;
    ASSERT_EQ(ends.size(), static_cast<size_t>(rows->num_rows()));
    const auto layout = layout_of(*made);
    const auto program = resolve(*made, *layout);
    ASSERT_TRUE(program);
    DatumDecoder decoder(*layout);
    size_t at = 6;
    for (const size_t end : ends) {
      const auto size = decoder.add(**program, as_bytes(std::string_view(bytes).substr(at, end - at)));
      ASSERT_TRUE(size) << decoder.refusal().reason;
      ASSERT_EQ(*size, end - at);
      at = end;
    }
    const Rows again = decoder.finish();
    ASSERT_TRUE(again->ValidateFull().ok());
    for (int i = 0; i < rows->num_columns(); ++i) {
      for (int64_t row = 0; row < rows->num_rows(); ++row)
        EXPECT_EQ(value_text(*again->column(i), row), value_text(*rows->column(i), row)) << columns->field(i)->name();
    }
  }
}

TEST(AvroEncode, RefusalsCostTheirRowsOnly) {
  const auto columns = arrow::schema(
      {arrow::field("x", arrow::utf8()), arrow::field("y", arrow::utf8()), arrow::field("z", arrow::binary())});
  const SchemaPtr writer = schema(record(
      R"({"name":"x","type":"long"},{"name":"y","type":["null",{"type":"enum","name":"e","symbols":["A"]}]},{"name":"z","type":["null",{"type":"fixed","name":"f","size":2}]},{"name":"w","type":"int","default":7})"));
  auto encoder = DatumEncoder::make(writer, *columns);
  ASSERT_TRUE(encoder) << encoder.error().text();
  const Rows rows = rows_of(
      columns,
      R"([{"x":"1","y":"A","z":"ab"},{"x":"one","y":"A","z":"ab"},{"x":null,"y":"A","z":null},{"x":"2","y":"B","z":null},{"x":"3","y":null,"z":"abc"},{"x":"4","y":null,"z":null}])");
  std::string bytes;
  std::vector<size_t> ends;
  const auto refused = encoder->encode(*rows, "#", bytes, ends);
  ASSERT_TRUE(refused);
  EXPECT_EQ(ends, (std::vector<size_t>{8, 8, 8, 8, 8, 13}));
  EXPECT_EQ(bytes, std::string("#\2\2\0\2ab\x0e#\x08\0\0\x0e", 13));
  std::string text;
  for (const RowRefusal& refusal : *refused)
    text += std::to_string(refusal.row) + " " + refusal.column + ": " + refusal.reason + "\n";
  EXPECT_EQ(text,
            "1 x: no int64: one\n2 x: NULL, where the schema has no null\n3 y: `B` is no symbol of the schema's enum\n"
            "4 z: 3 bytes, where the schema has 2\n");
}

TEST(AvroEncode, SchemasThatRowsCannotFillAreRefused) {
  const auto columns = arrow::schema({arrow::field("x", arrow::date32())});
  EXPECT_THAT(DatumEncoder::make(schema(field(R"("int")")), *columns).error().text(),
              HasSubstr("column `x` is date, which cannot be written as int"));
  EXPECT_THAT(DatumEncoder::make(schema(record(R"({"name":"y","type":"int"})")), *columns).error().text(),
              HasSubstr("no column for `y`"));
  EXPECT_THAT(DatumEncoder::make(schema(R"("int")"), *columns).error().text(),
              HasSubstr("rows are written as records, not as int"));
}

}  // namespace
}  // namespace trommel::avro
