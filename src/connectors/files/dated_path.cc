#include "connectors/files/dated_path.h"

#include <fmt/format.h>

#include "connectors/files/glob.h"

namespace trommel {

namespace {

constexpr std::string_view kOpen = "{date:";

/// Digits of `%Y`, `%m`, `%d`; 0: another one.
int digits_of(char part) { return part == 'Y' ? 4 : part == 'm' || part == 'd' ? 2 : 0; }

/// The text of a format with each part as `replaced` says.
template <class Replaced>
std::string with_parts(std::string_view format, const Replaced& replaced) {
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] == '%' && i + 1 < format.size()) {
      out += replaced(format[++i]);
    } else {
      out += format[i];
    }
  }
  return out;
}

/// The day that `text` begins with.
std::optional<schedule::Day> day_at(std::string_view format, std::string_view text) {
  int parts[3] = {0, 0, 0};  // year, month, day
  size_t at = 0;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      if (at >= text.size() || text[at++] != format[i]) return std::nullopt;
      continue;
    }
    const char part = format[++i];
    int value = 0;
    for (int digit = 0; digit < digits_of(part); ++digit, ++at) {
      if (at >= text.size() || text[at] < '0' || text[at] > '9') return std::nullopt;
      value = value * 10 + (text[at] - '0');
    }
    parts[part == 'Y' ? 0 : part == 'm' ? 1 : 2] = value;
  }
  return schedule::parse_day(fmt::format("{:04}-{:02}-{:02}", parts[0], parts[1], parts[2]));
}

}  // namespace

DatedPath::DatedPath(std::string pattern) : pattern_(std::move(pattern)) {
  for (size_t at = 0; at < pattern_.size();) {
    const size_t open = std::min(pattern_.find(kOpen, at), pattern_.size());
    glob_ += pattern_.substr(at, open - at);
    if (open == pattern_.size()) break;
    const size_t close = pattern_.find('}', open);
    if (close == std::string::npos) {
      mistake_ = "`{date:` is not closed";
      return;
    }
    std::string format = pattern_.substr(open + kOpen.size(), close - open - kOpen.size());
    std::string seen;
    with_parts(format, [&](char part) {
      seen += part;
      return "";
    });
    if (seen.empty() || format.ends_with('%') || seen.find_first_not_of("Ymd") != std::string::npos) {
      mistake_ = fmt::format("`{{date:{}}}` must be made of %Y, %m and %d", format);
      return;
    }
    if (seen.find('Y') != std::string::npos && seen.find('m') != std::string::npos &&
        seen.find('d') != std::string::npos) {
      whole_ = format;
      in_name_ = pattern_.find('/', close) == std::string::npos && format.find('/') == std::string::npos;
    }
    glob_ += with_parts(format, [](char part) {
      std::string out;
      for (int digit = 0; digit < digits_of(part); ++digit) out += "[0-9]";
      return out;
    });
    formats_.push_back(std::move(format));
    at = close + 1;
  }
  if (dated() && whole_.empty()) mistake_ = "one `{date:...}` of a path must hold the whole day: %Y, %m and %d";
}

std::string DatedPath::of_day(schedule::Day day) const {
  const std::string date = schedule::day_text(day);
  std::string out;
  size_t at = 0;
  for (const std::string& format : formats_) {
    const size_t open = pattern_.find(kOpen, at);
    out += pattern_.substr(at, open - at);
    out += with_parts(format, [&](char part) {
      return part == 'Y' ? date.substr(0, 4) : part == 'm' ? date.substr(5, 2) : date.substr(8, 2);
    });
    at = pattern_.find('}', open) + 1;
  }
  return out + pattern_.substr(at);
}

std::optional<schedule::Day> DatedPath::day_of(std::string_view path) const {
  if (!dated() || !mistake_.empty()) return std::nullopt;
  for (size_t at = 0; at < path.size(); ++at) {
    const auto day = day_at(whole_, path.substr(at));
    if (day && path_matches(of_day(*day), path)) return day;
  }
  return std::nullopt;
}

std::string missing_days(const schedule::Days& days, const std::set<schedule::Day>& seen) {
  constexpr int64_t listed_max = 10;
  if (seen.empty()) return {};
  const schedule::Days any;
  const auto first = days.first == any.first ? *seen.begin() : days.first;
  const auto last = days.last == any.last ? *seen.rbegin() : days.last;
  std::string listed;
  int64_t count = 0;
  for (auto day = first; day <= last; day += std::chrono::days(1)) {
    if (seen.contains(day)) continue;
    if (++count <= listed_max) listed += (listed.empty() ? "" : ", ") + schedule::day_text(day);
  }
  if (count == 0) return {};
  if (count > listed_max) listed += fmt::format(" and {} days more", count - listed_max);
  return "there is no file of " + listed;
}

}  // namespace trommel
