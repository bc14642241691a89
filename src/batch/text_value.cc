#include "batch/text_value.h"

#include <charconv>
#include <chrono>
#include <string>

namespace trommel {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Exactly `count` digits from the front of `text`, taken off it.
std::optional<int> take_digits(std::string_view& text, size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!is_digit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<int32_t> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return static_cast<int32_t>(std::chrono::sys_days{date}.time_since_epoch().count());
}

/// Digits behind the point as units; nothing when one that is not 0 is finer than a unit.
std::optional<int64_t> take_fraction(std::string_view& text, int64_t per_second) {
  if (text.empty() || !is_digit(text[0])) return std::nullopt;
  int64_t value = 0, unit = per_second;
  while (!text.empty() && is_digit(text[0])) {
    const int digit = text[0] - '0';
    text.remove_prefix(1);
    if (unit % 10 == 0) {
      unit /= 10;
      value += digit * unit;
    } else if (digit != 0) {
      return std::nullopt;
    }
  }
  return value;
}

std::optional<int64_t> take_time(std::string_view& text, int64_t per_second) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  int64_t value = (int64_t{*hour} * 60 + *minute) * 60 * per_second;
  if (!take(text, ':')) return value;
  const auto second = take_digits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  value += *second * per_second;
  if (!take(text, '.')) return value;
  const auto fraction = take_fraction(text, per_second);
  if (!fraction) return std::nullopt;
  return value + *fraction;
}

/// `Z`, `+02`, `+02:00`, `-0330` as seconds east of UTC.
std::optional<int> take_zone(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) return 0;
  const bool west = text.starts_with('-');
  if (!take(text, '-') && !take(text, '+')) return std::nullopt;
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 15) return std::nullopt;
  int minutes = 0;
  if (take(text, ':') || !text.empty()) {
    const auto given = take_digits(text, 2);
    if (!given || *given > 59) return std::nullopt;
    minutes = *given;
  }
  const int seconds = (*hours * 60 + minutes) * 60;
  return west ? -seconds : seconds;
}

bool same_word(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]) != lower[i]) return false;
  }
  return true;
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<bool> bool_from_text(std::string_view text) {
  for (const char* word : {"true", "t", "yes", "1"}) {
    if (same_word(text, word)) return true;
  }
  for (const char* word : {"false", "f", "no", "0"}) {
    if (same_word(text, word)) return false;
  }
  return std::nullopt;
}

template <class I>
std::optional<I> integer_from_text(std::string_view text) {
  if (take(text, '+') && text.starts_with('-')) return std::nullopt;
  I value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}
template std::optional<int8_t> integer_from_text(std::string_view);
template std::optional<int16_t> integer_from_text(std::string_view);
template std::optional<int32_t> integer_from_text(std::string_view);
template std::optional<int64_t> integer_from_text(std::string_view);
template std::optional<uint8_t> integer_from_text(std::string_view);
template std::optional<uint16_t> integer_from_text(std::string_view);
template std::optional<uint32_t> integer_from_text(std::string_view);
template std::optional<uint64_t> integer_from_text(std::string_view);

template <class F>
std::optional<F> real_from_text(std::string_view text) {
  if (take(text, '+') && text.starts_with('-')) return std::nullopt;
  F value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}
template std::optional<float> real_from_text(std::string_view);
template std::optional<double> real_from_text(std::string_view);

std::optional<__int128> decimal_from_text(std::string_view text, int precision, int scale) {
  const bool negative = text.starts_with('-');
  if (!take(text, '-')) take(text, '+');
  __int128 value = 0;
  int digits = 0, behind = 0;  // digits counts from the first that is not 0
  bool any = false, in_fraction = false;
  for (const char c : text) {
    if (c == '.' && !in_fraction) {
      in_fraction = true;
      continue;
    }
    if (!is_digit(c)) return std::nullopt;
    any = true;
    if (in_fraction && behind == scale) {
      if (c != '0') return std::nullopt;
      continue;
    }
    if (in_fraction) ++behind;
    if (digits > 0 || c != '0') ++digits;
    if (digits > precision) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (!any) return std::nullopt;
  for (; behind < scale; ++behind) {
    if (value != 0 && ++digits > precision) return std::nullopt;
    value *= 10;
  }
  return negative ? -value : value;
}

std::optional<int32_t> date_from_text(std::string_view text) {
  const auto days = take_date(text);
  return text.empty() ? days : std::nullopt;
}

std::optional<int64_t> time_from_text(std::string_view text, int64_t per_second) {
  const auto value = take_time(text, per_second);
  return text.empty() ? value : std::nullopt;
}

std::optional<TextTimestamp> timestamp_from_text(std::string_view text, int64_t per_second) {
  const auto days = take_date(text);
  if (!days) return std::nullopt;
  int64_t seconds = int64_t{*days} * 86400, units = 0;
  TextTimestamp out;
  if (!text.empty()) {
    if (!take(text, 'T') && !take(text, ' ') && !take(text, 't')) return std::nullopt;
    const auto time = take_time(text, per_second);
    if (!time) return std::nullopt;
    units = *time;
    if (!text.empty()) {
      take(text, ' ');
      const auto east = take_zone(text);
      if (!east || !text.empty()) return std::nullopt;
      seconds -= *east;
      out.has_zone = true;
    }
  }
  if (__builtin_mul_overflow(seconds, per_second, &out.value) || __builtin_add_overflow(out.value, units, &out.value))
    return std::nullopt;
  return out;
}

bool uuid_from_text(std::string_view text, uint8_t* bytes) {
  const bool dashed = text.size() == 36;
  if (!dashed && text.size() != 32) return false;
  size_t nibbles = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (dashed && (i == 8 || i == 13 || i == 18 || i == 23)) {
      if (text[i] != '-') return false;
      continue;
    }
    const int value = hex_value(text[i]);
    if (value < 0) return false;
    uint8_t& byte = bytes[nibbles / 2];
    byte = static_cast<uint8_t>(nibbles % 2 == 0 ? value << 4 : byte | value);
    ++nibbles;
  }
  return nibbles == 32;
}

}  // namespace trommel
