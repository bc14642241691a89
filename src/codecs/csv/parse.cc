#include "codecs/csv/parse.h"

#include <string>

namespace trommel::csv {

namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

/// `least` to `most` digits at `at`, moved on behind them.
bool take_number(std::string_view text, size_t& at, size_t least, size_t most, int64_t& value) {
  value = 0;
  size_t count = 0;
  while (at < text.size() && count < most && digit(text[at])) {
    value = value * 10 + (text[at] - '0');
    ++at;
    ++count;
  }
  return count >= least;
}

/// The digits behind the dot of seconds. Refused where a digit would be lost.
bool take_fraction(std::string_view text, size_t& at, int64_t& us, int32_t* ns) {
  int64_t number = 0;
  size_t count = 0;
  for (; at < text.size() && digit(text[at]); ++at, ++count) {
    if (count < 9) {
      number = number * 10 + (text[at] - '0');
    } else if (text[at] != '0') {
      return false;
    }
  }
  if (count == 0) return false;
  for (; count < 9; ++count) number *= 10;
  us = number / 1000;
  if (ns != nullptr) *ns = static_cast<int32_t>(number % 1000);
  return ns != nullptr || number % 1000 == 0;
}

/// `Z`, `+01:00`, `+0100`, `+01`.
bool take_zone(std::string_view text, size_t& at, int64_t& us) {
  us = 0;
  if (at < text.size() && (text[at] == 'Z' || text[at] == 'z')) {
    ++at;
    return true;
  }
  if (at >= text.size() || (text[at] != '+' && text[at] != '-')) return false;
  const int64_t sign = text[at] == '-' ? -1 : 1;
  ++at;
  int64_t hours = 0, minutes = 0;
  if (!take_number(text, at, 2, 2, hours)) return false;
  const bool colon = at < text.size() && text[at] == ':';
  if (colon) ++at;
  if (colon || (at < text.size() && digit(text[at]))) {
    if (!take_number(text, at, 2, 2, minutes)) return false;
  }
  if (hours > 15 || minutes > 59) return false;
  us = sign * (hours * 60 + minutes) * 60000000;
  return true;
}

constexpr std::array<std::string_view, 12> kMonths = {"january",   "february", "march",    "april",
                                                      "may",       "june",     "july",     "august",
                                                      "september", "october",  "november", "december"};

bool take_month_name(std::string_view text, size_t& at, int64_t& month) {
  for (size_t i = 0; i < kMonths.size(); ++i) {
    size_t same = 0;
    while (same < kMonths[i].size() && at + same < text.size() && (text[at + same] | 0x20) == kMonths[i][same]) ++same;
    if (same < 3) continue;
    at += same == kMonths[i].size() ? same : 3;
    month = static_cast<int64_t>(i) + 1;
    return true;
  }
  return false;
}

}  // namespace

std::string DateLayout::text() const {
  const std::string s(1, separator);
  switch (order) {
    case Order::ymd:
      return "YYYY" + s + "MM" + s + "DD";
    case Order::dmy:
      return "DD" + s + "MM" + s + "YYYY";
    case Order::mdy:
      return "MM" + s + "DD" + s + "YYYY";
  }
  return {};
}

bool parse_date_front(const char* data, size_t size, DateLayout layout, int32_t& days, size_t& used) {
  const std::string_view text(data, size);
  size_t at = 0;
  int64_t first = 0, second = 0, third = 0;
  const bool year_first = layout.order == DateLayout::Order::ymd;
  if (!take_number(text, at, year_first ? 4 : 1, year_first ? 4 : 2, first)) return false;
  if (at >= size || text[at++] != layout.separator) return false;
  if (!take_number(text, at, year_first ? 2 : 1, 2, second)) return false;
  if (at >= size || text[at++] != layout.separator) return false;
  if (!take_number(text, at, year_first ? 2 : 4, year_first ? 2 : 4, third)) return false;
  if (at < size && digit(text[at])) return false;
  const int64_t year = year_first ? first : third;
  const int64_t month = layout.order == DateLayout::Order::mdy ? first : second;
  const int64_t day = year_first ? third : layout.order == DateLayout::Order::mdy ? second : first;
  if (!is_date(static_cast<int32_t>(year), static_cast<uint32_t>(month), static_cast<uint32_t>(day))) return false;
  days = days_of(static_cast<int32_t>(year), static_cast<uint32_t>(month), static_cast<uint32_t>(day));
  used = at;
  return true;
}

