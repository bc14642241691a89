#include "schedule/outside.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trommel::schedule {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kMinute = 60'000'000, kHour = 60 * kMinute;

Schedule of_cron(const std::string& text, const std::string& zone = "UTC") {
  std::vector<CronMistake> mistakes;
  auto cron = parse_cron(text, mistakes);
  TROMMEL_CHECK(cron.has_value(), text);
  return {*cron, *Zone::load(zone)};
}

Schedule every(int64_t step_us, const std::string& from, const std::string& at, const std::string& zone = "UTC") {
  return {Every{step_us, *parse_day(from), *parse_time_of_day(at)}, *Zone::load(zone)};
}

TEST(OnCalendar, Cron) {
  EXPECT_THAT(*on_calendar(of_cron("0 6 * * *", "Europe/Berlin")), ElementsAre("*-*-* 06:00:00 Europe/Berlin"));
  EXPECT_THAT(*on_calendar(of_cron("*/30 8-9 * * mon-wed")), ElementsAre("Mon,Tue,Wed *-*-* 08,09:00,30:00 UTC"));
  EXPECT_THAT(*on_calendar(of_cron("* * 1,15 7 *")), ElementsAre("*-07-01,15 *:*:00 UTC"));
}

TEST(OnCalendar, EitherDayIsTwoExpressions) {
  EXPECT_THAT(*on_calendar(of_cron("0 6 13 * fri")), ElementsAre("*-*-13 06:00:00 UTC", "Fri *-*-* 06:00:00 UTC"));
  EXPECT_THAT(*on_calendar(of_cron("0 6 13 * 0-6")), ElementsAre("*-*-* 06:00:00 UTC"));
  EXPECT_THAT(*on_calendar(of_cron("0 6 */15 * fri")), ElementsAre("Fri *-*-01,16,31 06:00:00 UTC"));
}

TEST(OnCalendar, Steps) {
  EXPECT_THAT(*on_calendar(every(24 * kHour, "2026-01-01", "06:00:30", "Europe/Berlin")),
              ElementsAre("*-*-* 06:00:30 Europe/Berlin"));
  EXPECT_THAT(*on_calendar(every(7 * 24 * kHour, "2026-01-01", "06:00")), ElementsAre("Thu *-*-* 06:00:00 UTC"));
  // 00:00 in Berlin is 23:00 in UTC, and elapsed time knows no summer.
  EXPECT_THAT(*on_calendar(every(6 * kHour, "2026-01-01", "00:00", "Europe/Berlin")),
              ElementsAre("*-*-* 05,11,17,23:00:00 UTC"));
  EXPECT_THAT(*on_calendar(every(15 * kMinute, "2026-01-01", "00:05")), ElementsAre("*-*-* *:05,20,35,50:00 UTC"));
  EXPECT_THAT(*on_calendar(every(8 * kHour, "2026-01-01", "00:00")), ElementsAre("*-*-* 00,08,16:00:00 UTC"));
  EXPECT_FALSE(on_calendar(every(48 * kHour, "2026-01-01", "06:00")));
  EXPECT_FALSE(on_calendar(every(5 * kHour, "2026-01-01", "00:00")));
  EXPECT_FALSE(on_calendar(every(kMinute / 2, "2026-01-01", "00:00")));
}

TEST(CronLines, Cron) {
  EXPECT_THAT(cron_table(of_cron("0 6 */2 * *", "Europe/Berlin"))->fields, ElementsAre("0 6 */2 * *"));
  EXPECT_EQ(cron_table(of_cron("0 6 */2 * *", "Europe/Berlin"))->zone, "Europe/Berlin");
  EXPECT_THAT(cron_table(of_cron("10/25 6 * jan,jul mon-wed"))->fields, ElementsAre("10,35 6 * 1,7 1,2,3"));
  EXPECT_THAT(cron_table(of_cron("@daily"))->fields, ElementsAre("0 0 * * *"));
}

TEST(CronLines, Steps) {
  EXPECT_THAT(cron_table(every(7 * 24 * kHour, "2026-01-01", "06:30"))->fields, ElementsAre("30 6 * * 4"));
  EXPECT_THAT(cron_table(every(90 * kMinute, "2026-01-01", "00:00"))->fields,
              ElementsAre("0 0,3,6,9,12,15,18,21 * * *", "30 1,4,7,10,13,16,19,22 * * *"));
  EXPECT_EQ(cron_table(every(6 * kHour, "2026-01-01", "00:00", "Europe/Berlin"))->zone, "UTC");
  EXPECT_FALSE(cron_table(every(48 * kHour, "2026-01-01", "06:00")));
  EXPECT_FALSE(cron_table(every(24 * kHour, "2026-01-01", "06:00:30")));
}

}  // namespace
}  // namespace trommel::schedule
