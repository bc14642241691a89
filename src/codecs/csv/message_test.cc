#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codecs/csv/csv.h"
#include "component/promises.h"

namespace trommel {
namespace {

using ::testing::ElementsAre;

class CsvMessages : public ::testing::Test {
 protected:
  CsvMessages() {
    contract_.emplace();
    for (const auto& [name, type] : {std::pair("id", arrow::int64()), std::pair("name", arrow::utf8())}) {
      ContractColumn column;
      column.name = name;
      column.type = type;
      contract_->columns.push_back(column);
    }
  }
  DecodedMessages decode(const std::vector<std::string>& parts) {
    Problems problems;
    const auto bound = csv_messages().decoder({settings_, contract_, "t", context_}, problems);
    EXPECT_TRUE(bound && problems.empty()) << problems.text();
    auto decoded = decode_side_by_side(*bound->decoder, parts);
    EXPECT_TRUE(decoded) << decoded.error().text();
    return *decoded;
  }
  static std::vector<std::string> words(const DecodedMessages& decoded) {
    std::vector<std::string> out;
    for (const Refusal& refusal : decoded.refusals) out.push_back(std::to_string(refusal.row) + " " + refusal.code);
    return out;
  }

  Node settings_;
  std::optional<Contract> contract_;
  BindContext context_;
};

TEST_F(CsvMessages, AnOpenQuoteCostsItsOwnMessageAlone) {
  const auto decoded = decode({"1,a", "2,\"b", "3,c\"", "4,\"d\ne\"", "5,f\n", "6,g\n7,h", "", "\r\n", "x,i", "8"});
  EXPECT_THAT(rows_as_text(*decoded.rows), ElementsAre("1 | a", "3 | c\"", "4 | d\ne", "5 | f"));
  EXPECT_THAT(words(decoded), ElementsAre("1 quote", "5 csv", "6 csv", "7 csv", "8 cast", "9 ragged"));
}

TEST_F(CsvMessages, WhatIsWrittenReadsBack) {
  const auto rows = decode({"1,\"a,\"\"b\"\"\nc\"", ",\"\"", "3,"}).rows;
  Problems problems;
  auto bound = csv_messages().encoder({settings_, contract_, "t", context_}, rows->schema(), problems);
  ASSERT_TRUE(bound && problems.empty());
  EncodedMessages messages;
  ASSERT_TRUE(bound->encoder->encode(*rows, messages));
  std::vector<std::string> parts;
  for (size_t i = 0; i < messages.count(); ++i) parts.emplace_back(as_text(messages.at(i)));
  EXPECT_TRUE(decode(parts).rows->Equals(*rows));
}

}  // namespace
}  // namespace trommel