bool parse_time_front(const char* data, size_t size, int64_t& us, size_t& used, int32_t* ns) {
  const std::string_view text(data, size);
  size_t at = 0;
  int64_t hour = 0, minute = 0, second = 0, fraction = 0;
  if (!take_number(text, at, 2, 2, hour) || at >= size || text[at++] != ':') return false;
  if (!take_number(text, at, 2, 2, minute)) return false;
  if (at < size && text[at] == ':') {
    ++at;
    if (!take_number(text, at, 2, 2, second)) return false;
    if (at < size && text[at] == '.') {
      ++at;
      if (!take_fraction(text, at, fraction, ns)) return false;
    }
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  us = ((hour * 60 + minute) * 60 + second) * 1000000 + fraction;
  used = at;
  return true;
}

bool parse_time(const char* at, size_t size, int64_t& us, int32_t* ns) {
  size_t used = 0;
  return size >= 8 && parse_time_front(at, size, us, used, ns) && used == size;
}

bool parse_timestamp_slow(const char* data, size_t size, DateLayout layout, Zone zone, int64_t& us, int32_t* ns) {
  const std::string_view text(data, size);
  int32_t days = 0;
  size_t at = 0, used = 0;
  if (!parse_date_front(data, size, layout, days, at)) return false;
  us = int64_t{days} * 86400000000;
  if (at == size) return zone != Zone::required;
  if (text[at] != ' ' && text[at] != 'T') return false;
  ++at;
  int64_t of_day = 0;
  if (!parse_time_front(data + at, size - at, of_day, used, ns)) return false;
  us += of_day;
  at += used;
  if (at == size) return zone != Zone::required;
  if (zone == Zone::none) return false;
  if (text[at] == ' ') ++at;
  int64_t offset = 0;
  if (!take_zone(text, at, offset) || at != size) return false;
  us -= offset;
  return true;
}

template <bool strict>
DecimalOutcome parse_decimal(const char* at, size_t size, int precision, int scale, __int128& value) {
  const char* end = at + size;
  const bool minus = at < end && *at == '-';
  if (minus || (!strict && at < end && *at == '+')) ++at;
  if (strict && end - at > 1 && *at == '0' && digit(at[1])) return DecimalOutcome::not_a_number;
  __int128 number = 0;
  int digits = 0, decimals = 0;
  bool dot = false, any = false, too_long = false;
  for (; at < end; ++at) {
    if (*at == '.' && !dot) {
      dot = true;
      continue;
    }
    if (!digit(*at)) return DecimalOutcome::not_a_number;
    any = true;
    if (dot && decimals == scale) {
      if (*at != '0') too_long = true;
      continue;
    }
    if (dot) ++decimals;
    if (digits == 38) {
      too_long = true;
      continue;
    }
    number = number * 10 + (*at - '0');
    if (number != 0) ++digits;
  }
  if (!any) return DecimalOutcome::not_a_number;
  for (; decimals < scale && !too_long; ++decimals) {
    if (digits == 38) too_long = true;
    number *= 10;
    if (number != 0) ++digits;
  }
  if (too_long || digits > precision) return DecimalOutcome::too_long;
  value = minus ? -number : number;
  return DecimalOutcome::ok;
}
template DecimalOutcome parse_decimal<true>(const char*, size_t, int, int, __int128&);
template DecimalOutcome parse_decimal<false>(const char*, size_t, int, int, __int128&);

std::string unknown_directive(std::string_view pattern) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') continue;
    const char c = i + 1 < pattern.size() ? pattern[++i] : '\0';
    if (std::string_view("YymdHIMSfpzbBjTF%").find(c) == std::string_view::npos || c == '\0')
      return c == '\0' ? "%" : std::string("%") + c;
  }
  return {};
}

bool parse_by_pattern(std::string_view text, std::string_view pattern, int64_t& us, bool& zoned, int32_t* ns) {
  int64_t year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, fraction = 0, offset = 0, day_of_year = 0;
  bool twelve = false, afternoon = false;
  zoned = false;
  size_t at = 0;
  const auto match = [&](auto&& self, std::string_view rest) -> bool {
    for (size_t i = 0; i < rest.size(); ++i) {
      if (rest[i] == ' ') {
        while (at < text.size() && text[at] == ' ') ++at;
        continue;
      }
      if (rest[i] != '%' || i + 1 == rest.size()) {
        if (at >= text.size() || text[at++] != rest[i]) return false;
        continue;
      }
      bool fits = true;
      switch (rest[++i]) {
        case 'Y':
          fits = take_number(text, at, 4, 4, year);
          break;
        case 'y':
          fits = take_number(text, at, 2, 2, year);
          year += year < 69 ? 2000 : 1900;
          break;
        case 'm':
          fits = take_number(text, at, 1, 2, month);
          break;
        case 'd':
          fits = take_number(text, at, 1, 2, day);
          break;
        case 'j':
          fits = take_number(text, at, 1, 3, day_of_year) && day_of_year > 0;
          break;
        case 'H':
          fits = take_number(text, at, 1, 2, hour);
          break;
        case 'I':
          twelve = true;
          fits = take_number(text, at, 1, 2, hour) && hour >= 1 && hour <= 12;
          break;
        case 'M':
          fits = take_number(text, at, 1, 2, minute);
          break;
        case 'S':
          fits = take_number(text, at, 1, 2, second);
          break;
        case 'f':
          fits = take_fraction(text, at, fraction, ns);
          break;
        case 'p':
          fits = at + 1 < text.size() && (text[at + 1] | 0x20) == 'm' &&
                 ((text[at] | 0x20) == 'a' || (text[at] | 0x20) == 'p');
          if (fits) afternoon = (text[at] | 0x20) == 'p';
          at += 2;
          break;
        case 'z':
          fits = zoned = take_zone(text, at, offset);
          break;
        case 'b':
        case 'B':
          fits = take_month_name(text, at, month);
          break;
        case 'T':
          fits = self(self, "%H:%M:%S");
          break;
        case 'F':
          fits = self(self, "%Y-%m-%d");
          break;
        case '%':
          fits = at < text.size() && text[at++] == '%';
          break;
        default:
          fits = false;
      }
      if (!fits) return false;
    }
    return true;
  };
  if (!match(match, pattern) || at != text.size()) return false;
  if (twelve) hour = hour % 12 + (afternoon ? 12 : 0);
  if (hour > 23 || minute > 59 || second > 59 ||
      !is_date(static_cast<int32_t>(year), static_cast<uint32_t>(month), static_cast<uint32_t>(day)))
    return false;
  int64_t days = days_of(static_cast<int32_t>(year), static_cast<uint32_t>(month), static_cast<uint32_t>(day));
  if (day_of_year > 0) {
    days = days_of(static_cast<int32_t>(year), 1, 1) + day_of_year - 1;
    if (days >= days_of(static_cast<int32_t>(year) + 1, 1, 1)) return false;
  }
  us = ((days * 24 + hour) * 60 + minute) * 60000000 + second * 1000000 + fraction - offset;
  return true;
}

}  // namespace trommel::csv
