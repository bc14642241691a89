#include "query/syntax.h"

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace trommel::query {
namespace {

/// What tells the groups of a SELECT over `rounds` apart, with commas between.
std::string key_of(const std::string& sql, const std::string& by) {
  const auto connection = *(*Database::open({}))->connect();
  EXPECT_TRUE(connection->run("CREATE TABLE rounds (played VARCHAR, game INT, player VARCHAR, bet DOUBLE)"));
  const auto groups = groups_of(*connection, sql, {by});
  if (!groups) return groups.error().text();
  return groups->table.empty() ? groups->why : fmt::format("{}", fmt::join(groups->key, ","));
}

TEST(Groups, are_told_apart_by_what_they_are_grouped_by) {
  EXPECT_EQ(key_of("SELECT game, player, sum(bet) AS s FROM rounds GROUP BY game, player", "game"), "game,player");
  EXPECT_EQ(key_of("SELECT game + 1 AS next, sum(bet) FROM rounds GROUP BY next", "next"), "next");
  EXPECT_EQ(key_of("SELECT game, count(*) FROM rounds GROUP BY 1", "game"), "game");
  EXPECT_EQ(key_of("SELECT game, upper(player) AS p, max(bet) AS m FROM rounds GROUP BY ALL", "game"), "game,p");
}

TEST(Groups, are_not_told_apart_where_a_column_is_missing) {
  EXPECT_EQ(key_of("SELECT game, sum(bet) AS s FROM rounds GROUP BY game, player", "game"), "");
  EXPECT_EQ(key_of("SELECT game, upper(player), max(bet) AS m FROM rounds GROUP BY ALL", "game"), "");
  EXPECT_EQ(key_of("SELECT game, bet FROM rounds", "game"), "");
}

}  // namespace
}  // namespace trommel::query
