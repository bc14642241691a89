#include "config/yaml_text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "config/pipeline.h"

namespace trommel {
namespace {

/// Equal in what a reader sees: kinds, texts, names and their order.
bool same_tree(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.items.size() != b.items.size() || a.entries.size() != b.entries.size()) return false;
  if (a.is_scalar() && a.scalar != b.scalar) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    if (!same_tree(a.items[i], b.items[i])) return false;
  }
  for (size_t i = 0; i < a.entries.size(); ++i) {
    if (a.entries[i].name != b.entries[i].name || !same_tree(a.entries[i].value, b.entries[i].value)) return false;
  }
  return true;
}

std::string utf8(uint32_t code) {
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
  return {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
          static_cast<char>(0x80 | (code & 0x3F))};
}

/// Texts made of what YAML or we would take for something else, and of any characters.
std::string any_text() {
  static const std::vector<std::string> traps = {"${",       "$",
                                                 "}",        "${A}",
                                                 "$${A}",    "${A:b}",
                                                 "null",     "~",
                                                 "true",     "1",
                                                 "-",        "- ",
                                                 ": ",       ":",
                                                 " #",       "#",
                                                 "'",        "\"",
                                                 "\\",       "{",
                                                 "[",        ",",
                                                 "&a",       "*a",
                                                 "!t",       "|",
                                                 ">",        "%",
                                                 "@",        "`",
                                                 "?",        "? ",
                                                 "\n",       "\r",
                                                 "\t",       " ",
                                                 "\x7F",     "---",
                                                 "...",      "<<",
                                                 "=",        "\xEF\xBB\xBF",
                                                 "\xC2\x85", "\xE2\x80\xA8",
                                                 "ü",        "a",
                                                 "b c"};
  std::string text;
  const int pieces = *rc::gen::inRange(0, 5);
  for (int i = 0; i < pieces; ++i) {
    if (*rc::gen::inRange(0, 3) > 0) {
      text += *rc::gen::elementOf(traps);
    } else {
      const uint32_t code = *rc::gen::inRange<uint32_t>(0, 0x10000);
      text += utf8(code >= 0xD800 && code < 0xE000 ? 0x41 : code);  // surrogates are no characters
    }
  }
  return text;
}

Node any_tree(int depth) {
  Node node;
  node.kind = static_cast<Node::Kind>(*rc::gen::inRange(0, depth > 0 ? 4 : 2));
  if (node.is_scalar()) {
    node.scalar = any_text();
    node.quoted = *rc::gen::arbitrary<bool>();
  }
  const int children = node.is_list() || node.is_map() ? *rc::gen::inRange(0, 4) : 0;
  for (int i = 0; i < children; ++i) {
    if (node.is_list()) {
      node.items.push_back(any_tree(depth - 1));
    } else if (std::string name = any_text(); node.find(name) == nullptr) {
      node.entries.push_back({std::move(name), {}, any_tree(depth - 1)});
    }
  }
  return node;
}

TEST(YamlText, AnyTreeReadsBackEqual) {
  const bool held = rc::check([] {
    const Node before = any_tree(4);
    const std::string text = yaml_text(before);
    Problems problems;
    const Node after = parse_yaml(text, "f.yaml", nullptr, problems);
    RC_LOG() << text;
    RC_LOG() << problems.text();
    RC_ASSERT(problems.empty());
    RC_ASSERT(same_tree(before, after));
  });
  EXPECT_TRUE(held);
}

TEST(YamlText, AnyScalarStandsInFlowToo) {
  const bool held = rc::check([] {
    const std::string text = any_text(), line = "k: [ " + yaml_scalar(text) + ", { " + yaml_scalar(text) + ": " +
                                                yaml_scalar(text) + " } ]\n";
    Problems problems;
    const Node root = parse_yaml(line, "f.yaml", nullptr, problems);
    RC_LOG() << line;
    RC_LOG() << problems.text();
    RC_ASSERT(problems.empty());
    const Node& list = *root.find("k");
    RC_ASSERT(list.items[0].is_scalar());
    RC_ASSERT(list.items[0].scalar == text);
    RC_ASSERT(list.items[1].entries[0].name == text);
    RC_ASSERT(list.items[1].entries[0].value.scalar == text);
  });
  EXPECT_TRUE(held);
}

TEST(YamlText, PlainWhereItCanBe) {
  for (const char* text : {"a", "duckdb.file", "input/x.csv", "3.5", "-1", "a b"}) EXPECT_EQ(yaml_scalar(text), text);
  for (const char* text : {"", "null", "a: b", "*", "- a", "\"", "${X}", " a"})
    EXPECT_EQ(yaml_scalar(text).front(), '"') << text;
}

}  // namespace
}  // namespace trommel
