#include "telemetry/numbers.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>

namespace trommel {

namespace {

// Three figures at most: 1.2, 12.3, 123.
std::string short_number(double value) {
  if (value >= 99.95) return fmt::format("{:.0f}", value);
  std::string text = fmt::format("{:.1f}", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

}  // namespace

std::string count_text(int64_t count) {
  std::string digits = fmt::format("{}", count);
  const size_t first = count < 0 ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string rows_text(int64_t rows) { return count_text(rows) + (rows == 1 ? " row" : " rows"); }

std::string bytes_text(int64_t bytes) {
  static constexpr std::array<const char*, 6> units{"B", "kB", "MB", "GB", "TB", "PB"};
  if (bytes < 0) return "-" + bytes_text(bytes == INT64_MIN ? INT64_MAX : -bytes);
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{} {}", short_number(value), units[unit]);
}

std::string duration_text(int64_t us) {
  if (us < 1000) return fmt::format("{} us", us);
  if (us < 999'500) return fmt::format("{:.0f} ms", static_cast<double>(us) / 1e3);
  const double seconds = static_cast<double>(us) / 1e6;
  if (seconds < 59.95) return short_number(seconds) + " s";
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600)
    return whole % 60 == 0 ? fmt::format("{} min", whole / 60) : fmt::format("{} min {} s", whole / 60, whole % 60);
  return whole / 60 % 60 == 0 ? fmt::format("{} h", whole / 3600)
                              : fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

std::string share_text(double share) {
  if (!(share > 0)) return "0%";
  if (share >= 1) return "100%";
  const double percent = share * 100;
  if (percent >= 10) return fmt::format("{:.0f}%", std::floor(percent));
  if (percent < 0.1) return "<0.1%";
  std::string text = fmt::format("{:.1f}", percent);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text + "%";
}

std::string time_text(int64_t us) {
  using namespace std::chrono;
  const auto moment = floor<seconds>(sys_time<microseconds>(microseconds(us)));
  const auto day = floor<days>(moment);
  const year_month_day date(day);
  const hh_mm_ss clock(moment - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

}  // namespace trommel
