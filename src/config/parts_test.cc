#include "config/parts.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "spec/describe.h"

namespace trommel {
namespace {

TEST(PipelineSpecs, DescribeThemselvesWell) {
  std::vector<std::string> names;
  for (const SpecInfo* info : pipeline_specs()) {
    names.push_back(info->name);
    EXPECT_FALSE(info->summary.empty()) << info->name;
    EXPECT_TRUE(parse_json(describe_json(*info), info->name)) << describe_json(*info);
    for (const FieldInfo& field : info->fields)
      EXPECT_FALSE(field.doc.empty() || field.type.empty()) << info->name << "." << field.name;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"pipeline", "source", "transform", "sink", "store", "contract", "view",
                                             "endpoint", "log", "schedule", "server"}));
}

TEST(PipelineSpecs, ExamplesAreYamlOfTheirOwnShape) {
  for (const SpecInfo* info : pipeline_specs()) {
    Problems problems;
    const Node root = parse_yaml(info->example, info->name, nullptr, problems);
    EXPECT_EQ(problems.text(), "") << info->name;
    if (info->name == "contract") {
      parse_contract(root, problems);
    } else {
      for (const Node::Entry& entry : root.entries)
        EXPECT_TRUE(spec_has_field(PipelineText::spec().info(), entry.name)) << info->name << ": " << entry.name;
    }
    EXPECT_EQ(problems.text(), "") << info->name;
  }
}

TEST(PipelineSpecs, TheContractsTextListsColumnsToo) {
  const std::string text = describe_text(contract_spec());
  EXPECT_NE(text.find("Fields of columns\n"), std::string::npos) << text;
  EXPECT_NE(text.find("max_length"), std::string::npos) << text;
}

TEST(RejectBudgets, RoundTrip) {
  for (const char* text : {"0", "100", "0.1%", "25%"}) {
    ASSERT_TRUE(parse_reject_budget(text)) << text;
    EXPECT_EQ(parse_reject_budget(text)->text(), text);
  }
  for (const char* text : {"", "-1", "1.5", "101%", "-1%", "%", "many"})
    EXPECT_FALSE(parse_reject_budget(text)) << text;
}

}  // namespace
}  // namespace trommel
