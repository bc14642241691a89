// A schedule in the words of programs outside that keep one: systemd's OnCalendar (systemd.time(7)) and lines of a
// crontab (crontab(5)).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schedule/schedule.h"

namespace trommel::schedule {

/// Expressions of OnCalendar; any of them is enough. Nothing where it has no words for the schedule.
std::optional<std::vector<std::string>> on_calendar(const Schedule& schedule);

struct CronTable {
  std::string zone;                 ///< whose clocks the lines go by
  std::vector<std::string> fields;  ///< five fields each; any line is enough
};

/// Nothing where cron has no words for the schedule.
std::optional<CronTable> cron_table(const Schedule& schedule);

}  // namespace trommel::schedule
