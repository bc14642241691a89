// Zone: wall clocks of a place, by the system's time zone database.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"

namespace trommel::schedule {

/// A day of the calendar, of no zone.
using Day = std::chrono::local_days;

class Zone {
 public:
  /// UTC.
  Zone();
  /// By its name in the IANA database, such as `Europe/Berlin`. Reads $TZDIR or /usr/share/zoneinfo.
  static Result<Zone> load(const std::string& name);

  const std::string& name() const { return name_; }

  /// When the clocks show a time: once, never (they are put forward past it), or twice (they are put back).
  struct Shown {
    enum class Times { once, never, twice };
    Times times = Times::once;
    int64_t first_us = 0;   ///< never: the moment at which the clocks jump past it
    int64_t second_us = 0;  ///< twice: the second time; else as `first_us`
  };
  Shown shown(Day day, std::chrono::seconds time_of_day) const;

  Day day_of(int64_t us) const;
  /// `2026-03-29 03:00 CEST`, with seconds where there are some.
  std::string text(int64_t us) const;

 private:
  struct Rules;
  std::shared_ptr<const Rules> rules_;
  std::string name_ = "UTC";
};

}  // namespace trommel::schedule
