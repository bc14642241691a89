#include <gtest/gtest.h>

#include "config/pipeline.h"

namespace trommel {
namespace {

const Variables none = [](const std::string&) { return std::nullopt; };
const Variables some = [](const std::string& name) -> std::optional<std::string> {
  if (name == "HOST") return "db.example";
  if (name == "EMPTY") return "";
  if (name == "NESTED") return "${HOST}";
  if (name == "DB_PASSWORD") return "hunter2";
  return std::nullopt;
};

Node parsed(std::string_view text, const Variables& variables = none) {
  Problems problems;
  Node node = parse_yaml(text, "f.yaml", variables, problems);
  EXPECT_EQ(problems.text(), "") << text;
  return node;
}

std::string mistakes(std::string_view text, const Variables& variables = none) {
  Problems problems;
  parse_yaml(text, "f.yaml", variables, problems);
  return problems.text();
}

std::string value(std::string_view text, const Variables& variables = some) {
  const Node node = parsed("a: " + std::string(text), variables);
  return node.find("a")->scalar;
}

TEST(Yaml, EveryValueKnowsItsPlace) {
  const Node root = parsed("a: 1\nb:\n  - x\n  - {c: y}\nü: ö\n");
  EXPECT_EQ(root.find("a")->place.text(), "f.yaml:1:4");
  EXPECT_EQ(root.entries[1].place.text(), "f.yaml:2:1");
  EXPECT_EQ(root.find("b")->items[0].place.text(), "f.yaml:3:5");
  EXPECT_EQ(root.find("b")->items[1].find("c")->place.text(), "f.yaml:4:9");
  EXPECT_EQ(root.find("ü")->place.text(), "f.yaml:5:4");
}

TEST(Yaml, TellsTextFromNothing) {
  const Node root = parsed("a:\nb: ~\nc: null\nd: ''\ne: \"null\"\nf: |\n  text\n");
  for (const char* name : {"a", "b", "c"}) EXPECT_TRUE(root.find(name)->is_null()) << name;
  for (const char* name : {"d", "e", "f"}) EXPECT_TRUE(root.find(name)->is_scalar() && root.find(name)->quoted) << name;
  EXPECT_EQ(root.find("f")->scalar, "text\n");
  EXPECT_TRUE(parsed("").is_null());
  EXPECT_TRUE(parsed("# only a comment\n").is_null());
}

TEST(Yaml, ReadsWindowsFilesWithMarkAndLineEnds) {
  const Node root = parsed(
      "\xEF\xBB\xBF"
      "a: 1\r\nb: two\r\n");
  EXPECT_EQ(root.find("b")->scalar, "two");
  EXPECT_EQ(root.find("b")->place.text(), "f.yaml:2:4");
}

TEST(Yaml, RefusesDoubleKeys) {
  EXPECT_EQ(mistakes("a: 1\nb: 2\na: 3\n"), "f.yaml:3:1: `a` is written twice (first at line 1)\n");
  EXPECT_EQ(mistakes("x: {b: 1, b: 2}\n"), "f.yaml:1:11: `b` is written twice (first at line 1)\n");
}

TEST(Yaml, ResolvesAliasesAndMerges) {
  const Node root = parsed("base: &b {x: 1, y: 2}\nmore: &m {z: 3}\nuse: {<<: [*b, *m], y: 9}\nsame: *b\n");
  const Node& use = *root.find("use");
  EXPECT_EQ(use.find("x")->scalar, "1");
  EXPECT_EQ(use.find("y")->scalar, "9");
  EXPECT_EQ(use.find("z")->scalar, "3");
  EXPECT_EQ(use.find("<<"), nullptr);
  EXPECT_EQ(root.find("same")->place.line, 1);
  EXPECT_EQ(mistakes("a: {<<: 3}\n"), "f.yaml:1:9: `<<` must be a map or a list of maps, not text\n");
  EXPECT_EQ(mistakes("a: &a [*a]\n"), "f.yaml:1:8: an alias stands inside what it names\n");
}

TEST(Yaml, HoldsLimits) {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 0; j < 9; ++j) laughs += ", " + last;
    laughs += "]\n";
  }
  EXPECT_EQ(mistakes(laughs), "f.yaml:6:10: more than 200000 values, aliases unfolded\n");

  std::string deep;
  for (int i = 0; i < 150; ++i) deep += "[";
  for (int i = 0; i < 150; ++i) deep += "]";
  EXPECT_EQ(mistakes(deep), "f.yaml:1:101: nested deeper than 100 levels\n");

  std::string ladder = "a0: &a0 [x]\n";
  for (int i = 1; i < 150; ++i)
    ladder += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  EXPECT_NE(mistakes(ladder).find("nested deeper than 100 levels"), std::string::npos) << mistakes(ladder);

  const std::string big(1 << 20, 'x');
  std::string heavy = "a: &a " + big + "\nb: [";
  for (int i = 0; i < 100; ++i) heavy += "*a, ";
  EXPECT_NE(mistakes(heavy + "]\n").find("more than 64 MiB of text"), std::string::npos);
}

