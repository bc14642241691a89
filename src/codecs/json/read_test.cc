#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codecs/json/testing.h"
#include "config/contract.h"

namespace trommel::json {
namespace {

using csv::Collected;
using csv::ReadText;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> codes(const Collected& out) {
  std::vector<std::string> all;
  for (const auto& reject : out.rejects) all.push_back(fmt::format("{} {}: {}", reject.code, reject.line, reject.raw));
  return all;
}

/// Reads with blocks and pieces of many sizes, and holds each to what one block says.
ReadText read(const std::string& text, csv::ReadOptions options = reading()) {
  ReadText whole(text, options);
  for (const int64_t block_bytes : {1, 2, 3, 5, 8, 13, 30, 100}) {
    options.block_bytes = block_bytes;
    options.step = 1 + static_cast<size_t>(block_bytes) % 7;
    ReadText parts(text, options);
    EXPECT_EQ(parts.out.rows, whole.out.rows) << block_bytes << ": " << text;
    EXPECT_EQ(parts.out.rejects, whole.out.rejects) << block_bytes << ": " << text;
    EXPECT_EQ(parts.out.records, whole.out.records) << block_bytes << ": " << text;
  }
  EXPECT_EQ(whole.out.records,
            static_cast<int64_t>(whole.out.rows.size() + whole.out.rejects.size() + whole.out.misfits.size()))
      << text;
  return whole;
}

TEST(ReadJson, EveryLayoutGivesTheSameRows) {
  const std::vector<std::string> expected = {"1|ä|[1, NULL]|{a: 1.5, b: x}", "2|~|[]|~", "~|b|~|~"};
  for (const std::string text :
       {R"({"id": 1, "s": "ä", "l": [1, null], "o": {"a": 1.5, "b": "x"}}
{"s": null, "id": 2, "l": []}
{"s": "b"})",
        R"([{"id": 1, "s": "ä", "l": [1, null], "o": {"a": 1.5, "b": "x"}},{"s":null,"id":2,"l":[]} , {"s":"b"}])",
        R"(
[
  { "id": 1, "s": "ä",
    "l": [1, null],
    "o": {"a": 1.5, "b": "x"}
  },
  {"s": null, "id": 2, "l": []},
  {"s": "b"}
]
)",
        R"({ "id": 1, "s": "ä",
  "l": [1, null], "o": {"a": 1.5, "b": "x"} }
{"s": null, "id": 2,
  "l": []} {"s": "b"})"}) {
    const ReadText got = read(text);
    EXPECT_EQ(got.schema(), "id: int64, s: string, l: list<item: int64>, o: struct<a: double, b: string>") << text;
    EXPECT_EQ(got.out.list(), expected) << text;
    EXPECT_THAT(got.out.rejects, IsEmpty());
  }
}

TEST(ReadJson, TypesAreThoseOfTheValues) {
  const ReadText got = read(
      R"({"i": 1, "d": 1.5, "b": true, "day": "2024-01-31", "at": "2024-01-31T10:00:00Z", "t": "10:00:00", "s": "007", "n": null, "big": 123456789012345678901}
{"i": -5, "d": 1e3, "b": false, "day": "2024-02-01", "at": "2024-01-31T10:00:00.5Z", "t": "10:00:01", "s": "8", "n": null, "big": 1}
)");
  EXPECT_EQ(got.schema(),
            "i: int64, d: double, b: bool, day: date32[day], at: timestamp[us, tz=UTC], t: time64[us], s: string, "
            "n: null, big: decimal128(38, 0)");
  EXPECT_EQ(got.out.list()[0].substr(0, 20), "1|1.5|true|2024-01-3");
}

TEST(ReadJson, WhatDiffersInKindIsText) {
  const ReadText got = read(R"({"a": 1, "b": {"x": [1, 2]}, "c": "2024-01-01", "d": true, "e": {}}
{"a": "x", "b": "s", "c": 5, "d": 0, "e": {}}
)");
  EXPECT_EQ(got.schema(), "a: string, b: string, c: string, d: string, e: string");
  EXPECT_THAT(got.out.list(), ElementsAre(R"(1|{"x":[1,2]}|2024-01-01|true|{})", "x|s|5|0|{}"));
  EXPECT_THAT(got.notes(), HasSubstr("b: JSON text, since its values are of several kinds"));
}

