#include "spec/spec.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "spec/describe.h"

namespace trommel {

enum class Style { snake_case, as_is };
template <>
struct EnumNames<Style> {
  static constexpr EnumName<Style> list[] = {{"snake_case", Style::snake_case}, {"as_is", Style::as_is}};
};

namespace {

struct Rule {
  std::optional<double> min;
  bool required = false;
  static const Spec<Rule>& spec() {
    static const auto spec = Spec<Rule>("rule", "What a column must be")
                                 .field("min", &Rule::min, "least value")
                                 .field("required", &Rule::required, "no nulls");
    return spec;
  }
};

struct Everything {
  Path path;
  std::optional<Style> names;
  bool trim = false;
  int32_t small = 7;
  int64_t limit = 10;
  ByteSize size{64'000};
  Duration wait{10'000'000};
  std::vector<std::string> drop;
  Pairs<std::string> rename;
  Pairs<Rule> rules;
  std::variant<bool, std::string> header = true;
  std::optional<std::string> password;
};

const Spec<Everything>& everything() {
  static const auto spec =
      Spec<Everything>("everything", "One field of each kind")
          .field("path", &Everything::path, "where it is", {.example = "in/*.csv", .required = true})
          .field("names", &Everything::names, "how column names are written")
          .field("trim", &Everything::trim, "take blanks off both ends of text")
          .field("small", &Everything::small, "a number of 32 bits")
          .field("limit", &Everything::limit, "at most so many rows")
          .field("size", &Everything::size, "how much is read at once")
          .field("wait", &Everything::wait, "how long to wait")
          .field("drop", &Everything::drop, "columns to leave out")
          .field("rename", &Everything::rename, "new names by old ones")
          .field("rules", &Everything::rules, "rules by column")
          .field("header", &Everything::header, "whether there is one, or where")
          .field("password", &Everything::password, "what opens it", {.secret = true})
          .scalar_is("path")
          .check([](const Everything& config, const Node& node, Problems& problems) {
            if (config.limit < 0) problems.add(node.place, "`limit` is less than 0");
          });
  return spec;
}

Node scalar(std::string text, int line = 1, int column = 1) {
  Node node;
  node.kind = Node::Kind::scalar;
  node.scalar = std::move(text);
  node.place = {"p.yaml", line, column};
  return node;
}

Node list(std::vector<Node> items) {
  Node node;
  node.kind = Node::Kind::list;
  node.items = std::move(items);
  node.place = {"p.yaml", 1, 1};
  return node;
}

/// Each entry on a line of its own, its value at column 10.
Node map(std::vector<std::pair<std::string, Node>> entries) {
  Node node;
  node.kind = Node::Kind::map;
  node.place = {"p.yaml", 1, 1};
  int line = 0;
  for (auto& [name, value] : entries) {
    value.place = {"p.yaml", ++line, 10};
    node.entries.push_back({name, {"p.yaml", line, 1}, std::move(value)});
  }
  return node;
}

std::string mistakes(const Node& node) {
  Problems problems;
  everything().parse(node, problems);
  return problems.text();
}

TEST(Spec, ReadsEveryKindOfField) {
  Problems problems;
  const Everything config = everything().parse(map({{"path", scalar("a.csv")},
                                                    {"names", scalar("snake_case")},
                                                    {"trim", scalar("yes")},
                                                    {"small", scalar("-3")},
                                                    {"limit", scalar("1_000_000")},
                                                    {"size", scalar("1GiB")},
                                                    {"wait", scalar("1h30m")},
                                                    {"drop", list({scalar("a"), scalar("b")})},
                                                    {"rename", map({{"z", scalar("y")}, {"a", scalar("b")}})},
                                                    {"rules", map({{"price", map({{"min", scalar("0.5")}})}})},
                                                    {"header", scalar("first")}}),
                                               problems);
  EXPECT_EQ(problems.text(), "");
  EXPECT_EQ(config.path.text, "a.csv");
  EXPECT_EQ(config.names, Style::snake_case);
  EXPECT_TRUE(config.trim);
  EXPECT_EQ(config.small, -3);
  EXPECT_EQ(config.limit, 1'000'000);
  EXPECT_EQ(config.size.bytes, int64_t{1} << 30);
  EXPECT_EQ(config.wait.us, int64_t{5400} * 1'000'000);
  EXPECT_EQ(config.drop, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(config.rename.size(), 2U);
  EXPECT_EQ(config.rename[0].key, "z");
  ASSERT_EQ(config.rules.size(), 1U);
  EXPECT_EQ(config.rules[0].value.min, 0.5);
  EXPECT_EQ(std::get<std::string>(config.header), "first");
}

TEST(Spec, BareScalarStandsForItsField) {
  Problems problems;
  const Everything config = everything().parse(scalar("in/*.csv"), problems);
  EXPECT_EQ(problems.text(), "");
  EXPECT_EQ(config.path.text, "in/*.csv");
}

TEST(Spec, BareScalarIsAListOfOne) {
  Problems problems;
  const Everything config = everything().parse(map({{"path", scalar("a")}, {"drop", scalar("x")}}), problems);
  EXPECT_EQ(problems.text(), "");
  EXPECT_EQ(config.drop, std::vector<std::string>{"x"});
}

TEST(Spec, ReportsAllMistakesAtOnceInOrder) {
  EXPECT_EQ(mistakes(map({{"trmi", scalar("true")},
                          {"trim", scalar("maybe")},
                          {"names", scalar("snakecase")},
                          {"small", scalar("4000000000")},
                          {"size", scalar("10 apples")},
                          {"wait", scalar("10")},
                          {"drop", map({})},
                          {"rename", scalar("x")},
                          {"rules", map({{"price", map({{"minimum_value_of_it", scalar("1")}})}})}})),
            "p.yaml:1:1: unknown key `trmi` (did you mean `trim`?)\n"
            "p.yaml:1:1: `everything` needs `path`\n"
            "p.yaml:1:1: unknown key `minimum_value_of_it` (known here: min, required)\n"
            "p.yaml:2:10: `trim` must be true or false, not `maybe`\n"
            "p.yaml:3:10: `names` must be one of snake_case, as_is, not `snakecase` (did you mean `snake_case`?)\n"
            "p.yaml:4:10: `small` must be a whole number of 32 bits, not `4000000000`\n"
            "p.yaml:5:10: `size` must be a number of bytes, not `10 apples` (such as 64KB, 10MB or 1GiB)\n"
            "p.yaml:6:10: `wait` must be a duration with its unit, not `10` (such as 250ms, 10s, 5m, 1h30m or 2d)\n"
            "p.yaml:7:10: `drop` must be a list of text, not a map\n"
            "p.yaml:8:10: `rename` must be a map of name: text, not `x`\n");
}

TEST(Spec, ChecksRunOnlyOnUnderstoodFields) {
  EXPECT_EQ(mistakes(map({{"path", scalar("a")}, {"limit", scalar("-1")}})), "p.yaml:1:1: `limit` is less than 0\n");
  EXPECT_EQ(mistakes(map({{"path", scalar("a")}, {"limit", scalar("-1")}, {"trim", scalar("7")}})),
            "p.yaml:3:10: `trim` must be true or false, not `7`\n");
}

TEST(Spec, SecretsAreNotShown) {
  EXPECT_EQ(mistakes(map({{"path", scalar("a")}, {"password", map({{"hunter2", scalar("hunter2")}})}})),
            "p.yaml:2:10: `password` must be text, not a map\n");
  Node address = scalar("mysql://root:p@ss/w@host:3306/db");
  address.secret = true;
  EXPECT_EQ(address.shown().find("p@ss"), std::string::npos);
  Node token = scalar("abc");
  token.secret = true;
  EXPECT_EQ(token.shown(), "***");
}

TEST(Spec, DefaultsComeFromTheStruct) {
  const SpecInfo& info = everything().info();
  std::map<std::string, std::string> defaults;
  for (const FieldInfo& field : info.fields) defaults[field.name] = field.default_text;
  EXPECT_EQ(defaults["trim"], "false");
  EXPECT_EQ(defaults["size"], "64KB");
  EXPECT_EQ(defaults["wait"], "10s");
  EXPECT_EQ(defaults["header"], "true");
  EXPECT_EQ(defaults["names"], "");
}

TEST(Spec, DescribesItself) {
  const std::string text = describe_text(everything().info());
  EXPECT_NE(text.find("everything: One field of each kind"), std::string::npos) << text;
  EXPECT_NE(text.find("where it is (required); such as in/*.csv"), std::string::npos) << text;
  EXPECT_NE(text.find("Fields of rules\n"), std::string::npos) << text;
  for (const char* name : {"path", "names", "wait", "password"}) EXPECT_NE(text.find(name), std::string::npos);
  const std::string markdown = describe_markdown(everything().info(), "source");
  EXPECT_NE(markdown.find("| `size` | bytes (10MB) | `64KB` | how much is read at once |"), std::string::npos)
      << markdown;
}

TEST(Spec, SettingsAreCheckedWithoutTheirType) {
  for (const Node& node : {map({{"path", scalar("a")}, {"trim", scalar("maybe")}, {"nmes", scalar("x")}}), map({}),
                           map({{"path", scalar("a")}}), scalar("a.csv"), list({scalar("a")})}) {
    Problems checked;
    check_settings(everything().info(), node, checked);
    EXPECT_EQ(checked.text(), mistakes(node));
  }
}

TEST(Spec, JsonIsWellFormed) {
  const auto json = parse_json(describe_json(everything().info()), "describe");
  ASSERT_TRUE(json) << describe_json(everything().info());
  const Json& schema = (*json)["schema"]["anyOf"][0];
  EXPECT_EQ(schema["required"], Json::array({"path"}));
  EXPECT_EQ(schema["properties"]["trim"]["default"], "false");
  EXPECT_EQ(schema["properties"]["rules"]["additionalProperties"]["properties"]["min"]["description"], "least value");
}

TEST(Sizes, RoundTrip) {
  for (const char* text : {"0", "1B", "64KB", "10MB", "1GiB", "3KiB", "2TB"}) {
    ASSERT_TRUE(parse_byte_size(text)) << text;
    EXPECT_EQ(parse_byte_size(byte_size_text(*parse_byte_size(text))), parse_byte_size(text));
  }
  EXPECT_EQ(parse_byte_size("1.5GB")->bytes, 1'500'000'000);
  EXPECT_EQ(parse_byte_size("512 mb")->bytes, 512'000'000);
  for (const char* text : {"", "MB", "-1", "1e3", "10 apples", "9999999999TB", "1,5GB"})
    EXPECT_FALSE(parse_byte_size(text)) << text;
}

TEST(Durations, RoundTrip) {
  for (const char* text : {"0", "10s", "2d", "1h30m", "250ms", "5us", "1d2h3m4s5ms6us"}) {
    ASSERT_TRUE(parse_duration(text)) << text;
    EXPECT_EQ(duration_text(*parse_duration(text)), text);
  }
  EXPECT_EQ(parse_duration("1.5h")->us, int64_t{5400} * 1'000'000);
  EXPECT_EQ(parse_duration("1w"), parse_duration("7d"));
  for (const char* text : {"", "10", "s", "10 x", "-1s", "1s2", "999999999999d"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(DidYouMean, KnowsTyposAndStaysQuietOtherwise) {
  const std::vector<std::string> known = {"delimiter", "quote", "escape", "header", "path"};
  EXPECT_EQ(did_you_mean("delimeter", known), "delimiter");
  EXPECT_EQ(did_you_mean("Delimiter", known), "delimiter");
  EXPECT_EQ(did_you_mean("haeder", known), "header");
  EXPECT_EQ(did_you_mean("pth", known), "path");
  EXPECT_EQ(did_you_mean("compression", known), "");
  EXPECT_EQ(did_you_mean("", known), "");
}

TEST(Problems, DoublesAreSaidOnce) {
  Problems problems;
  problems.add({"b", 2, 1}, "x");
  problems.add({"a", 9, 1}, "y", "z");
  problems.add({"b", 2, 1}, "x");
  EXPECT_EQ(problems.text(), "a:9:1: y (z)\nb:2:1: x\n");
}

}  // namespace
}  // namespace trommel
