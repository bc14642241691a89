// Paths that say of which day a file is: `in/{date:%Y-%m-%d}.csv`.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "schedule/schedule.h"

namespace trommel {

/// A pattern (connectors/files/glob.h) in which `{date:FORMAT}` stands for a day, as strftime would write it with `%Y`,
/// `%m` and `%d`. Where it stands more than once each holds a part of the same day, or all of it.
class DatedPath {
 public:
  /// Nothing is wrong with a pattern without a date.
  explicit DatedPath(std::string pattern);

  bool dated() const { return !formats_.empty(); }
  /// The day stands in the name of the file, not in that of a folder.
  bool in_name() const { return in_name_; }
  /// What is wrong with it; empty: nothing.
  const std::string& mistake() const { return mistake_; }
  /// The pattern with digits in place of the day.
  const std::string& glob() const { return glob_; }
  /// Of a file that `glob` found; nothing where no calendar has such a day, or its parts say different ones.
  std::optional<schedule::Day> day_of(std::string_view path) const;

 private:
  std::string of_day(schedule::Day day) const;

  std::string pattern_, glob_, mistake_;
  std::vector<std::string> formats_;  ///< in order
  std::string whole_;                 ///< the one that holds a whole day
  bool in_name_ = false;
};

/// `there is no file of 2026-01-03, ...`: of the days that are asked for, or, without a first or last one, as far as
/// there are files. Empty: each day has one.
std::string missing_days(const schedule::Days& days, const std::set<schedule::Day>& seen);

}  // namespace trommel
