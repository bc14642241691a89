// Text to values, one function a type. All of them read up to 8 bytes at once and so beyond the end of the text
// (kPadding covers it), allocate nothing, take the whole text or refuse it, and never round an integer or drop a digit
// of a date.
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

namespace trommel::csv {

inline uint64_t load8(const char* at) {
  uint64_t bytes;
  std::memcpy(&bytes, at, 8);
  return bytes;
}

/// Each of the 8 bytes is a digit.
inline bool all_digits(uint64_t bytes) {
  return (((bytes + 0x4646464646464646) | (bytes - 0x3030303030303030)) & 0x8080808080808080) == 0;
}

/// The number that 8 digits make; the first of them lies lowest. Three multiplications that add up neighbours (Lemire,
/// "Quickly parsing eight digits", 2018).
inline uint32_t eight_digits(uint64_t bytes) {
  bytes -= 0x3030303030303030;
  bytes = bytes * 10 + (bytes >> 8);
  bytes =
      ((bytes & 0x000000FF000000FF) * 0x000F424000000064 + ((bytes >> 16) & 0x000000FF000000FF) * 0x0000271000000001) >>
      32;
  return static_cast<uint32_t>(bytes);
}

/// The first `count` (1..8) of 8 bytes, with digits 0 put before them.
inline uint64_t right_aligned(uint64_t bytes, size_t count) {
  return (bytes << (64 - 8 * count)) | ((uint64_t{0x3030303030303030} >> (4 * count)) >> (4 * count));
}

/// 1..19 digits, nothing else.
inline bool parse_digits(const char* at, size_t count, uint64_t& value) {
  if (count == 0 || count > 19) return false;
  uint64_t bytes = right_aligned(load8(at), count > 8 ? (count - 1) % 8 + 1 : count);
  if (!all_digits(bytes)) return false;
  value = eight_digits(bytes);
  if (count <= 8) return true;
  size_t done = (count - 1) % 8 + 1;
  while (done < count) {
    bytes = load8(at + done);
    if (!all_digits(bytes)) return false;
    value = value * 100000000 + eight_digits(bytes);
    done += 8;
  }
  return true;
}

/// `strict`: no `+` and no superfluous leading zero, because the number would not be written that way again.
template <bool strict>
inline bool parse_int64(const char* at, size_t size, int64_t& value) {
  if (size == 0) return false;
  const bool minus = *at == '-';
  if (minus || (!strict && *at == '+')) {
    ++at;
    --size;
  }
  if constexpr (strict) {
    if (size > 1 && *at == '0') return false;
    if (minus && size == 1 && *at == '0') return false;
  } else {
    while (size > 19 && *at == '0') {
      ++at;
      --size;
    }
  }
  uint64_t digits = 0;
  if (!parse_digits(at, size, digits)) return false;
  if (digits > uint64_t{std::numeric_limits<int64_t>::max()} + (minus ? 1 : 0)) return false;
  value = minus ? static_cast<int64_t>(0 - digits) : static_cast<int64_t>(digits);
  return true;
}

/// 0 to 2^64-1, for contracts.
inline bool parse_uint64(const char* at, size_t size, uint64_t& value) {
  if (size > 0 && *at == '+') {
    ++at;
    --size;
  }
  const auto [end, error] = std::from_chars(at, at + size, value);
  return size > 0 && error == std::errc{} && end == at + size;
}

inline constexpr std::array<double, 23> kPowersOfTen = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                        1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                        1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/// The words that std::from_chars takes besides digits; written out so that nothing else slips through.
inline bool is_double_word(std::string_view word) {
  if (!word.empty() && word[0] == '-') word.remove_prefix(1);
  if (word.size() != 3 && word.size() != 8) return false;
  std::array<char, 8> lower{};
  for (size_t i = 0; i < word.size(); ++i) lower[i] = static_cast<char>(word[i] | 0x20);
  const std::string_view text(lower.data(), word.size());
  return text == "nan" || text == "inf" || text == "infinity";
}

/// A whole number that 17 digits and some zeros cannot hold.
inline bool integer_with_more_digits(std::string_view digits) {
  while (!digits.empty() && digits.back() == '0') digits.remove_suffix(1);
  return digits.size() > 17 && digits.find_first_not_of("0123456789") == std::string_view::npos;
}

template <bool strict>
inline bool parse_double_slow(const char* at, size_t size, double& value) {
  if (!strict && size > 1 && *at == '+' && at[1] != '-') {
    ++at;
    --size;
  }
  if (size == 0) return false;
  const size_t first = *at == '-' && size > 1 ? 1 : 0;
  if (at[first] != '.' && (at[first] < '0' || at[first] > '9')) {
    if (!is_double_word({at, size})) return false;
  }
  if (strict && size > first + 1 && at[first] == '0' && at[first + 1] >= '0' && at[first + 1] <= '9') return false;
  if (strict && size > 17 && integer_with_more_digits({at + first, size - first})) return false;
  const auto [end, error] = std::from_chars(at, at + size, value);
  return error == std::errc{} && end == at + size;
}

/// Exact: up to 15 digits and a power of ten up to 10^22 are divided as they are (Clinger, "How to Read Floating Point
/// Numbers Accurately", 1990), the rest is std::from_chars. Too large or too small for a double is a refusal.
template <bool strict>
inline bool parse_double(const char* text, size_t size, double& value) {
  const char* at = text;
  size_t left = size;
  const bool minus = left > 0 && *at == '-';
  if (minus) {
    ++at;
    --left;
  }
  if (left == 0 || left > 16) return parse_double_slow<strict>(text, size, value);
  // Where the dot stands, if it is among the first 8 bytes (or the second 8).
  const auto dot_in = [](uint64_t bytes) {
    const uint64_t x = bytes ^ 0x2E2E2E2E2E2E2E2E;
    return (x - 0x0101010101010101) & ~x & 0x8080808080808080;
  };
  const uint64_t head = load8(at);
  size_t dot = left;
  if (const uint64_t found = dot_in(head); found != 0) {
    dot = static_cast<size_t>(__builtin_ctzll(found)) / 8;
  } else if (left > 8) {
    if (const uint64_t behind = dot_in(load8(at + 8)); behind != 0)
      dot = 8 + static_cast<size_t>(__builtin_ctzll(behind)) / 8;
  }
  if (strict && *at == '0' && left > 1 && dot != 1) return parse_double_slow<strict>(text, size, value);
  uint64_t digits = 0;
  size_t decimals = 0;
  if (dot >= left) {
    if (!parse_digits(at, left, digits)) return parse_double_slow<strict>(text, size, value);
  } else {
    decimals = left - dot - 1;
    uint64_t fraction = 0;
    if (dot == 0 || decimals == 0) return parse_double_slow<strict>(text, size, value);
    if (left <= 8) {
      // The dot is taken out of the eight bytes: what lies behind it moves up by one.
      const uint64_t below = (uint64_t{1} << (8 * dot)) - 1;
      const uint64_t joined = (head & below) | ((head >> 8) & ~below);
      const uint64_t aligned = right_aligned(joined, left - 1);
      if (!all_digits(aligned)) return parse_double_slow<strict>(text, size, value);
      digits = eight_digits(aligned);
    } else {
      if (!parse_digits(at, dot, digits) || !parse_digits(at + dot + 1, decimals, fraction))
        return parse_double_slow<strict>(text, size, value);
      constexpr std::array<uint64_t, 16> kScale = {1ull,
                                                   10ull,
                                                   100ull,
                                                   1000ull,
                                                   10000ull,
                                                   100000ull,
                                                   1000000ull,
                                                   10000000ull,
                                                   100000000ull,
                                                   1000000000ull,
                                                   10000000000ull,
                                                   100000000000ull,
                                                   1000000000000ull,
                                                   10000000000000ull,
                                                   100000000000000ull,
                                                   1000000000000000ull};
      digits = digits * kScale[decimals] + fraction;
    }
  }
  if (digits > (uint64_t{1} << 53)) return parse_double_slow<strict>(text, size, value);
  double result = static_cast<double>(digits);
  if (decimals != 0) result /= kPowersOfTen[decimals];
  value = minus ? -result : result;
  return true;
}

/// true and false in any case.
inline bool parse_bool(const char* at, size_t size, bool& value) {
  if (size != 4 && size != 5) return false;
  const uint64_t lower = load8(at) | 0x2020202020202020;
  uint64_t yes = 0, no = 0;
  std::memcpy(&yes, "true", 4);
  std::memcpy(&no, "false", 5);
  if (size == 4 && (lower & 0xFFFFFFFF) == yes) {
    value = true;
    return true;
  }
  if (size == 5 && (lower & 0xFFFFFFFFFF) == no) {
    value = false;
    return true;
  }
  return false;
}

/// Days since 1970-01-01 of a date in the Gregorian calendar; years are counted from March so that the leap day comes
/// last.
inline int32_t days_of(int32_t year, uint32_t month, uint32_t day) {
  const int32_t y = month <= 2 ? year - 1 : year;
  const uint32_t m = month <= 2 ? month + 9 : month - 3;
  const int32_t century = (y >= 0 ? y : y - 99) / 100;
  return 365 * y + (y >= 0 ? y : y - 3) / 4 - century + (century >= 0 ? century : century - 3) / 4 +
         static_cast<int32_t>((153 * m + 2) / 5 + day) - 719469;
}

inline bool is_date(int32_t year, uint32_t month, uint32_t day) {
  if (month - 1 > 11 || day - 1 > 30) return false;
  if (day <= 28) return true;
  if (month == 2) return day == 29 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return day <= 30 || (month != 4 && month != 6 && month != 9 && month != 11);
}

/// In which order a date is written, with what between. Four-digit years only.
struct DateLayout {
  enum class Order : uint8_t { ymd, dmy, mdy };
  Order order = Order::ymd;
  char separator = '-';
  bool operator==(const DateLayout&) const = default;
  bool iso() const { return order == Order::ymd && separator == '-'; }
  /// `YYYY-MM-DD`, `DD/MM/YYYY`
  std::string text() const;
};

inline bool two_digits(const char* at, uint32_t& value) {
  const uint32_t tens = static_cast<uint8_t>(at[0]) - '0', ones = static_cast<uint8_t>(at[1]) - '0';
  value = tens * 10 + ones;
  return tens <= 9 && ones <= 9;
}

/// The 10 bytes of an ISO date.
inline bool parse_iso_date(const char* at, int32_t& days) {
  uint64_t year = 0, month = 0, day = 0;
  std::memcpy(&year, at, 4);
  std::memcpy(&month, at + 5, 2);
  std::memcpy(&day, at + 8, 2);
  const uint64_t digits = year | month << 32 | day << 48;
  if (!all_digits(digits) || at[4] != '-' || at[7] != '-') return false;
  const uint32_t number = eight_digits(digits);
  const auto y = static_cast<int32_t>(number / 10000);
  const uint32_t m = number / 100 % 100, d = number % 100;
  if (!is_date(y, m, d)) return false;
  days = days_of(y, m, d);
  return true;
}

/// A date at the front of the text; `used` says how long it is. Days and months of one digit are taken where the year
/// stands last.
bool parse_date_front(const char* at, size_t size, DateLayout layout, int32_t& days, size_t& used);

inline bool parse_date(const char* at, size_t size, DateLayout layout, int32_t& days) {
  if (layout.iso() && size == 10) return parse_iso_date(at, days);
  size_t used = 0;
  return parse_date_front(at, size, layout, days, used) && used == size;
}

/// `HH:MM`, `HH:MM:SS`, with a fraction of a second, as microseconds of the day. `used`: how much of the text it is.
/// Here and below: digits beyond the sixth go to `ns` (0..999); without `ns`, and beyond the ninth, they must be zeros.
bool parse_time_front(const char* at, size_t size, int64_t& us, size_t& used, int32_t* ns = nullptr);
/// `HH:MM:SS` at least.
bool parse_time(const char* at, size_t size, int64_t& us, int32_t* ns = nullptr);

enum class Zone : uint8_t { none, required, either };

/// Date, `T` or a blank, time, and as `zone` says `Z`, `+01:00`, `+0100`, `+01`, to microseconds since 1970 (in UTC if
/// there is a zone). A date alone is midnight where a zone may be missing. Years 0001..9999, which all fit.
bool parse_timestamp_slow(const char* at, size_t size, DateLayout layout, Zone zone, int64_t& us,
                          int32_t* ns = nullptr);

inline bool parse_timestamp(const char* at, size_t size, DateLayout layout, Zone zone, int64_t& us,
                            int32_t* ns = nullptr) {
  // The usual shapes: 2013-01-01 05:00:00 and 2013-01-01T05:00:00Z.
  if (layout.iso() && ((size == 19 && zone != Zone::required) || (size == 20 && zone != Zone::none && at[19] == 'Z'))) {
    int32_t days = 0;
    uint64_t hour = 0, minute = 0, second = 0;
    std::memcpy(&hour, at + 11, 2);
    std::memcpy(&minute, at + 14, 2);
    std::memcpy(&second, at + 17, 2);
    const uint64_t digits = hour << 16 | minute << 32 | second << 48 | 0x3030;
    if (all_digits(digits) && at[13] == ':' && at[16] == ':' && (at[10] == ' ' || at[10] == 'T') &&
        parse_iso_date(at, days)) {
      const uint32_t number = eight_digits(digits);
      const uint32_t h = number / 10000, m = number / 100 % 100, s = number % 100;
      if (h > 23 || m > 59 || s > 59) return false;
      us = (int64_t{days} * 86400 + h * 3600 + m * 60 + s) * 1000000;
      return true;
    }
  }
  return parse_timestamp_slow(at, size, layout, zone, us, ns);
}

/// A decimal number as an integer of `scale` decimals; more decimals are taken only if they are zeros, more digits than
/// `precision` never.
enum class DecimalOutcome : uint8_t { ok, not_a_number, too_long };
template <bool strict>
DecimalOutcome parse_decimal(const char* at, size_t size, int precision, int scale, __int128& value);

/// By a pattern as strptime knows it: %Y %y %m %d %H %I %M %S %f %p %z %b %B %j %%; a blank stands for any blanks. To
/// microseconds since 1970. `zoned` says whether an offset was read (the result is then in UTC).
bool parse_by_pattern(std::string_view text, std::string_view pattern, int64_t& us, bool& zoned, int32_t* ns = nullptr);
/// The first directive of the pattern that parse_by_pattern does not know; empty if it knows them all.
std::string unknown_directive(std::string_view pattern);

inline std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace trommel::csv
