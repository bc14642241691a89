#include "batch/types.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace trommel {
namespace {

Type typed(std::string_view text) {
  auto type = parse_type(text);
  EXPECT_TRUE(type) << text << ": " << (type ? "" : type.error().text());
  return type ? type->type : nullptr;
}

TEST(Types, OurSpellingReadsBack) {
  for (const char* text : {"bool",
                           "int8",
                           "int16",
                           "int32",
                           "int64",
                           "uint8",
                           "uint16",
                           "uint32",
                           "uint64",
                           "float",
                           "double",
                           "decimal(18,3)",
                           "decimal(38,0)",
                           "string",
                           "binary",
                           "uuid",
                           "date",
                           "time(ms)",
                           "time(us)",
                           "timestamp(ms)",
                           "timestamp(us)",
                           "timestamp(ms, UTC)",
                           "timestamp(us, UTC)",
                           "timestamp(us, Europe/Berlin)",
                           "timestamp(ns)",
                           "list<int64>",
                           "list<list<string>>",
                           "struct<a: int32, \"b c\": decimal(10,2)>",
                           "map<string, int64>",
                           "map<string, struct<x: list<uuid>>>"}) {
    const Type type = typed(text);
    ASSERT_TRUE(type) << text;
    EXPECT_EQ(type_name(*type), text);
    EXPECT_TRUE(same_type(*typed(type_name(*type)), *type));
  }
}

TEST(Types, SqlSpellingMeansTheSame) {
  const std::vector<std::pair<const char*, const char*>> pairs = {
      {"BOOLEAN", "bool"},
      {"TinyInt", "int8"},
      {"smallint", "int16"},
      {"INTEGER", "int32"},
      {"INT(11)", "int32"},
      {"BIGINT", "int64"},
      {"HUGEINT", "decimal(38,0)"},
      {"UBIGINT", "uint64"},
      {"REAL", "float"},
      {"FLOAT(53)", "double"},
      {"DOUBLE PRECISION", "double"},
      {"double  precision", "double"},
      {"NUMERIC(10,2)", "decimal(10,2)"},
      {"DECIMAL(7)", "decimal(7,0)"},
      {"DECIMAL", "decimal(18,3)"},
      {"TEXT", "string"},
      {"CHARACTER VARYING(20)", "string"},
      {"BYTEA", "binary"},
      {"VARBINARY(16)", "binary"},
      {"TIME", "time(us)"},
      {"TIME(3) WITHOUT TIME ZONE", "time(ms)"},
      {"TIMESTAMP", "timestamp(us)"},
      {"TIMESTAMP(3)", "timestamp(ms)"},
      {"TIMESTAMP_MS", "timestamp(ms)"},
      {"DATETIME", "timestamp(us)"},
      {"TIMESTAMP WITH TIME ZONE", "timestamp(us, UTC)"},
      {"timestamp(3) with time zone", "timestamp(ms, UTC)"},
      {"TIMESTAMPTZ", "timestamp(us, UTC)"},
      {"timestamp(utc)", "timestamp(us, UTC)"},
      {"INTEGER[]", "list<int32>"},
      {"VARCHAR(3)[][]", "list<list<string>>"},
      {"STRUCT(a INTEGER, b VARCHAR[])", "struct<a: int32, b: list<string>>"},
      {"MAP(VARCHAR, BIGINT)", "map<string, int64>"},
  };
  for (const auto& [sql, ours] : pairs) EXPECT_EQ(type_name(*typed(sql)), ours) << sql;
}

TEST(Types, VarcharSaysItsLength) {
  EXPECT_EQ(parse_type("VARCHAR(10)")->max_length, 10);
  EXPECT_EQ(parse_type("char(2)")->max_length, 2);
  EXPECT_EQ(parse_type("VARCHAR")->max_length, std::nullopt);
  EXPECT_EQ(parse_type("VARCHAR(10)[]")->max_length, std::nullopt);
}

TEST(Types, RefusesWhatIsNone) {
  for (const char* text : {"", "varchrar", "VARCHAR(10", "VARCHAR(x)", "VARCHAR(0)", "decimal(39,2)", "decimal(5,6)",
                           "int64 int64", "list", "list<", "list<int64", "map<string>", "struct<>", "struct<a>",
                           "timestamp(10)", "TIME WITH TIME ZONE", "INTEGER[3]", "float(54)"}) {
    EXPECT_FALSE(parse_type(text)) << text;
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "list<";
  EXPECT_FALSE(parse_type(deep));
}

TEST(Types, EveryWordBeginsAType) {
  for (const std::string& word : type_words()) {
    const std::string text = word == "list"     ? "list<int8>"
                             : word == "struct" ? "struct<a: int8>"
                             : word == "map"    ? "map<int8, int8>"
                                                : word;
    EXPECT_TRUE(parse_type(text)) << text;
  }
}

TEST(Types, DuckDbSpellsItsOwn) {
  const std::vector<std::pair<const char*, const char*>> pairs = {
      {"int8", "TINYINT"},
      {"uint32", "UINTEGER"},
      {"float", "FLOAT"},
      {"decimal(10,2)", "DECIMAL(10,2)"},
      {"string", "VARCHAR"},
      {"binary", "BLOB"},
      {"uuid", "UUID"},
      {"time(ms)", "TIME"},
      {"timestamp(ms)", "TIMESTAMP_MS"},
      {"timestamp(us)", "TIMESTAMP"},
      {"timestamp(us, UTC)", "TIMESTAMP WITH TIME ZONE"},
      {"list<list<date>>", "DATE[][]"},
      {"struct<a: int32, \"b c\": bool>", "STRUCT(a INTEGER, \"b c\" BOOLEAN)"},
      {"map<string, double>", "MAP(VARCHAR, DOUBLE)"},
  };
  for (const auto& [ours, duckdb] : pairs) {
    EXPECT_EQ(duckdb_type(*typed(ours)), duckdb);
    EXPECT_TRUE(parse_type(duckdb)) << duckdb;
  }
}

TEST(Types, LayoutInMemoryDoesNotCount) {
  EXPECT_TRUE(same_type(*arrow::large_utf8(), *arrow::utf8()));
  EXPECT_TRUE(same_type(*arrow::dictionary(arrow::int32(), arrow::utf8()), *arrow::utf8()));
  EXPECT_TRUE(same_type(*arrow::list(arrow::field("l", arrow::int64())), *arrow::list(arrow::int64())));
  EXPECT_FALSE(same_type(*arrow::int32(), *arrow::int64()));
  EXPECT_FALSE(same_type(*arrow::timestamp(arrow::TimeUnit::MICRO), *arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")));
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

/// The codes between backticks, with types and numbers in the place of the letters that stand for them.
std::vector<std::string> codes_of(const std::string& cell) {
  std::vector<std::string> codes;
  for (size_t open = cell.find('`'); open != std::string::npos; open = cell.find('`', open)) {
    const size_t close = cell.find('`', open + 1);
    std::string code = cell.substr(open + 1, close - open - 1);
    const std::vector<std::pair<const char*, const char*>> letters = {
        {"(p,s)", "(10,2)"}, {"(n)", "(5)"},    {"1..24", "24"},   {"25..53", "53"},    {"<T>", "<int8>"},
        {"(T)", "(int8)"},   {"T[]", "int8[]"}, {": T", ": int8"}, {": U", ": string"}, {"a T", "a int8"},
        {"b U", "b string"}, {"K,", "string,"}, {" V", " int8"}};
    for (const auto& [letter, type] : letters) code = replaced(code, letter, type);
    codes.push_back(code);
    open = close + 1;
  }
  return codes;
}

TEST(Types, TheGuidesTableIsTrue) {
  const char* source = std::getenv("TROMMEL_SOURCE");
  if (source == nullptr) GTEST_SKIP() << "TROMMEL_SOURCE is not set";
  std::ifstream guide(std::string(source) + "/docs/guide/types.md");
  int rows = 0;
  for (std::string line; std::getline(guide, line);) {
    if (line.starts_with("## ")) break;
    if (!line.starts_with("| `")) continue;
    ++rows;
    std::vector<std::string> cells;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) cells.push_back(cell);
    ASSERT_EQ(cells.size(), 12U) << line;
    const Type type = typed(codes_of(cells[0])[0]);
    for (const std::string& sql : codes_of(cells[1])) {
      if (sql == "HUGEINT" || sql == type_name(*typed("HUGEINT"))) continue;
      EXPECT_TRUE(same_type(*typed(sql), *type)) << sql << " in: " << line;
    }
    EXPECT_EQ(duckdb_type(*type), duckdb_type(*typed(codes_of(cells[5])[0]))) << line;
  }
  EXPECT_EQ(rows, 25);
}

TEST(Types, SchemasAreTold) {
  const Schema schema = make_schema({{"a", arrow::int64(), false}, {"b", arrow::utf8()}});
  EXPECT_EQ(schema_text(*schema), "a: int64 not null\nb: string\n");
  EXPECT_EQ(columns_of(*schema)[0].nullable, false);
}

}  // namespace
}  // namespace trommel
