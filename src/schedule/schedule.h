// Schedule: when something is due, as pure arithmetic on instants (microseconds since 1970 in UTC).
//
// Where clocks change: a fixed time that the clocks jump past is due at the jump, once however many times fall into the
// gap; one that they show twice is due the first time. A cron text whose hour begins with `*` follows the clock as it
// shows instead: times that are jumped past are left out, times shown twice are due twice, so that `0 * * * *` stays
// hourly. Steps of less than a day are counted in elapsed time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "schedule/cron.h"
#include "schedule/zone.h"

namespace trommel::schedule {

/// `every: 2d, at: "06:00", from: 2026-01-01`.
struct Every {
  int64_t step_us = 0;  ///< whole days are days of the calendar
  Day from{};
  std::chrono::seconds at{0};

  int64_t days() const;  ///< 0: not of whole days
};

class Schedule {
 public:
  Schedule(std::variant<Cron, Every> rule, Zone zone) : rule_(std::move(rule)), zone_(std::move(zone)) {}

  /// The first due time after `us`; nothing when there is none in the next ten years.
  std::optional<int64_t> next(int64_t us) const;
  /// The last due time at or before `us`; likewise.
  std::optional<int64_t> latest(int64_t us) const;

  const Zone& zone() const { return zone_; }
  const std::variant<Cron, Every>& rule() const { return rule_; }
  /// `cron 0 6 * * *, Europe/Berlin`; two schedules of one text are equal.
  std::string text() const;

 private:
  std::vector<int64_t> of_day(Day day) const;  ///< due times of a day, in order
  std::optional<int64_t> stepped(int64_t us, bool after) const;

  std::variant<Cron, Every> rule_;
  Zone zone_;
};

/// From the first to the last, both with them.
struct Days {
  Day first = Day(std::chrono::year(0) / 1 / 1), last = Day(std::chrono::year(9999) / 12 / 31);
  bool has(Day day) const { return first <= day && day <= last; }
};

/// `06:00` or `06:00:30`.
std::optional<std::chrono::seconds> parse_time_of_day(std::string_view text);
std::string time_of_day_text(std::chrono::seconds time);
/// `2026-01-01`, a day that there is.
std::optional<Day> parse_day(std::string_view text);
std::string day_text(Day day);
/// `2d`, `90m`: in the largest unit that divides it.
std::string step_text(int64_t us);

}  // namespace trommel::schedule
