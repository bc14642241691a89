// Cron text: minute, hour, day of the month, month, day of the week (crontab(5), POSIX crontab; steps, ranges and names
// as in Vixie's cron).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schedule/zone.h"

namespace trommel::schedule {

struct Cron {
  enum Place { minute, hour, day, month, weekday };
  struct Field {
    uint64_t values = 0;  ///< a bit for each; of days of the week Sunday is 0
    std::string text;
    bool star = false;  ///< begins with `*`
    int step = 1;       ///< of `*/n` alone
    size_t at = 0;      ///< where it begins in the text

    bool has(unsigned value) const { return (values >> value & 1) != 0; }
    std::optional<int> only() const;  ///< its value, if it is one
  };
  std::string text;  ///< as written
  std::array<Field, 5> fields;

  /// Days of the month and of the week: where both are restricted one of them is enough, as in every cron.
  bool has(Day day) const;
};

struct CronMistake {
  size_t at = 0;  ///< offset in the text
  std::string what, hint;
};

/// Five fields, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. All mistakes at once; none: the result is
/// there.
std::optional<Cron> parse_cron(std::string_view text, std::vector<CronMistake>& mistakes);

/// What a reader of the text may not expect of it, and what to write instead.
std::vector<CronMistake> cron_surprises(const Cron& cron);

}  // namespace trommel::schedule
