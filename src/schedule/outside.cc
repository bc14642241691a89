#include "schedule/outside.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace trommel::schedule {

namespace {

constexpr int64_t kSecond = 1'000'000, kMinute = 60 * kSecond, kDay = 1440 * kMinute;
constexpr const char* kWeekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

std::vector<int> values(uint64_t bits, int low, int high) {
  std::vector<int> out;
  for (int value = low; value <= high; ++value) {
    if ((bits >> value & 1) != 0) out.push_back(value);
  }
  return out;
}

/// `*` where it is all of them.
std::string listed(const std::vector<int>& some, int all, const char* format) {
  if (static_cast<int>(some.size()) == all) return "*";
  std::string out;
  for (const int value : some) out += (out.empty() ? "" : ",") + fmt::format(fmt::runtime(format), value);
  return out;
}

/// Times of a day as few products of hours and minutes.
using Grid = std::map<std::vector<int>, std::vector<int>>;  // minutes by the hours they share

/// The times of day, in UTC, of a step that fills a day and of which whole minutes pass. Nothing: it has none.
std::optional<Grid> grid_of(const Every& every, const Zone& zone, int64_t& second) {
  if (kDay % every.step_us != 0 || every.step_us % kMinute != 0) return std::nullopt;
  const int64_t begin = zone.shown(every.from, every.at).first_us;
  const int64_t first = ((begin % every.step_us) + every.step_us) % every.step_us;  // from midnight in UTC
  second = first % kMinute / kSecond;
  std::map<int, std::vector<int>> hours;  // by minute
  for (int64_t at = first; at < kDay; at += every.step_us)
    hours[static_cast<int>(at / kMinute % 60)].push_back(static_cast<int>(at / kMinute / 60));
  Grid grid;
  for (const auto& [minute, of_minute] : hours) grid[of_minute].push_back(minute);
  return grid;
}

/// Steps of days that a week or a day can say.
bool daily_or_weekly(const Every& every) { return every.days() == 1 || every.days() == 7; }

unsigned weekday_of(Day day) { return std::chrono::weekday(day).c_encoding(); }

std::vector<std::string> calendar_of(const Cron& cron, const Zone& zone) {
  const auto& [minute, hour, day, month, weekday] = cron.fields;
  std::string weekdays;
  for (const int value : values(weekday.values, 0, 6))
    weekdays += (weekdays.empty() ? "" : ",") + std::string(kWeekdays[value]);
  const std::string months = listed(values(month.values, 1, 12), 12, "{:02}");
  const std::string days = listed(values(day.values, 1, 31), 31, "{:02}");
  const std::string times = fmt::format("{}:{}:00 {}", listed(values(hour.values, 0, 23), 24, "{:02}"),
                                        listed(values(minute.values, 0, 59), 60, "{:02}"), zone.name());
  const bool any_weekday = values(weekday.values, 0, 6).size() == 7;
  const std::string prefix = any_weekday ? "" : weekdays + " ";
  const bool either = !day.star && !weekday.star;
  if (!either) return {fmt::format("{}*-{}-{} {}", prefix, months, days, times)};
  if (any_weekday || days == "*") return {fmt::format("*-{}-* {}", months, times)};
  return {fmt::format("*-{}-{} {}", months, days, times), fmt::format("{}*-{}-* {}", prefix, months, times)};
}

/// As every cron reads it: names and open steps written out.
std::string plain(const Cron::Field& field, int low, int high) {
  const std::string& text = field.text;
  const bool letters = std::any_of(text.begin(), text.end(), [](char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; });
  const bool open_step = text.find('/') != std::string::npos && text.find('-') == std::string::npos && !field.star;
  if (!letters && !open_step) return text;
  return fmt::format("{}", fmt::join(values(field.values, low, high), ","));
}

}  // namespace

std::optional<std::vector<std::string>> on_calendar(const Schedule& schedule) {
  const Zone& zone = schedule.zone();
  if (const Cron* cron = std::get_if<Cron>(&schedule.rule())) return calendar_of(*cron, zone);
  const Every& every = std::get<Every>(schedule.rule());
  if (every.days() > 0) {
    if (!daily_or_weekly(every)) return std::nullopt;
    std::string at = time_of_day_text(every.at);
    if (at.size() == 5) at += ":00";
    const std::string day = every.days() == 7 ? std::string(kWeekdays[weekday_of(every.from)]) + " " : "";
    return std::vector{fmt::format("{}*-*-* {} {}", day, at, zone.name())};
  }
  int64_t second = 0;
  const auto grid = grid_of(every, zone, second);
  if (!grid) return std::nullopt;
  std::vector<std::string> out;
  for (const auto& [hours, minutes] : *grid)
    out.push_back(
        fmt::format("*-*-* {}:{}:{:02} UTC", listed(hours, 24, "{:02}"), listed(minutes, 60, "{:02}"), second));
  return out;
}

std::optional<CronTable> cron_table(const Schedule& schedule) {
  CronTable table{schedule.zone().name(), {}};
  if (const Cron* cron = std::get_if<Cron>(&schedule.rule())) {
    const auto& [minute, hour, day, month, weekday] = cron->fields;
    table.fields.push_back(fmt::format("{} {} {} {} {}", plain(minute, 0, 59), plain(hour, 0, 23), plain(day, 1, 31),
                                       plain(month, 1, 12), plain(weekday, 0, 6)));
    return table;
  }
  const Every& every = std::get<Every>(schedule.rule());
  if (every.days() > 0) {
    const int64_t at = every.at.count();
    if (!daily_or_weekly(every) || at % 60 != 0) return std::nullopt;
    table.fields.push_back(fmt::format("{} {} * * {}", at / 60 % 60, at / 3600,
                                       every.days() == 7 ? std::to_string(weekday_of(every.from)) : "*"));
    return table;
  }
  int64_t second = 0;
  const auto grid = grid_of(every, schedule.zone(), second);
  if (!grid || second != 0) return std::nullopt;
  table.zone = "UTC";
  for (const auto& [hours, minutes] : *grid)
    table.fields.push_back(fmt::format("{} {} * * *", listed(minutes, 60, "{}"), listed(hours, 24, "{}")));
  return table;
}

}  // namespace trommel::schedule
