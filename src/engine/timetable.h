// Timetable: what is due, by a pipeline's schedule and by what its state folder remembers, and the loop that keeps it.
//
// STATE/schedule.json  the schedule as text, up to when its due times were seen to, and the next one
// STATE/schedule.lock  held by the process that keeps the schedule
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/env.h"
#include "config/schedule.h"

namespace trommel {

/// What a state folder has of the schedule that is kept there, or was.
struct KeptSchedule {
  std::string schedule;               ///< as text
  std::optional<int64_t> seen_to_us;  ///< up to when its due times were seen to
  std::optional<int64_t> next_us;
  std::string next;  ///< the same by the schedule's clock
};
/// Nothing: none was kept, or the file cannot be read.
std::optional<KeptSchedule> kept_schedule(Env& env, const std::string& folder);

class Timetable {
 public:
  using Say = std::function<void(const std::string&)>;

  /// `folder` is the pipeline's state folder; `say` hears of due times that were missed.
  Timetable(Env& env, const ScheduleSettings& settings, std::string folder, Say say)
      : env_(env), settings_(settings), folder_(std::move(folder)), say_(std::move(say)) {}

  /// Makes the folder, takes the lock, reads what was seen to. A schedule that was not there before, or was another,
  /// begins now: nothing of it was missed.
  Result<> open(const std::string& holder);

  /// The due time to run for now, after the policy for missed ones; nothing when none is due.
  Result<std::optional<int64_t>> due();
  /// The next due time that was not seen to; may lie behind us.
  std::optional<int64_t> next() const { return next_; }
  /// That due time, and all before it, were seen to.
  Result<> done(int64_t due_us);

  /// Up to when due times of this schedule were seen to, as the state folder has it; nothing: never kept.
  static std::optional<int64_t> seen_to(Env& env, const std::string& folder, const schedule::Schedule& schedule);

 private:
  Result<> see_to(int64_t due_us);
  void tell_missed(int64_t first_us, int64_t last_us) const;

  Env& env_;
  const ScheduleSettings& settings_;
  std::string folder_;
  Say say_;
  std::unique_ptr<FileLock> lock_;
  int64_t seen_to_us_ = 0;
  std::optional<int64_t> next_;
};

enum class AfterRun {
  go_on,
  end,  ///< without seeing to the due time: asked to stop, or nothing that a later run could mend
};

/// Calls `run` at each due time, until it says `end` or a stop is asked for. While another process runs the pipeline,
/// what is due waits.
Result<> keep_timetable(Env& env, Timetable& timetable, const std::string& folder, const schedule::Zone& zone,
                        const std::stop_token& stop, const Timetable::Say& say,
                        const std::function<AfterRun(int64_t due_us)>& run);

}  // namespace trommel