TEST(ReadJson, EscapesAreUndone) {
  const ReadText got =
      read(R"({"a": "q\"b\\s\/n\nt\tu\u00e4s\ud834\udd1e", "k\u00e4y": {"x\"": "y\\", "z": ["\u0041"]}})"
           "\n");
  EXPECT_EQ(got.schema(), "a: string, käy: struct<x\": string, z: list<item: string>>");
  EXPECT_EQ(got.out.list()[0], "q\"b\\s/n\nt\tuäs𝄞|{x\": y\\, z: [A]}");
}

TEST(ReadJson, ABrokenLineIsOneRejectWithItsBytes) {
  const ReadText got = read(
      "{\"a\": 1}\n{\"a\": 2\n\n{\"a\": 3,}\n{\"a\" 4}\n{a: 5}\n[6]\n7\n{\"a\": 8} x\n{\"a\": 01}\n{\"a\": \"\x01\"}\n"
      "{\"a\": \"\\x\"}\n{\"a\": 1, \"a\": 2}\r\n{\"a\": \"\\ud800\"}\n{\"a\": \"\\u0000\"}\n{\"a\": "
      "\"\xff\"}\n{\"a\": 9}");
  EXPECT_THAT(got.out.list(), ElementsAre("1", "9"));
  EXPECT_THAT(
      codes(got.out),
      ElementsAre("json 2: {\"a\": 2", "json 4: {\"a\": 3,}", "json 5: {\"a\" 4}", "json 6: {a: 5}", "json 7: [6]",
                  "json 8: 7", "json 9: {\"a\": 8} x", "json 10: {\"a\": 01}", "json 11: {\"a\": \"\x01\"}",
                  "json 12: {\"a\": \"\\x\"}", "json 13: {\"a\": 1, \"a\": 2}", "encoding 14: {\"a\": \"\\ud800\"}",
                  "nul 15: {\"a\": \"\\u0000\"}", "encoding 16: {\"a\": \"\xff\"}"));
}

TEST(ReadJson, WhatARefusedRecordHeldDoesNotStay) {
  EXPECT_THAT(read("{\"a\": 1, \"b\": 2}\n{\"a\": 3, \"b\": 4,}\n{\"a\": 5}\n{\"b\": 6}\n").out.list(),
              ElementsAre("1|2", "5|~", "~|6"));
}

TEST(ReadJson, ABrokenObjectOfAnArrayIsOneReject) {
  const ReadText got =
      read("[{\"a\": 1},\n {\"a\": 2,, \"b\": [3]}, oops, \"s,t\",\n {\"a\": \"no quote},\n {\"a\": 4}]\n");
  EXPECT_THAT(got.out.list(), ElementsAre("1"));
  EXPECT_THAT(codes(got.out), ElementsAre("json 2: {\"a\": 2,, \"b\": [3]}", "json 2: oops", "json 2: \"s,t\"",
                                          "json 3: {\"a\": \"no quote},\n {\"a\": 4}"));
}

TEST(ReadJson, AnArrayThatIsCutShortIsSaid) {
  ReadText between = read("[{\"a\": 1},\n{\"a\": 2}\n");
  EXPECT_THAT(between.out.list(), ElementsAre("1", "2"));
  EXPECT_THAT(codes(between.out), ElementsAre("truncated 3: "));
  ReadText within = read("[{\"a\": 1},\n{\"a\": 2");
  EXPECT_THAT(codes(within.out), ElementsAre("json 2: {\"a\": 2"));
  EXPECT_THAT(read("[{\"a\": 1}]\n[{\"a\": 2}]\n").out.rejects, IsEmpty()) << "pages of a download";
}

TEST(ReadJson, ALongRecordIsOneRejectAndBounded) {
  csv::ReadOptions options = reading();
  options.settings = csv::setting("max_row", "30");
  const std::string pad(200, 'x');
  for (const bool array : {false, true}) {
    std::string text = array ? "[" : "";
    for (int i = 0; i < 6; ++i) {
      if (i > 0) text += array ? ", " : "\n";
      text += "{\"a\": " + std::to_string(i) + (i % 2 == 1 ? ", \"b\": \"" + pad + "\"}" : "}");
    }
    text += array ? "]" : "\n";
    const ReadText got = read(text, options);
    EXPECT_EQ(got.out.rows.size(), 3U);
    ASSERT_EQ(got.out.rejects.size(), 3U);
    EXPECT_EQ(got.out.rejects[0].code, "row_too_long");
    EXPECT_EQ(got.out.rejects[0].raw.size(), 30U);
  }
}

