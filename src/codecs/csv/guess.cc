#include "codecs/csv/guess.h"

#include <arrow/api.h>

#include <algorithm>

namespace trommel::csv {

namespace {

using Order = DateLayout::Order;

constexpr std::array<DateLayout, 9> kLayouts = {
    DateLayout{Order::ymd, '-'}, DateLayout{Order::ymd, '/'}, DateLayout{Order::ymd, '.'},
    DateLayout{Order::dmy, '-'}, DateLayout{Order::dmy, '/'}, DateLayout{Order::dmy, '.'},
    DateLayout{Order::mdy, '-'}, DateLayout{Order::mdy, '/'}, DateLayout{Order::mdy, '.'}};

constexpr uint64_t kBool = 1, kInt = 2, kDecimal = 4, kDouble = 8, kTime = 16;
constexpr uint64_t date_bit(size_t layout) { return uint64_t{1} << (8 + layout); }
constexpr uint64_t timestamp_bit(size_t layout) { return uint64_t{1} << (20 + layout); }
constexpr uint64_t zoned_bit(size_t layout) { return uint64_t{1} << (32 + layout); }

bool digit(char c) { return c >= '0' && c <= '9'; }

uint64_t types_of_date(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && digits < 5 && digit(text[digits])) ++digits;
  if (digits == text.size() || (digits != 4 && digits != 2 && digits != 1)) return 0;
  uint64_t types = 0;
  for (size_t i = 0; i < kLayouts.size(); ++i) {
    if (kLayouts[i].separator != text[digits] || (kLayouts[i].order == Order::ymd) != (digits == 4)) continue;
    int32_t days = 0;
    size_t used = 0;
    int64_t us = 0;
    if (!parse_date_front(text.data(), text.size(), kLayouts[i], days, used)) continue;
    if (used == text.size()) types |= date_bit(i);
    if (parse_timestamp(text.data(), text.size(), kLayouts[i], Zone::none, us))
      types |= timestamp_bit(i);
    else if (parse_timestamp(text.data(), text.size(), kLayouts[i], Zone::required, us))
      types |= zoned_bit(i);
  }
  return types;
}

uint64_t types_of_number(std::string_view text) {
  uint64_t types = 0;
  int64_t whole = 0;
  double number = 0;
  __int128 big = 0;
  if (parse_int64<true>(text.data(), text.size(), whole))
    types |= kInt | kDecimal;
  else if (text.size() >= 19 && text.size() <= 39 &&
           parse_decimal<true>(text.data(), text.size(), 38, 0, big) == DecimalOutcome::ok &&
           text.find('.') == std::string_view::npos) {
    types |= kDecimal;
  }
  if (parse_double<true>(text.data(), text.size(), number)) types |= kDouble;
  return types;
}

}  // namespace

uint64_t types_of(std::string_view text) {
  text = trimmed(text);
  if (text.empty()) return 0;
  const char first = text[0];
  bool truth = false;
  if (!digit(first) && first != '-' && first != '.') {
    if (parse_bool(text.data(), text.size(), truth)) return kBool;
    return is_double_word(text) ? kDouble : 0;
  }
  uint64_t types = types_of_number(text);
  if (types != 0 || !digit(first)) return types;
  int64_t us = 0;
  if (text.size() >= 8 && text[2] == ':' && parse_time(text.data(), text.size(), us)) return kTime;
  return text.size() >= 8 ? types_of_date(text) : 0;
}

/// Whether the column stays what it was, found by one parse: an answer of false says nothing.
bool ColumnFacts::fits_as_before(std::string_view text) const {
  int64_t whole = 0;
  double number = 0;
  int32_t days = 0;
  if (types == (kInt | kDecimal | kDouble)) {
    return text.size() <= 17 && parse_int64<true>(text.data(), text.size(), whole);
  }
  if (types == kDouble) return parse_double<true>(text.data(), text.size(), number);
  if (types == (date_bit(0) | timestamp_bit(0))) return text.size() == 10 && parse_iso_date(text.data(), days);
  if (types == timestamp_bit(0)) return parse_timestamp(text.data(), text.size(), {}, Zone::none, whole);
  return false;
}

void ColumnFacts::see(std::string_view text, const std::vector<std::string>& nulls) {
  if (text.empty() || std::find(nulls.begin(), nulls.end(), text) != nulls.end()) {
    ++empty;
    return;
  }
  if (text.size() <= 4) {
    const auto marker = std::find(kMarkers.begin(), kMarkers.end(), text);
    if (marker != kMarkers.end()) {
      ++markers[static_cast<size_t>(marker - kMarkers.begin())];
      return;
    }
  }
  ++values;
  if (types == 0 || fits_as_before(text)) return;
  types &= types_of(text);
  if (types == 0) {
    spoiler = std::string(text.substr(0, 100));
    const std::string_view bare = text[0] == '-' ? text.substr(1) : text;
    leading_zeros = bare.size() > 1 && bare[0] == '0' && bare.find_first_not_of("0123456789") == std::string_view::npos;
  }
}

TypeGuess guess_type(const ColumnFacts& facts) {
  const TypeGuess text{arrow::utf8(), {}, false};
  if (facts.values == 0) return text;
  const uint64_t types = facts.types;
  if ((types & kBool) != 0) return {arrow::boolean(), {}, false};
  if ((types & kInt) != 0) return {arrow::int64(), {}, false};
  if ((types & kDecimal) != 0) return {arrow::decimal128(38, 0), {}, false};
  if ((types & kDouble) != 0) return {arrow::float64(), {}, false};
  if ((types & kTime) != 0) return {arrow::time64(arrow::TimeUnit::MICRO), {}, false};
  // Dates before timestamps, since a date can stand among timestamps but not the other way round.
  for (const auto& [bit, type] :
       {std::pair{&date_bit, arrow::date32()}, std::pair{&timestamp_bit, arrow::timestamp(arrow::TimeUnit::MICRO)},
        std::pair{&zoned_bit, arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")}}) {
    TypeGuess guess = text;
    int fitting = 0;
    for (size_t i = 0; i < kLayouts.size(); ++i) {
      if ((types & bit(i)) == 0) continue;
      guess = {type, kLayouts[i], false};
      ++fitting;
    }
    if (fitting == 1) return guess;
    if (fitting > 1) return {arrow::utf8(), {}, true};
  }
  return text;
}

}  // namespace trommel::csv
