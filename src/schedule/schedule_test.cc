#include "schedule/schedule.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace trommel::schedule {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kMinute = 60'000'000, kHour = 60 * kMinute;

Zone zone(const std::string& name) {
  auto loaded = Zone::load(name);
  TROMMEL_CHECK(loaded.has_value(), name);
  return *loaded;
}

Cron cron(const std::string& text) {
  std::vector<CronMistake> mistakes;
  auto parsed = parse_cron(text, mistakes);
  TROMMEL_CHECK(parsed.has_value(), mistakes.empty() ? text : mistakes[0].what);
  return *parsed;
}

/// `2026-03-29 01:00` in UTC.
int64_t utc(const std::string& text) {
  const auto day = parse_day(text.substr(0, 10));
  const auto time = parse_time_of_day(text.substr(11));
  TROMMEL_CHECK(day && time, text);
  return (day->time_since_epoch().count() * 86'400 + time->count()) * 1'000'000;
}

std::vector<std::string> dues(const Schedule& schedule, const std::string& after, int count) {
  std::vector<std::string> out;
  for (int64_t at = utc(after); count > 0; --count) {
    const auto due = schedule.next(at);
    if (!due) break;
    out.push_back(schedule.zone().text(*due));
    at = *due;
  }
  return out;
}

std::vector<std::string> of_cron(const std::string& text, const std::string& place, const std::string& after,
                                 int count) {
  return dues(Schedule(cron(text), zone(place)), after, count);
}

Schedule every(int64_t step_us, const std::string& from, const std::string& at, const std::string& place) {
  return {Every{step_us, *parse_day(from), *parse_time_of_day(at)}, zone(place)};
}

TEST(Cron, DaysAndMonths) {
  EXPECT_THAT(of_cron("0 6 * * *", "Europe/Berlin", "2026-01-01 05:00", 2),
              ElementsAre("2026-01-02 06:00 CET", "2026-01-03 06:00 CET"));
  EXPECT_THAT(of_cron("30 23 31 * *", "UTC", "2026-01-31 23:30", 3),
              ElementsAre("2026-03-31 23:30 UTC", "2026-05-31 23:30 UTC", "2026-07-31 23:30 UTC"));
  EXPECT_THAT(of_cron("0 0 29 2 *", "UTC", "2096-03-01 00:00", 1), ElementsAre("2104-02-29 00:00 UTC"));
  EXPECT_THAT(of_cron("0 12 1 jan,Jul *", "UTC", "2026-01-01 12:00", 2),
              ElementsAre("2026-07-01 12:00 UTC", "2027-01-01 12:00 UTC"));
  EXPECT_THAT(of_cron("*/20 22-23 * * mon-fri", "UTC", "2026-01-02 23:20", 3),
              ElementsAre("2026-01-02 23:40 UTC", "2026-01-05 22:00 UTC", "2026-01-05 22:20 UTC"));
  EXPECT_THAT(of_cron("@weekly", "UTC", "2026-01-01 00:00", 1), ElementsAre("2026-01-04 00:00 UTC"));
  EXPECT_THAT(of_cron("0 0 * * 7", "UTC", "2026-01-01 00:00", 1), ElementsAre("2026-01-04 00:00 UTC"));
  EXPECT_THAT(of_cron("10/25 0 * * *", "UTC", "2026-01-01 00:00", 2),
              ElementsAre("2026-01-01 00:10 UTC", "2026-01-01 00:35 UTC"));
}

TEST(Cron, EverySecondDayOfTheMonthFallsOnTwoDaysInARow) {
  EXPECT_THAT(
      of_cron("0 6 */2 * *", "Europe/Berlin", "2026-01-29 00:00", 4),
      ElementsAre("2026-01-29 06:00 CET", "2026-01-31 06:00 CET", "2026-02-01 06:00 CET", "2026-02-03 06:00 CET"));
  const auto surprises = cron_surprises(cron("0 6 */2 * *"));
  ASSERT_EQ(surprises.size(), 1u);
  EXPECT_EQ(surprises[0].at, 4u);
  EXPECT_THAT(surprises[0].what, HasSubstr("on the 31st and again on the 1st, a day later"));
  EXPECT_THAT(surprises[0].hint, HasSubstr("{ every: 2d, at: \"06:00\", from: 2026-01-01 }"));
}

TEST(Cron, DayOfMonthOrDayOfWeek) {
  // The 13th, and each Friday besides.
  EXPECT_THAT(of_cron("0 0 13 * fri", "UTC", "2026-01-01 00:00", 3),
              ElementsAre("2026-01-02 00:00 UTC", "2026-01-09 00:00 UTC", "2026-01-13 00:00 UTC"));
  // With a star both must hold: odd days that are Fridays.
  EXPECT_THAT(of_cron("0 0 */2 * fri", "UTC", "2026-01-01 00:00", 2),
              ElementsAre("2026-01-09 00:00 UTC", "2026-01-23 00:00 UTC"));
}

TEST(Cron, Mistakes) {
  const auto mistakes_of = [](const std::string& text) {
    std::vector<CronMistake> mistakes;
    EXPECT_FALSE(parse_cron(text, mistakes)) << text;
    std::vector<std::string> out;
    for (const auto& mistake : mistakes) out.push_back(fmt::format("{}: {}", mistake.at, mistake.what));
    return out;
  };
  EXPECT_THAT(mistakes_of("0 6 * *"), ElementsAre("0: a cron text has five fields, not 4"));
  EXPECT_THAT(mistakes_of("60 24 0 13 8"),
              ElementsAre("0: `60` is no minute", "3: `24` is no hour", "6: `0` is no day of the month",
                          "8: `13` is no month", "11: `8` is no day of the week"));
  EXPECT_THAT(mistakes_of("0 6 5-2 * monday"),
              ElementsAre("4: the range `5-2` runs backwards", "10: `monday` is no day of the week"));
  EXPECT_THAT(mistakes_of("*/0 1,,2 * * *"),
              ElementsAre("2: the step `0` must be a number from 1 to 59", "6: `` is no hour"));
  EXPECT_THAT(mistakes_of("-1 +2 1.5 * *"),
              ElementsAre("0: `` is no minute", "3: `+2` is no hour", "6: `1.5` is no day of the month"));
  EXPECT_THAT(mistakes_of("0 0 30 2 *"), ElementsAre("4: no month of `2` has a day `30`: it would never run"));
  EXPECT_THAT(mistakes_of("@reboot"), ElementsAre("0: unknown nickname `@reboot`"));
}

TEST(Clocks, AFixedTimeThatIsJumpedPastIsDueAtTheJump) {
  EXPECT_THAT(of_cron("30 2 * * *", "Europe/Berlin", "2026-03-28 00:00", 3),
              ElementsAre("2026-03-28 02:30 CET", "2026-03-29 03:00 CEST", "2026-03-30 02:30 CEST"));
  EXPECT_THAT(of_cron("0,30 2 * * *", "America/New_York", "2026-03-08 06:00", 2),
              ElementsAre("2026-03-08 03:00 EDT", "2026-03-09 02:00 EDT"));
  EXPECT_THAT(dues(every(24 * kHour, "2026-03-28", "02:30", "Europe/Berlin"), "2026-03-28 12:00", 2),
              ElementsAre("2026-03-29 03:00 CEST", "2026-03-30 02:30 CEST"));
}

TEST(Clocks, AFixedTimeThatIsShownTwiceIsDueOnce) {
  EXPECT_THAT(of_cron("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", 2),
              ElementsAre("2026-10-25 02:30 CEST", "2026-10-26 02:30 CET"));
  EXPECT_THAT(of_cron("30 1 * * *", "America/New_York", "2026-10-31 12:00", 2),
              ElementsAre("2026-11-01 01:30 EDT", "2026-11-02 01:30 EST"));
}

TEST(Clocks, AStarInTheHourFollowsTheClock) {
  EXPECT_THAT(
      of_cron("0 * * * *", "Europe/Berlin", "2026-10-24 23:30", 4),
      ElementsAre("2026-10-25 02:00 CEST", "2026-10-25 02:00 CET", "2026-10-25 03:00 CET", "2026-10-25 04:00 CET"));
  EXPECT_THAT(of_cron("30 * * * *", "Europe/Berlin", "2026-03-29 00:00", 3),
              ElementsAre("2026-03-29 01:30 CET", "2026-03-29 03:30 CEST", "2026-03-29 04:30 CEST"));
  EXPECT_THAT(of_cron("0 */2 * * *", "America/New_York", "2026-03-08 05:30", 2),
              ElementsAre("2026-03-08 04:00 EDT", "2026-03-08 06:00 EDT"));
}

TEST(Clocks, DaysOfOtherLengths) {
  // The clocks of Havana jump at midnight, Samoa left out the whole 30th of December 2011.
  EXPECT_THAT(of_cron("0 0 * * *", "America/Havana", "2026-03-07 12:00", 2),
              ElementsAre("2026-03-08 01:00 CDT", "2026-03-09 00:00 CDT"));
  EXPECT_THAT(of_cron("0 12 * * *", "Pacific/Apia", "2011-12-29 12:00", 3),
              ElementsAre("2011-12-29 12:00 -10", "2011-12-31 00:00 +14", "2011-12-31 12:00 +14"));
  // By rule, long after the last change that is written down.
  EXPECT_THAT(of_cron("0 6 1 7 *", "Europe/Berlin", "2060-01-01 00:00", 1), ElementsAre("2060-07-01 06:00 CEST"));
}

TEST(Every, DaysAreThoseOfTheCalendar) {
  const Schedule two = every(48 * kHour, "2026-01-01", "06:00", "Europe/Berlin");
  EXPECT_THAT(dues(two, "2025-06-01 00:00", 2), ElementsAre("2026-01-01 06:00 CET", "2026-01-03 06:00 CET"));
  EXPECT_THAT(dues(two, "2026-01-30 12:00", 3),
              ElementsAre("2026-01-31 06:00 CET", "2026-02-02 06:00 CET", "2026-02-04 06:00 CET"));
  EXPECT_THAT(dues(two, "2026-03-27 12:00", 3),
              ElementsAre("2026-03-28 06:00 CET", "2026-03-30 06:00 CEST", "2026-04-01 06:00 CEST"));
  EXPECT_EQ(two.latest(utc("2025-12-31 23:00")), std::nullopt);
  EXPECT_EQ(two.latest(utc("2026-01-01 05:00")), utc("2026-01-01 05:00"));
  EXPECT_EQ(two.latest(utc("2026-01-03 04:59")), utc("2026-01-01 05:00"));
}

TEST(Every, HoursAreElapsedTime) {
  const Schedule six = every(6 * kHour, "2026-03-28", "00:00", "Europe/Berlin");
  EXPECT_THAT(dues(six, "2026-03-28 22:00", 3),
              ElementsAre("2026-03-29 00:00 CET", "2026-03-29 07:00 CEST", "2026-03-29 13:00 CEST"));
  EXPECT_EQ(*six.next(utc("2020-01-01 00:00")), utc("2026-03-27 23:00"));
  EXPECT_EQ(six.latest(utc("2026-03-27 22:59")), std::nullopt);
}

TEST(Text, TimesAndDays) {
  EXPECT_EQ(parse_time_of_day("24:00"), std::nullopt);
  EXPECT_EQ(parse_time_of_day("6:00"), std::nullopt);
  EXPECT_EQ(parse_time_of_day("06-00"), std::nullopt);
  EXPECT_EQ(time_of_day_text(*parse_time_of_day("06:00:30")), "06:00:30");
  EXPECT_EQ(parse_day("2026-02-29"), std::nullopt);
  EXPECT_EQ(parse_day("2026-2-01"), std::nullopt);
  EXPECT_EQ(day_text(*parse_day("2028-02-29")), "2028-02-29");
}

TEST(Text, Schedules) {
  EXPECT_EQ(Schedule(cron("0 6 * * *"), zone("Europe/Berlin")).text(), "cron `0 6 * * *`, Europe/Berlin");
  EXPECT_EQ(every(48 * kHour, "2026-01-01", "06:00", "UTC").text(), "every 2d from 2026-01-01 06:00, UTC");
  EXPECT_EQ(every(24 * kHour, "1970-01-01", "06:00", "UTC").text(), "every 1d at 06:00, UTC");
  EXPECT_EQ(every(15 * kMinute, "1970-01-01", "00:00", "UTC").text(), "every 15m, UTC");
}

TEST(Zones, UnknownNamesAndPathsAreNoZones) {
  for (const char* name : {"Europe/Berln", "/etc/localtime", "localtime", "", "../UTC", "Fixed/UTC+01:00:00"})
    EXPECT_FALSE(Zone::load(name)) << name;
}

/// Every minute of the window looked at: what the clock shows is all that is asked of the zone.
std::set<int64_t> by_looking(const Cron& cron, const Zone& zone, int64_t from, int64_t to) {
  std::set<int64_t> out;
  std::set<std::pair<Day, int>> seen;  // what the clock has shown
  const bool as_shown = cron.fields[Cron::hour].star;
  int64_t last = from - 12 * kHour;  // long enough before that what is shown twice is known
  for (int64_t us = last; us < to; last = us, us += kMinute) {
    const auto shown_at = [&](int64_t when) {
      const std::string text = zone.text(when);
      return std::pair{*parse_day(text.substr(0, 10)),
                       std::stoi(text.substr(11, 2)) * 60 + std::stoi(text.substr(14, 2))};
    };
    const auto matches = [&](Day day, int minute) {
      return cron.has(day) && cron.fields[Cron::hour].has(static_cast<unsigned>(minute / 60)) &&
             cron.fields[Cron::minute].has(static_cast<unsigned>(minute % 60));
    };
    const auto [day, minute] = shown_at(us);
    bool due = matches(day, minute) && (as_shown || !seen.contains({day, minute}));
    if (!as_shown) {
      auto [at_day, at_minute] = shown_at(last);
      for (++at_minute; us > last && std::pair{at_day, at_minute} < std::pair{day, minute}; ++at_minute) {
        if (at_minute == 1440) at_day += std::chrono::days(1), at_minute = 0;
        if (at_day == day && at_minute >= minute) break;
        due = due || matches(at_day, at_minute);
      }
    }
    seen.insert({day, minute});
    if (due && us >= from) out.insert(us);
  }
  return out;
}

RC_GTEST_PROP(Schedules, EqualLookingAtEveryMinute, ()) {
  const auto pick = [](std::vector<std::string> from) { return *rc::gen::elementOf(std::move(from)); };
  const std::string text =
      fmt::format("{} {} {} {} {}", pick({"0", "30", "*/15", "5,59", "*/7"}),
                  pick({"*", "0", "1", "2", "1-3", "*/2", "0,23", "1,2"}), pick({"*", "*/2", "8", "29"}),
                  pick({"*", "3", "10,11"}), pick({"*", "0", "1-5"}));
  const Zone place = zone(pick({"Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe", "UTC"}));
  // Around changes of 2026 in one of the zones, and elsewhere.
  const int64_t middle = utc(pick({"2026-03-29 01:00", "2026-10-25 01:00", "2026-03-08 07:00", "2026-11-01 06:00",
                                   "2026-04-04 15:00", "2026-10-03 15:30", "2026-02-28 12:00"}));
  const int64_t from = middle - 20 * kHour, to = middle + 20 * kHour;
  const Schedule schedule(cron(text), place);
  std::set<int64_t> found;
  for (auto due = schedule.next(from - 1); due && *due < to; due = schedule.next(*due)) found.insert(*due);
  RC_ASSERT(found == by_looking(cron(text), place, from, to));
}

RC_GTEST_PROP(Schedules, NextIsAfterAndLatestIsItsInverse, ()) {
  const int64_t at = utc("2026-01-01 00:00") + *rc::gen::inRange<int64_t>(0, 400 * 24 * kHour);
  const auto text = *rc::gen::elementOf(
      std::vector<std::string>{"0 6 */2 * *", "*/7 * * * *", "30 2 * * *", "0 */5 * * 1", "0 0 31 * *", "0 0 29 2 *"});
  const Zone place =
      zone(*rc::gen::elementOf(std::vector<std::string>{"Europe/Berlin", "America/New_York", "Asia/Kolkata"}));
  const int64_t step = *rc::gen::elementOf(std::vector<int64_t>{24 * kHour, 48 * kHour, 7 * 24 * kHour, 5 * kHour});
  const Schedule schedule = *rc::gen::arbitrary<bool>()
                                ? Schedule(cron(text), place)
                                : Schedule(Every{step, *parse_day("2026-01-15"), std::chrono::hours(2)}, place);
  const auto next = schedule.next(at);
  RC_ASSERT(next.has_value());
  RC_ASSERT(*next > at);
  RC_ASSERT(schedule.latest(*next) == next);
  const auto before = schedule.latest(at);
  if (before) {
    RC_ASSERT(*before <= at);
    RC_ASSERT(schedule.next(*before) == next);
    RC_ASSERT(*schedule.next(*before - 1) == *before);
  }
  const int64_t later = at + *rc::gen::inRange<int64_t>(0, 60 * 24 * kHour);
  RC_ASSERT(*schedule.next(later) >= *next);
}

}  // namespace
}  // namespace trommel::schedule
