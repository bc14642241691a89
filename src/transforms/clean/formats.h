// Values written in the way of some country or program: dates and times by a format, numbers with their own signs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transforms/clean/values.h"

namespace trommel {

/// A format of dates and times, as strptime knows them: %Y %y %m %d %e %j %b %B %H %I %M %S %f %p %z %s %a %A %T %D %F
/// %R %%. A blank stands for any number of blanks (none, too); %d, %m, %H and the like take one or two digits; names of
/// months and days are English, in any case. %y: 69 to 99 are of the last century (POSIX). %f is a fraction of up to
/// nine digits. The whole text must match.
class TimeFormat {
 public:
  /// The error (`config`) says what is wrong with the format.
  static Result<TimeFormat> of(std::string text);

  struct Time {
    int64_t seconds = 0;  ///< since 1970, in UTC where the format has a zone
    int64_t nanoseconds = 0;
    bool has_zone = false, has_time = false;
  };
  std::optional<Time> read(std::string_view text) const;
  const std::string& text() const { return text_; }

 private:
  explicit TimeFormat(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// `-1.234,50` with `decimal` ',' and `thousands` '.' as `-1234.50`. Groups must be of three digits (the first of one
/// to three); text that is no such number gives nothing. `thousands` 0: there are none; ' ' takes the non-breaking ones
/// too.
std::optional<std::string> plain_number(std::string_view text, char decimal, char thousands);

/// How a column is read; either formats or signs.
struct ColumnFormat {
  std::vector<TimeFormat> times;  ///< the first that matches counts
  char decimal = '.', thousands = 0;
  Type type;
};

/// The rows that cannot be read are NULL and in `refused`, rising.
Result<CastOutcome> read_column(const ArrayPtr& texts, const ColumnFormat& format);

}  // namespace trommel
