#include "connectors/clickhouse/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trommel::clickhouse {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ClickhouseAddress, SaysWhereAndWho) {
  const auto address = parse_address("clickhouse://bet%40t:p%3Aa%2Fss@db.example:9000/ware%20house");
  ASSERT_TRUE(address) << address.error().text();
  EXPECT_EQ(address->url, "http://db.example:9000/");
  EXPECT_EQ(address->database, "ware house");
  EXPECT_EQ(address->user, "bet@t");
  EXPECT_EQ(address->password, "p:a/ss");
  EXPECT_EQ(address->shown(), "clickhouse://db.example:9000/ware house");
}

TEST(ClickhouseAddress, LeavesOutWhatIsUsual) {
  EXPECT_EQ(parse_address("clickhouse://h")->url, "http://h:8123/");
  EXPECT_EQ(parse_address("clickhouse://h/")->database, "default");
  EXPECT_EQ(parse_address("clickhouse://h/d?secure=true")->url, "https://h:8443/");
  EXPECT_EQ(parse_address("clickhouse:https://h/d")->shown(), "clickhouse://h:8443/d?secure=true");
  EXPECT_EQ(parse_address("clickhouse:http://[::1]:1234/d")->url, "http://[::1]:1234/");
  EXPECT_EQ(parse_address("clickhouse://u:p@[::1]/d")->url, "http://[::1]:8123/");
  EXPECT_EQ(parse_address("clickhouse://u:p@ss@h/d")->password, "p@ss");
}

TEST(ClickhouseAddress, MistakesAreToldWithoutSecrets) {
  for (const char* wrong :
       {"clickhouse:h", "clickhouse://", "clickhouse://h:0/d", "clickhouse://h:x/d", "clickhouse://h:99999",
        "clickhouse://h/d?tls=1", "clickhouse://u%4:hunter2@h", "clickhouse://:hunter2@h", "clickhouse://h/d%x"}) {
    const auto address = parse_address(wrong);
    ASSERT_FALSE(address) << wrong;
    EXPECT_EQ(address.error().domain, Error::Domain::config);
    EXPECT_THAT(address.error().text(), Not(HasSubstr("hunter2")));
  }
}

TEST(ClickhouseClient, NamesAndTextsAreQuoted) {
  EXPECT_EQ(quote_name("a`b\\c"), "`a\\`b\\\\c`");
  EXPECT_EQ(quote_text("it's \\"), "'it\\'s \\\\'");
  EXPECT_EQ(unescaped_value("a\\tb\\nc\\\\d\\'e"), "a\tb\nc\\d'e");
}

TEST(ClickhouseClient, NobodyThereIsToBeTriedAgain) {
  Client client(*parse_address("clickhouse://u:hunter2@127.0.0.1:1/d"));
  Exception said;
  const auto answer = client.run(Statement{"SELECT 'a secret of a query'"}, &said);
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().retry);
  EXPECT_EQ(answer.error().domain, Error::Domain::external);
  EXPECT_EQ(said.code, 0);
  EXPECT_THAT(answer.error().text(), Not(HasSubstr("hunter2")));
  EXPECT_THAT(answer.error().text(), Not(HasSubstr("secret")));
}

TEST(ClickhouseClient, WhatPassesIsTriedAgain) {
  EXPECT_TRUE(may_be_tried_again(241));   // memory
  EXPECT_TRUE(may_be_tried_again(243));   // disk
  EXPECT_TRUE(may_be_tried_again(252));   // too many parts
  EXPECT_FALSE(may_be_tried_again(62));   // syntax
  EXPECT_FALSE(may_be_tried_again(60));   // no such table
  EXPECT_FALSE(may_be_tried_again(516));  // password
}

}  // namespace
}  // namespace trommel::clickhouse
