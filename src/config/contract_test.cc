#include "config/contract.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include "config/avro_contract.h"
#include "config/pipeline.h"
#include "config/yaml_text.h"

namespace trommel {
namespace {

const Variables none = [](const std::string&) { return std::nullopt; };

Contract contract_of(std::string_view text, std::string* mistakes = nullptr) {
  Problems problems;
  const Node node = parse_yaml(text, "c.yaml", none, problems);
  Contract contract = parse_contract(node, problems);
  if (mistakes != nullptr) {
    *mistakes = problems.text();
  } else {
    EXPECT_EQ(problems.text(), "") << text;
  }
  return contract;
}

std::string mistakes_of(std::string_view text) {
  std::string mistakes;
  contract_of(text, &mistakes);
  return mistakes;
}

TEST(Contract, ThreeFormsMeanTheSame) {
  const std::string expected = "school: string\nage: int32 not null\n";
  for (const char* text :
       {"school: VARCHAR(10)\nage: INTEGER NOT NULL\n",
        "columns:\n  school: VARCHAR(10)\n  age: { type: int, required: true }\n",
        "columns:\n  - { name: school, type: VARCHAR(10) }\n  - { name: age, type: integer not null }\n",
        "table: [ { name: school, type: VARCHAR(10) }, { name: age, type: int32, required: yes } ]\n",
        "student_data:\n  - name: school\n    type: VARCHAR(10)\n  - name: age\n    type: INTEGER NOT NULL\n"}) {
    const Contract contract = contract_of(text);
    EXPECT_EQ(schema_text(*contract_schema(contract)), expected) << text;
    EXPECT_EQ(contract.columns[0].rules.max_length, 10) << text;
  }
  EXPECT_EQ(contract_of("student_data: [ { name: a, type: int } ]").name, "student_data");
  EXPECT_EQ(contract_of("table: [ { name: a, type: int } ]").name, "");
}

TEST(Contract, LongFormSaysEverything) {
  const Contract contract = contract_of(
      "table: flights\nnulls: [NA, '']\nextra: drop\nmissing: null\nreordered: fail\n"
      "columns:\n"
      "  price: { type: 'decimal(10,2)', min: 0, max: 99.5, nulls: '-' }\n"
      "  code: { type: text, pattern: '[A-Z]{3}', allowed: [ABC, DEF], min_length: 3, max_length: 3, doc: the code }\n"
      "  day: { type: date, format: '%d.%m.%Y', sql: day > '2000-01-01' }\n"
      "  rest: {}\n");
  EXPECT_EQ(contract.name, "flights");
  EXPECT_EQ(contract.nulls, (std::vector<std::string>{"NA", ""}));
  EXPECT_EQ(contract.extra, ExtraColumns::drop);
  EXPECT_EQ(contract.missing, MissingColumns::null);
  EXPECT_EQ(contract.reordered, ReorderedColumns::fail);
  EXPECT_EQ(contract.columns[0].rules.max, "99.5");
  EXPECT_EQ(contract.columns[0].nulls, std::vector<std::string>{"-"});
  EXPECT_EQ(contract.columns[1].rules.allowed.size(), 2U);
  EXPECT_EQ(contract.columns[2].format, "%d.%m.%Y");
  EXPECT_FALSE(contract.columns[3].type);
}

TEST(Contract, ReportsEveryMistake) {
  EXPECT_EQ(mistakes_of("columns:\n  a: { type: int8, min: 5, max: 200 }\n  b: VARCHRA(10)\n  c: { type: date, min: "
                        "31.12.2000, patern: x }\n  A_: text\n"
                        "  d: { type: text, min_length: 5, max_length: 3 }\n  e: [x]\nextra: drp\nnull: [NA]\n"),
            "c.yaml:2:33: `max` of `a` is no int8: `200`\n"
            "c.yaml:3:6: type of `b`: `VARCHRA(10)` is no type: nothing is called that (did you mean `varchar`?)\n"
            "c.yaml:4:25: `min` of `c` is no date: `31.12.2000`\n"
            "c.yaml:4:37: unknown key `patern` (did you mean `pattern`?)\n"
            "c.yaml:5:3: column `A_` is there twice (`a` is the same name, as case and punctuation do not count)\n"
            "c.yaml:6:32: `min_length` of `d` is greater than its greatest length: 5 > 3\n"
            "c.yaml:7:6: `e` must be a map, not a list (it knows name, type, required, min, max, min_length, "
            "max_length, pattern, allowed, sql, nulls, format, doc)\n"
            "c.yaml:8:8: `extra` must be one of fail, drop, keep, not `drp` (did you mean `drop`?)\n"
            "c.yaml:9:1: unknown key `null` (did you mean `nulls`?)\n");
  EXPECT_EQ(
      mistakes_of("[1, 2]"),
      "c.yaml:1:1: `contract` must be a map of columns, not a list (such as `school: VARCHAR(10)`, a line each)\n");
  EXPECT_EQ(mistakes_of("columns: []\n"), "c.yaml:1:10: the contract has no columns\n");
  EXPECT_EQ(mistakes_of("columns: [{type: int}]\n"),
            "c.yaml:1:11: a column of the list needs `name` (such as { name: school, type: VARCHAR(10) })\n");
}

TEST(Contract, TextReadsBack) {
  const Contract before = contract_of(
      "table: 'the table: x'\nnulls: [NA, '', '~']\nextra: keep\nmissing: 'null'\nreordered: fail\n"
      "columns:\n"
      "  \"a: b\": { type: 'decimal(10,2)', min: 0, max: 99.5, nulls: '-', required: true }\n"
      "  code: { type: VARCHAR(3) NOT NULL, pattern: '\\d{3}\"', allowed: ['1', 'null', '{}'], doc: 'it''s # the "
      "$${code}' }\n"
      "  at: 'timestamp(us, UTC)'\n  l: 'list<struct<x: int32, y: string>>'\n  rest: {}\n"
      "  'null': text\n  '1': int\n");
  const std::string text = contract_text(before);
  const Contract after = contract_of(text);
  EXPECT_EQ(contract_text(after), text);
  EXPECT_EQ(schema_text(*contract_schema(after)), schema_text(*contract_schema(before)));
  EXPECT_EQ(after.nulls, before.nulls);
  EXPECT_EQ(after.columns[1].rules.allowed, before.columns[1].rules.allowed);
  EXPECT_EQ(after.columns[1].doc, "it's # the ${code}");
  EXPECT_EQ(after.columns[1].rules.max_length, 3);
  EXPECT_EQ(after.columns[6].name, "1");
}

TEST(Contract, AnAvroSchemaIsOne) {
  Problems problems;
  const Contract contract = parse_avro_contract(
      R"({"type":"record","name":"games.round","fields":[
{"name":"id","type":"long","doc":"of the round"},
{"name":"amount","type":["null","double"],"default":null},
{"name":"kind","type":{"type":"enum","name":"kind","symbols":["SLOT","TABLE"]}}]})",
      "c.avsc", problems);
  EXPECT_EQ(problems.text(), "");
  EXPECT_EQ(contract.name, "round");
  EXPECT_EQ(schema_text(*contract_schema(contract)), "id: int64 not null\namount: double\nkind: string not null\n");
  EXPECT_EQ(contract.columns[0].doc, "of the round");
  EXPECT_EQ(contract.columns[1].place.text(), "c.avsc:3:9");
  EXPECT_EQ(contract.columns[2].rules.allowed, (std::vector<std::string>{"SLOT", "TABLE"}));
  EXPECT_TRUE(contract.avro);
  // Its YAML is the same contract.
  EXPECT_EQ(schema_text(*contract_schema(contract_of(contract_text(contract)))),
            schema_text(*contract_schema(contract)));
}

TEST(Contract, NamesMatchIgnoringCaseAndPunctuation) {
  EXPECT_EQ(name_key("Dep_Time"), "deptime");
  EXPECT_EQ(name_key("dep-time (local)"), "deptimelocal");
  EXPECT_EQ(name_key("Größe"), name_key("GRÖßE"));
  EXPECT_EQ(name_key("Дата Рейса"), name_key("дата_рейса"));
  EXPECT_EQ(name_key("„Preis“ –\u00a0€"), "preis");
  EXPECT_NE(name_key("%"), name_key("#"));
  EXPECT_EQ(contract_of("dep_time: int").find("Dep Time")->name, "dep_time");
  EXPECT_EQ(contract_of("dep_time: int").find("arr_time"), nullptr);
}

}  // namespace
}  // namespace trommel