TEST(Yaml, FillsVariablesIn) {
  EXPECT_EQ(value("${HOST}"), "db.example");
  EXPECT_EQ(value("x${HOST}y${HOST}"), "xdb.exampleydb.example");
  EXPECT_EQ(value("${NONE:duckdb:students.duckdb}"), "duckdb:students.duckdb");
  EXPECT_EQ(value("${NONE:}"), "");
  EXPECT_EQ(value("${NONE:${HOST}}"), "db.example");
  EXPECT_EQ(value("${EMPTY:other}"), "");
  EXPECT_EQ(value("${NESTED}"), "${HOST}");
  EXPECT_EQ(value("$${HOST}"), "${HOST}");
  EXPECT_EQ(value("'${NONE:a \"b\" c}'"), "a \"b\" c");
  EXPECT_EQ(value("\"${NONE:a} \\\"${HOST}\\\"\""), "a \"db.example\"");
  EXPECT_EQ(value("${NONE:a, b: {c} # d}"), "a, b: {c} # d");
  EXPECT_EQ(value("costs $5 {each}"), "costs $5 {each}");
}

TEST(Yaml, VariablesNeedNoQuotesInFlowMaps) {
  const Node root = parsed("p: { port: ${PORT:80}, list: [ ${A:x}, '${B:y}' ] }\n");
  EXPECT_EQ(root.find("p")->find("port")->scalar, "80");
  EXPECT_EQ(root.find("p")->find("list")->items[0].scalar, "x");
  EXPECT_EQ(root.find("p")->find("list")->items[1].scalar, "y");
}

TEST(Yaml, VariablesStandInTextOfManyLines) {
  EXPECT_EQ(value("\"x\n  ${A:{1}, [2]: #3} ' y\""), "x {1}, [2]: #3 ' y");
  EXPECT_EQ(value("|\n  x\n  ${A:{1}, [2]: #3}\n"), "x\n{1}, [2]: #3\n");
  EXPECT_EQ(value(">-\n  it's ${HOST}\n  \\x"), "it's db.example \\x");
}

TEST(Yaml, SaysWhichVariableIsMissing) {
  EXPECT_EQ(mistakes("a: ${WAREHOUSE}\n"),
            "f.yaml:1:4: variable `WAREHOUSE` is not set (set it, or write ${WAREHOUSE:default})\n");
  EXPECT_EQ(mistakes("a: ${a b}\n"),
            "f.yaml:1:4: `${a b}` names no variable (letters, digits and _; write $${ for a literal ${)\n");
  EXPECT_EQ(mistakes("a: 'x ${HOST'\n"), "f.yaml:1:4: `${` is not closed (write $${ for a literal ${)\n");
}

TEST(Yaml, AMissingVariableIsToldOnce) {
  Problems problems;
  const Node root = parse_yaml("a: ${NONE}\nb: x${NONE:y}\n", "f.yaml", none, problems);
  EXPECT_EQ(problems.size(), 1U);
  EXPECT_TRUE(root.find("a")->unknown);
  EXPECT_FALSE(root.find("b")->unknown);
  bool value = true;
  Reads<bool>::read(*root.find("a"), "a", value, problems);
  EXPECT_EQ(problems.size(), 1U);
}

TEST(Yaml, MarksSecrets) {
  const Node root = parsed(
      "url: mysql://root:hunter2@host/db\npassword: hunter2\napi_key: k\ntokenizer: plain\nkey: plain\n"
      "aws: { secret_access_key: s }\ntext: from ${DB_PASSWORD}\ncredentials: { user: u, pass: p }\n",
      some);
  EXPECT_EQ(root.find("url")->shown(), "mysql://root:***@host/db");
  EXPECT_EQ(root.find("password")->shown(), "***");
  EXPECT_EQ(root.find("api_key")->shown(), "***");
  EXPECT_EQ(root.find("tokenizer")->shown(), "plain");
  EXPECT_EQ(root.find("key")->shown(), "plain");
  EXPECT_EQ(root.find("aws")->find("secret_access_key")->shown(), "***");
  EXPECT_EQ(root.find("text")->shown(), "***");
  EXPECT_EQ(root.find("text")->scalar, "from hunter2");
  EXPECT_EQ(root.find("credentials")->find("pass")->shown(), "***");
}

TEST(Yaml, SaysWhereItIsNotYaml) {
  EXPECT_EQ(mistakes("a:\n\tb: 1\n"), "f.yaml:2:1: a tab indents this line (YAML indents with blanks)\n");
  EXPECT_EQ(mistakes("a: [1, 2\nb: 3\n").substr(0, 9), "f.yaml:2:") << mistakes("a: [1, 2\nb: 3\n");
  EXPECT_EQ(mistakes("a: 1\n---\nb: 2\n"),
            "f.yaml:2:1: a second document begins here (one file holds one document; take the `---` out)\n");
  EXPECT_EQ(mistakes("a: \"\xFF\"\n"), "f.yaml:1:5: the file is not UTF-8 here\n");
  EXPECT_EQ(mistakes(std::string("a: \0\n", 6)),
            "f.yaml:1:4: a control character stands here, byte 0 (write it as an escape in double quotes)\n");
  EXPECT_EQ(mistakes("a: !rm x\n"), "f.yaml:1:4: unknown tag `!rm` (take it out)\n");
  EXPECT_EQ(mistakes("[a]: x\nb: y\n"), "f.yaml:1:1: a key must be text, not a list\n");
}

}  // namespace
}  // namespace trommel
