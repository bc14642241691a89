// What a column's texts allow it to be.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "batch/types.h"
#include "codecs/csv/parse.h"

namespace trommel::csv {

/// Texts that often stand for a missing value. They do so in a file only where a column would otherwise be numbers,
/// dates, times or truth values.
inline constexpr std::array<std::string_view, 17> kMarkers = {
    "NA", "N/A", "n/a", "na", "null", "NULL", "Null", "None", "none", "\\N", "-", "--", ".", "?", "#N/A", "NaT", "nil"};

/// The set of types that can hold a text without losing anything, as bits. 0: nothing but text.
uint64_t types_of(std::string_view text);

/// All that was seen of a column.
struct ColumnFacts {
  uint64_t types = ~uint64_t{0};  ///< that can hold every value
  int64_t values = 0;             ///< that are neither empty nor a marker
  int64_t empty = 0;
  std::array<int64_t, kMarkers.size()> markers{};
  std::string spoiler;         ///< the value that left nothing but text
  bool leading_zeros = false;  ///< and it was 007

  void see(std::string_view text, const std::vector<std::string>& nulls);

 private:
  bool fits_as_before(std::string_view text) const;
};

struct TypeGuess {
  Type type;
  DateLayout layout;
  bool undecided_date = false;  ///< day and month could each be the other: text
};

/// The narrowest type of a column with these facts: boolean, int64, decimal(38, 0), double, date, time, timestamp,
/// timestamp with zone, string.
TypeGuess guess_type(const ColumnFacts& facts);

}  // namespace trommel::csv
