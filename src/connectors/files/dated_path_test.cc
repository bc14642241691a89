#include "connectors/files/dated_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trommel {
namespace {

std::string day_in(const std::string& pattern, const std::string& path) {
  const auto day = DatedPath(pattern).day_of(path);
  return day ? schedule::day_text(*day) : "none";
}

TEST(DatedPath, Globs) {
  EXPECT_EQ(DatedPath("in/{date:%Y-%m-%d}.csv").glob(), "in/[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9].csv");
  EXPECT_EQ(DatedPath("in/{date:%d.%m.}*/x-{date:%Y%m%d}.csv").glob(),
            "in/[0-9][0-9].[0-9][0-9].*/x-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9].csv");
  EXPECT_EQ(DatedPath("in/{a,b}/*.csv").glob(), "in/{a,b}/*.csv");
  EXPECT_FALSE(DatedPath("in/{a,b}/*.csv").dated());
}

TEST(DatedPath, FindsTheDay) {
  EXPECT_EQ(day_in("in/{date:%Y-%m-%d}.csv", "in/2026-02-28.csv"), "2026-02-28");
  EXPECT_EQ(day_in("in/*-{date:%Y%m%d}-*.csv", "in/a-20260102-20260304-b.csv"), "2026-01-02");
  EXPECT_EQ(day_in("in/*-{date:%Y%m%d}.csv", "in/20260102-20260304.csv"), "2026-03-04");
  EXPECT_EQ(day_in("in/{date:%Y/%m/%d}/**/*.csv", "in/2026/07/31/a/b/c.csv"), "2026-07-31");
  EXPECT_EQ(day_in("{a,in}/{date:%d.%m.%Y}.{csv,tsv}", "in/05.06.2026.tsv"), "2026-06-05");
  EXPECT_EQ(day_in("{date:%Y}/{date:%Y-%m-%d}.csv", "2026/2026-01-01.csv"), "2026-01-01");
}

TEST(DatedPath, ADayThatIsNone) {
  EXPECT_EQ(day_in("in/{date:%Y-%m-%d}.csv", "in/2026-02-29.csv"), "none");
  EXPECT_EQ(day_in("in/{date:%Y-%m-%d}.csv", "in/2026-13-01.csv"), "none");
  EXPECT_EQ(day_in("{date:%Y}/{date:%Y-%m-%d}.csv", "2025/2026-01-01.csv"), "none");
  EXPECT_EQ(day_in("in/{date:%Y-%m-%d}.csv", "other/2026-01-01.csv"), "none");
  EXPECT_EQ(day_in("in/*.csv", "in/2026-01-01.csv"), "none");
}

TEST(DatedPath, InTheName) {
  EXPECT_TRUE(DatedPath("in/{date:%Y}/x-{date:%Y-%m-%d}.csv").in_name());
  EXPECT_FALSE(DatedPath("in/{date:%Y-%m-%d}/*.csv").in_name());
  EXPECT_FALSE(DatedPath("in/{date:%Y/%m-%d}.csv").in_name());
}

TEST(DatedPath, Mistakes) {
  EXPECT_EQ(DatedPath("in/{date:%Y-%m}.csv").mistake(),
            "one `{date:...}` of a path must hold the whole day: %Y, %m and %d");
  EXPECT_EQ(DatedPath("in/{date:%Y-%j}.csv").mistake(), "`{date:%Y-%j}` must be made of %Y, %m and %d");
  EXPECT_EQ(DatedPath("in/{date:}.csv").mistake(), "`{date:}` must be made of %Y, %m and %d");
  EXPECT_EQ(DatedPath("in/{date:%Y%m%d%}.csv").mistake(), "`{date:%Y%m%d%}` must be made of %Y, %m and %d");
  EXPECT_EQ(DatedPath("in/{date:%Y-%m-%d.csv").mistake(), "`{date:` is not closed");
  EXPECT_EQ(DatedPath("in/{date:%Y-%m-%d}.csv").mistake(), "");
}

TEST(MissingDays, AreListed) {
  const auto day = [](const char* text) { return *schedule::parse_day(text); };
  const std::set<schedule::Day> seen = {day("2026-02-27"), day("2026-03-02")};
  EXPECT_EQ(missing_days({}, seen), "there is no file of 2026-02-28, 2026-03-01");
  EXPECT_EQ(missing_days({day("2026-02-26"), day("2026-02-27")}, seen), "there is no file of 2026-02-26");
  EXPECT_EQ(missing_days({day("2026-03-02"), day("2026-03-02")}, seen), "");
  EXPECT_THAT(missing_days({day("2026-02-27"), day("2026-03-31")}, seen),
              testing::EndsWith("2026-03-10 and 21 days more"));
}

}  // namespace
}  // namespace trommel
