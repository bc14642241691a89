// Messages of JSON, CSV and raw bytes lie side by side: no format may look beyond the bytes of one.
#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codecs/json/json.h"
#include "codecs/json/testing.h"
#include "component/promises.h"

namespace trommel {
namespace {

using ::testing::ElementsAre;

TEST(JsonMessages, EachIsReadFromItsOwnBytes) {
  Problems problems;
  const Node settings;
  const std::optional<Contract> contract = contract_of({{"id", "int64"}, {"name", "string"}});
  const BindContext context;
  const auto bound = json_messages().decoder({settings, contract, "t", context}, problems);
  ASSERT_TRUE(bound) << bound.error().text();
  ASSERT_TRUE(problems.empty()) << problems.text();
  // Side by side, the second would close the first, and the number go on.
  std::vector<std::string> parts = {"{\"id\":1,\"name\":\"a\nb\"}",
                                    "{\"id\": 1",
                                    "}",
                                    "",
                                    "{\"id\":2}",
                                    "{\"ID\" :\n3}",
                                    "{\"id\":\"x\"}",
                                    "[1]",
                                    "{\"id\":4,\"other\":5}",
                                    "{\"id\":6}{\"id\":7}"};
  parts[0] = R"({"id":1,"name":"a\nb"})";
  const auto decoded = decode_side_by_side(*bound->decoder, parts);
  ASSERT_TRUE(decoded) << decoded.error().text();
  EXPECT_THAT(rows_as_text(*decoded->rows), ElementsAre("1 | a\nb", "2 | NULL", "3 | NULL"));
  std::vector<std::string> refused;
  for (const Refusal& refusal : decoded->refusals) refused.push_back(std::to_string(refusal.row) + " " + refusal.code);
  EXPECT_THAT(refused, ElementsAre("1 json", "2 json", "3 json", "6 cast", "7 json", "8 extra_column", "9 json"));
}

}  // namespace
}  // namespace trommel
