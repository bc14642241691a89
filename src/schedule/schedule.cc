#include "schedule/schedule.h"

#include <fmt/format.h>

#include <algorithm>

namespace trommel::schedule {

namespace {

constexpr int64_t kDay = 86'400'000'000;
constexpr int kHorizon = 3660;  // days; the 29th of February is at most eight years away

bool digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

int number(std::string_view text) {
  int out = 0;
  for (const char c : text) out = out * 10 + (c - '0');
  return out;
}

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

int64_t Every::days() const { return step_us % kDay == 0 ? step_us / kDay : 0; }

std::vector<int64_t> Schedule::of_day(Day day) const {
  std::vector<int64_t> out;
  if (const Every* every = std::get_if<Every>(&rule_)) {
    const int64_t since = (day - every->from).count();
    if (since >= 0 && since % every->days() == 0) out.push_back(zone_.shown(day, every->at).first_us);
    return out;
  }
  const Cron& cron = std::get<Cron>(rule_);
  if (!cron.has(day)) return out;
  const bool as_shown = cron.fields[Cron::hour].star;
  for (unsigned hour = 0; hour < 24; ++hour) {
    if (!cron.fields[Cron::hour].has(hour)) continue;
    for (unsigned minute = 0; minute < 60; ++minute) {
      if (!cron.fields[Cron::minute].has(minute)) continue;
      const auto shown = zone_.shown(day, std::chrono::minutes(hour * 60 + minute));
      if (as_shown && shown.times == Zone::Shown::Times::never) continue;
      out.push_back(shown.first_us);
      if (as_shown && shown.times == Zone::Shown::Times::twice) out.push_back(shown.second_us);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::optional<int64_t> Schedule::stepped(int64_t us, bool after) const {
  const Every& every = std::get<Every>(rule_);
  const int64_t begin = zone_.shown(every.from, every.at).first_us;
  const int64_t steps = floor_div(us - begin, every.step_us);  // the last at or before `us`
  if (!after) return steps < 0 ? std::nullopt : std::optional(begin + steps * every.step_us);
  return begin + std::max<int64_t>(steps + 1, 0) * every.step_us;
}

std::optional<int64_t> Schedule::next(int64_t us) const {
  const Every* every = std::get_if<Every>(&rule_);
  if (every != nullptr && every->days() == 0) return stepped(us, true);
  // Clocks that jump across midnight move a due time to the day after.
  Day day = zone_.day_of(us) - std::chrono::days(1);
  int64_t looked = kHorizon;
  if (every != nullptr) {
    if (day < every->from) day = every->from;
    day += std::chrono::days((every->days() - (day - every->from).count() % every->days()) % every->days());
    looked = every->days() * 3;
  }
  for (const Day end = day + std::chrono::days(looked); day <= end;
       day += std::chrono::days(every != nullptr ? every->days() : 1)) {
    for (const int64_t due : of_day(day)) {
      if (due > us) return due;
    }
  }
  return std::nullopt;
}

std::optional<int64_t> Schedule::latest(int64_t us) const {
  const Every* every = std::get_if<Every>(&rule_);
  if (every != nullptr && every->days() == 0) return stepped(us, false);
  Day day = zone_.day_of(us) + std::chrono::days(1);
  int64_t looked = kHorizon, step = 1;
  if (every != nullptr) {
    if (day < every->from) return std::nullopt;
    step = every->days();
    day -= std::chrono::days((day - every->from).count() % step);
    looked = step * 3;
  }
  for (const Day end = day - std::chrono::days(looked); day >= end; day -= std::chrono::days(step)) {
    const auto dues = of_day(day);
    for (auto due = dues.rbegin(); due != dues.rend(); ++due) {
      if (*due <= us) return *due;
    }
  }
  return std::nullopt;
}

std::string Schedule::text() const {
  if (const Cron* cron = std::get_if<Cron>(&rule_)) return fmt::format("cron `{}`, {}", cron->text, zone_.name());
  const Every& every = std::get<Every>(rule_);
  const std::string step = "every " + step_text(every.step_us), at = time_of_day_text(every.at);
  if (every.from != Day{}) return fmt::format("{} from {} {}, {}", step, day_text(every.from), at, zone_.name());
  const bool from_midnight = every.days() == 0 && every.at.count() == 0;
  return fmt::format("{}{}, {}", step, from_midnight ? "" : " at " + at, zone_.name());
}

std::optional<std::chrono::seconds> parse_time_of_day(std::string_view text) {
  if (text.size() != 5 && text.size() != 8) return std::nullopt;
  int parts[3] = {0, 0, 0};
  for (size_t i = 0; i * 3 < text.size(); ++i) {
    if (!digits(text.substr(i * 3, 2)) || (i > 0 && text[i * 3 - 1] != ':')) return std::nullopt;
    parts[i] = number(text.substr(i * 3, 2));
  }
  if (parts[0] > 23 || parts[1] > 59 || parts[2] > 59) return std::nullopt;
  return std::chrono::hours(parts[0]) + std::chrono::minutes(parts[1]) + std::chrono::seconds(parts[2]);
}

std::string time_of_day_text(std::chrono::seconds time) {
  const int64_t seconds = time.count();
  std::string out = fmt::format("{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
  return seconds % 60 == 0 ? out : out + fmt::format(":{:02}", seconds % 60);
}

std::optional<Day> parse_day(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const std::string_view year = text.substr(0, 4), month = text.substr(5, 2), day = text.substr(8, 2);
  if (!digits(year) || !digits(month) || !digits(day)) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(number(year)),
                                         std::chrono::month(static_cast<unsigned>(number(month))),
                                         std::chrono::day(static_cast<unsigned>(number(day))));
  if (!date.ok()) return std::nullopt;
  return Day(date);
}

std::string day_text(Day day) {
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string step_text(int64_t us) {
  for (const auto& [unit, size] : {std::pair{"d", kDay}, std::pair{"h", kDay / 24}, std::pair{"m", kDay / 1440}}) {
    if (us % size == 0) return fmt::format("{}{}", us / size, unit);
  }
  return fmt::format("{}s", us / 1'000'000);
}

}  // namespace trommel::schedule
