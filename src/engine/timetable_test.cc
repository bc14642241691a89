#include "engine/timetable.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/virtual_clock.h"

namespace trommel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kMinute = 60'000'000;

int64_t utc(const std::string& text) {
  return (schedule::parse_day(text.substr(0, 10))->time_since_epoch().count() * 86'400 +
          schedule::parse_time_of_day(text.substr(11))->count()) *
         1'000'000;
}

class TimetableTest : public ::testing::Test {
 protected:
  TimetableTest()
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("trommel-timetable-{}-{}", ::getpid(),
                            ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder_);
    set("0 6 * * *", Missed::once);
  }
  ~TimetableTest() override { std::filesystem::remove_all(folder_); }

  void set(const std::string& cron, Missed missed) {
    std::vector<schedule::CronMistake> mistakes;
    settings_.emplace(ScheduleSettings{
        schedule::Schedule(*schedule::parse_cron(cron, mistakes), *schedule::Zone::load("Europe/Berlin")), missed, {}});
  }

  /// One life of the program, from `start` until `runs` were made or `end` is reached, each run taking `takes`. When
  /// runs began, as the clock of Berlin shows it.
  std::vector<std::string> live(const std::string& start, const std::string& end, int64_t takes = kMinute,
                                bool dies = false) {
    const auto env = virtual_clock_env(real_env(), utc(start));
    const auto say = [&](const std::string& line) { said_.push_back(line); };
    Timetable timetable(*env, *settings_, folder_, say);
    EXPECT_TRUE(timetable.open("test").has_value());
    std::stop_source stop;
    std::vector<std::string> runs;
    const auto& zone = settings_->schedule.zone();
    // The clock is only looked at between runs; a due time after `end` ends the life instead of running.
    const auto kept = keep_timetable(
        *env, timetable, folder_, zone, stop.get_token(), [](const std::string&) {},
        [&](int64_t due) {
          if (env->now_us() >= utc(end)) return AfterRun::end;
          runs.push_back(zone.text(env->now_us()).substr(0, 16) + " for " + zone.text(due).substr(0, 16));
          env->sleep_us(takes);
          return dies ? AfterRun::end : AfterRun::go_on;
        });
    EXPECT_TRUE(kept.has_value());
    return runs;
  }

  std::string folder_;
  std::optional<ScheduleSettings> settings_;
  std::vector<std::string> said_;
};