TEST(ReadJson, ANameThatTheSampleLackedIsAMisfitAndThenAColumn) {
  csv::ReadOptions options = reading();
  options.sample = 20;
  std::string text;
  for (int i = 0; i < 10; ++i) text += "{\"a\": 1}\n";
  text += "{\"a\": 1.5, \"late\": {\"x\": 1}}\n{\"a\": null, \"late\": {\"x\": 2, \"y\": [true]}}\n";
  ReadText got(text, options);
  EXPECT_EQ(got.schema(), "a: int64");
  EXPECT_EQ(got.out.misfits.size(), 2U);
  EXPECT_EQ(got.out.misfits[0].column, "late");
  ASSERT_TRUE(got.file->widen(std::make_unique<csv::TextStream>(text)));
  EXPECT_EQ(got.schema(), "a: double, late: struct<x: int64, y: list<item: bool>>");
  std::vector<int> columns = {0, 1};
  ASSERT_TRUE(got.file->target(got.file->schema(), columns, {}, true));
  got.read_all(text, options);
  EXPECT_THAT(got.out.misfits, IsEmpty());
  EXPECT_EQ(got.out.rows.size(), 12U);
}

TEST(ReadJson, AContractCastsAndRejects) {
  csv::ReadOptions options = reading();
  options.contract =
      contract_of({{"User ID", "int32"}, {"price", "decimal(10,2)"}, {"tags", "list<int32>"}, {"at", "timestamp"}});
  options.sample = 100;  // `colour` comes behind it
  const ReadText got = read(R"({"user_id": "7", "price": 0.10, "tags": [1, 2], "at": "2024-01-01 10:00:00"}
{"user_id": 8, "price": 12345678901.5}
{"user_id": 9, "tags": [1, "x"]}
{"user_id": 10, "tags": 5}
{"user_id": 11, "colour": "red"}
{"user_id": 12, "colour": null}
)",
                            options);
  EXPECT_EQ(got.out.rows.size(), 2U);
  EXPECT_EQ(got.out.list()[0], "7|0.10|[1, 2]|2024-01-01 10:00:00.000000");
  std::vector<std::string> why;
  for (const auto& reject : got.out.rejects) why.push_back(reject.code + " " + reject.column + " " + reject.value);
  EXPECT_THAT(why, ElementsAre("cast price 12345678901.5", "cast tags x", "cast tags 5", "extra_column colour red"));
}

TEST(ReadJson, Utf16AndAMarkAreRead) {
  const ReadText marked = read("\xEF\xBB\xBF[{\"a\": 1},\n{\"a\": 2}]");
  EXPECT_THAT(marked.out.list(), ElementsAre("1", "2"));
  EXPECT_EQ(marked.out.rows.begin()->first, 4);
  std::string wide = "\xFF\xFE";
  for (const char c : std::string("{\"a\": 1}\n{\"a\": 2}\n")) wide += std::string{c, '\0'};
  EXPECT_THAT(read(wide).out.list(), ElementsAre("1", "2"));
}

int recognised(const std::string& text) { return json_format().recognise(csv::sample_of(text)); }

TEST(ReadJson, IsToldFromCsv) {
  EXPECT_GE(recognised("{\"a\": 1}\n"), 80);
  EXPECT_GE(recognised(" [ {\"a\": 1}, {}]"), 80);
  EXPECT_GE(recognised("[]"), 60);
  EXPECT_EQ(recognised("a,b\n1,2\n"), 0);
  EXPECT_LT(recognised("{braces},b\n1,2\n"), 80);
  EXPECT_LT(recognised("[x],b\n1,2\n"), 80);
  EXPECT_EQ(recognised(""), 0);
}

TEST(ReadJson, EmptyFilesHaveNoRows) {
  for (const char* text : {"", "\n\n", "[]", " [ ] \n"}) {
    const ReadText got = read(text);
    EXPECT_EQ(got.schema(), "");
    EXPECT_EQ(got.out.records, 0) << text;
  }
  const ReadText bare = read("{}\n{}\n");
  EXPECT_EQ(bare.out.records, 2);
}

}  // namespace
}  // namespace trommel::json
