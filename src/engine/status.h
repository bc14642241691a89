// Status: what a pipeline does and has done, as its state folder tells it.
//
// STATE/status.json  written by the run at most once a second, aside and renamed. Not synced: it is for people, nothing
// rests on it, and after a crash an older one may be there.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/run.h"

namespace trommel {

/// Something outside that does not answer, and is asked again.
struct Retrying {
  std::string what;  ///< a sink, a source
  int64_t since_us = 0, attempts = 0, next_us = 0;
  std::string error;
};

/// Of the run under way, or of the last one.
struct RunStatus {
  std::string phase;    ///< `waiting`, `reading`, `ended`
  int64_t process = 0;  ///< that wrote it
  int64_t started_us = 0, updated_us = 0, ended_us = 0;
  int64_t epochs = 0, rows_read = 0, rows_written = 0, rows_rejected = 0;  ///< published
  int64_t reading_us = 0;                                                  ///< in epochs
  int64_t epoch_rows_read = 0, epoch_rows_rejected = 0, epoch_us = 0;      ///< of the epoch under way
  int64_t inputs_waiting = 0, oldest_waiting_us = 0;  ///< found and not yet taken; since when the oldest is known
  std::vector<Lag> lag;                               ///< of the sources that know
  std::vector<Retrying> retrying;
  std::string outcome, message;  ///< once it has ended: as in the report, or `failed`

  double rows_per_second() const;
};

/// Where a run tells how it stands. Any thread.
class StatusFile {
 public:
  /// `on` false: nothing is written.
  StatusFile(Env& env, std::string folder, std::string pipeline, bool on);

  /// The state folder is the run's own now.
  void began(int64_t started_us);
  /// Reading, from somewhere in an epoch; other threads call it through RunOptions::progress.
  void reading(const Progress& progress);
  /// Before `looked`.
  void lag(std::vector<Lag> sources);
  /// After each look for inputs; also where what could not be written a moment ago is written.
  void looked(int64_t inputs, int64_t oldest_us);
  void published(const Checkpoint& checkpoint);
  /// It does not answer, again; or it does (`attempts` 0).
  void retrying(const Retrying& what);
  void ended(const Result<RunReport>& report);

 private:
  void write(bool now);

  Env& env_;
  const std::string folder_, pipeline_;
  const bool on_;
  std::mutex mutex_;
  RunStatus status_;
  int64_t epoch_began_us_ = 0;  ///< by the steady clock; 0: none is under way
  int64_t written_us_ = 0;      ///< by the steady clock
  bool dirty_ = true;
};

/// What the state folder holds, put together.
struct PipelineStatus {
  std::string pipeline, folder;
  std::string group;                           ///< of several commit groups
  std::optional<std::string> holder;           ///< of the lock: a run is under way
  std::optional<std::string> schedule_holder;  ///< of the schedule's
  std::optional<RunStatus> run;
  std::optional<Checkpoint> checkpoint;  ///< the newest
  int64_t checkpoint_us = 0;             ///< when it was written
  std::optional<int64_t> life_read, life_written, life_rejected, life_replayed;
  struct Due {
    std::string schedule;  ///< as text
    int64_t at_us = 0;
    std::string at;  ///< by the schedule's clock
  };
  std::optional<Due> due;  ///< where a schedule was kept: the next run that was not seen to
};

/// Of each commit group, that of the state folder itself first. Takes no lock, changes nothing. The error: nothing has
/// run here.
Result<std::vector<PipelineStatus>> read_status(Env& env, const std::string& state);

/// One object: that of the first group, in which the others are listed.
std::string status_json(const std::vector<PipelineStatus>& groups);

}  // namespace trommel