TEST_F(TimetableTest, RunsAtEachDueTimeThroughTheChangeOfClocks) {
  EXPECT_THAT(live("2026-03-27 12:00", "2026-03-30 12:00"),
              ElementsAre("2026-03-28 06:00 for 2026-03-28 06:00", "2026-03-29 06:00 for 2026-03-29 06:00",
                          "2026-03-30 06:00 for 2026-03-30 06:00"));
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(TimetableTest, TheFirstStartMissesNothingAndARestartKnowsWhatItMissed) {
  EXPECT_THAT(live("2026-01-01 12:00", "2026-01-02 12:00"), ElementsAre("2026-01-02 06:00 for 2026-01-02 06:00"));
  EXPECT_THAT(live("2026-01-05 12:00", "2026-01-06 12:00"),
              ElementsAre("2026-01-05 13:00 for 2026-01-05 06:00", "2026-01-06 06:00 for 2026-01-06 06:00"));
  EXPECT_THAT(said_, ElementsAre("3 runs that were due from 2026-01-03 06:00 CET to 2026-01-05 06:00 CET were missed: "
                                 "one run for them now"));
}

TEST_F(TimetableTest, AllThatWereMissedRunOneByOne) {
  set("0 6 * * *", Missed::all);
  live("2026-01-01 12:00", "2026-01-02 12:00");
  EXPECT_THAT(live("2026-01-05 12:00", "2026-01-06 12:00"),
              ElementsAre("2026-01-05 13:00 for 2026-01-03 06:00", "2026-01-05 13:01 for 2026-01-04 06:00",
                          "2026-01-05 13:02 for 2026-01-05 06:00", "2026-01-06 06:00 for 2026-01-06 06:00"));
}

TEST_F(TimetableTest, WhatWasMissedIsPassedOver) {
  set("0 6 * * *", Missed::skip);
  live("2026-01-01 12:00", "2026-01-02 12:00");
  EXPECT_THAT(live("2026-01-05 12:00", "2026-01-06 12:00"), ElementsAre("2026-01-06 06:00 for 2026-01-06 06:00"));
  EXPECT_THAT(said_, ElementsAre(HasSubstr("3 runs that were due from")));
  EXPECT_THAT(said_, ElementsAre(HasSubstr("passed over")));
}

TEST_F(TimetableTest, RunsDoNotOverlap) {
  set("*/10 * * * *", Missed::once);
  EXPECT_THAT(live("2026-01-01 12:05", "2026-01-01 13:00", 25 * kMinute),
              ElementsAre("2026-01-01 13:10 for 2026-01-01 13:10", "2026-01-01 13:35 for 2026-01-01 13:30"));
  set("*/10 * * * *", Missed::skip);
  EXPECT_THAT(live("2026-01-02 12:05", "2026-01-02 13:00", 25 * kMinute),
              ElementsAre("2026-01-02 13:10 for 2026-01-02 13:10", "2026-01-02 13:40 for 2026-01-02 13:40"));
}

TEST_F(TimetableTest, ARunThatDiedRunsAgain) {
  EXPECT_THAT(live("2026-01-01 12:00", "2026-01-03 12:00", kMinute, true),
              ElementsAre("2026-01-02 06:00 for 2026-01-02 06:00"));
  EXPECT_THAT(live("2026-01-02 05:02", "2026-01-03 12:00"),
              ElementsAre("2026-01-02 06:02 for 2026-01-02 06:00", "2026-01-03 06:00 for 2026-01-03 06:00"));
}

TEST_F(TimetableTest, AnotherScheduleBeginsNow) {
  live("2026-01-01 12:00", "2026-01-02 12:00");
  set("0 7 * * *", Missed::once);
  EXPECT_THAT(live("2026-01-05 12:00", "2026-01-06 12:00"), ElementsAre("2026-01-06 07:00 for 2026-01-06 07:00"));
}

TEST_F(TimetableTest, ADamagedFileBeginsNow) {
  live("2026-01-01 12:00", "2026-01-02 12:00");
  for (const char* text : {"", "{", "[]", "7", "{\"schedule\": 7, \"seen_to_us\": \"x\"}"}) {
    ASSERT_TRUE(real_env().write_text(folder_ + "/schedule.json", text).has_value());
    EXPECT_THAT(live("2026-01-05 12:00", "2026-01-05 13:00"), IsEmpty()) << text;
  }
}

TEST_F(TimetableTest, TwoDoNotKeepOneSchedule) {
  Timetable first(real_env(), *settings_, folder_, [](const std::string&) {});
  Timetable second(real_env(), *settings_, folder_, [](const std::string&) {});
  ASSERT_TRUE(first.open("process 7").has_value());
  const auto refused = second.open("process 8");
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().text(), HasSubstr("kept already: is held by process 7"));
}

TEST_F(TimetableTest, WaitsForAnotherRun) {
  const auto env = virtual_clock_env(real_env(), utc("2026-01-02 04:59"));
  std::vector<std::string> said;
  Timetable timetable(*env, *settings_, folder_, [](const std::string&) {});
  ASSERT_TRUE(timetable.open("test").has_value());
  auto other = real_env().lock(folder_ + "/lock", "process 7");
  ASSERT_TRUE(other.has_value());
  int64_t ran_at = 0;
  const auto kept = keep_timetable(
      *env, timetable, folder_, settings_->schedule.zone(), {},
      [&](const std::string& line) {
        said.push_back(line);
        if (line.starts_with("a run is due")) {
          env->sleep_us(90 * kMinute);
          other->reset();
        }
      },
      [&](int64_t) {
        ran_at = env->now_us();
        return AfterRun::end;
      });
  ASSERT_TRUE(kept.has_value());
  EXPECT_THAT(said, ElementsAre(HasSubstr("next run at 2026-01-02 06:00 CET"), HasSubstr("waits for another one")));
  EXPECT_GE(ran_at, utc("2026-01-02 06:30"));
}

}  // namespace
}  // namespace trommel
