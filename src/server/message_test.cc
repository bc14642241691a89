#include "server/message.h"

#include <gmock/gmock.h>

namespace trommel::server {
namespace {

using testing::Eq;
using testing::Optional;

TEST(Message, HeadersAreFoundWhateverTheirCase) {
  Headers headers;
  headers.add("Content-Type", "text/csv");
  headers.add("X-A", "1");
  headers.add("x-a", "2");
  EXPECT_EQ(headers.get("content-TYPE"), "text/csv");
  EXPECT_EQ(headers.get("X-a"), "1");
  EXPECT_EQ(headers.count("x-A"), 2u);
  EXPECT_EQ(headers.find("x-b"), nullptr);
  headers.set("X-A", "3");
  EXPECT_EQ(headers.count("x-a"), 1u);
}

TEST(Message, QueriesAreDecodedInOrder) {
  const auto query = parse_query("b=1&a=x%20y+z&&b=%C3%A4&flag&=none");
  ASSERT_TRUE(query.has_value());
  std::vector<std::string> seen;
  for (const Field& field : *query) seen.push_back(field.name + "=" + field.value);
  EXPECT_THAT(seen, testing::ElementsAre("b=1", "a=x y z", "b=\xC3\xA4", "flag=", "=none"));
}

TEST(Message, WhatCannotBeDecodedIsNoQuery) {
  EXPECT_FALSE(parse_query("a=%2"));
  EXPECT_FALSE(parse_query("a=%zz"));
  EXPECT_FALSE(parse_query("a=%00"));
  EXPECT_FALSE(percent_decoded("/a%", false));
  EXPECT_THAT(percent_decoded("/a+b%2fc", false), Optional(Eq("/a+b/c")));
}

TEST(Message, ParametersOfHeaders) {
  const std::string_view value = "Multipart/Form-Data; charset=utf-8; boundary=\"a \\\"b; c\"; x = y";
  EXPECT_EQ(media_type(value), "multipart/form-data");
  EXPECT_THAT(header_parameter(value, "BOUNDARY"), Optional(Eq("a \"b; c")));
  EXPECT_THAT(header_parameter(value, "charset"), Optional(Eq("utf-8")));
  EXPECT_THAT(header_parameter(value, "x"), Optional(Eq("y")));
  EXPECT_FALSE(header_parameter(value, "y"));
  EXPECT_FALSE(header_parameter("a; boundary=\"open", "boundary"));
  EXPECT_FALSE(header_parameter("a", "boundary"));
}

TEST(Message, EventsKeepTheirLines) { EXPECT_EQ(event_text("row", "a\nb"), "event: row\ndata: a\ndata: b\n\n"); }

}  // namespace
}  // namespace trommel::server
