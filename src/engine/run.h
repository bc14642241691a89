// Run: drives a plan to its end, and publishes all of it or nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "component/component.h"
#include "config/pipeline.h"
#include "engine/balance.h"
#include "engine/plan.h"
#include "engine/rejects.h"

namespace trommel {

class Bell;
class StatusFile;

/// How far a run is; given to RunOptions::progress about ten times a second and once at the end.
struct Progress {
  int64_t rows_read = 0, rows_rejected = 0;
  int64_t bytes_read = 0;    ///< as they lie in the input (compressed)
  int64_t bytes_total = -1;  ///< -1: unknown
  int64_t elapsed_us = 0;
  std::string phase;  ///< `reading`, `starting again with wider types`, `publishing`
};

struct RunOptions {
  bool stepped = false;  ///< all machines on one thread, in an order drawn from `seed`
  uint64_t seed = 0;
  bool once = false;        ///< endless sources: take what is there, and end
  bool ephemeral = false;   ///< no state is kept: nothing is remembered as taken, nothing is synced (`convert`)
  Feeds* replay = nullptr;  ///< rejects come back in place of what sources have to give
  std::stop_token stop;     ///< asks for a clean end
  std::function<Result<>(const Plan&)> planned;  ///< told of the plan before its first epoch; an error ends the run
  std::function<void(const Progress&)> progress;
  Bell* bell = nullptr;          ///< ends the sleep of a run that waits; run_pipeline brings one, unless `stepped`
  StatusFile* status = nullptr;  ///< for `trommel status`; run_pipeline brings one
  std::function<void(const std::string&)>
      say;  ///< one line for the log: what was guessed, widened types, numbers chosen for names
  std::function<void(const std::string&)> warn;  ///< likewise, where somebody should look; left out: `say`
};

struct PublishedOutput {
  std::string sink, name;  ///< file path, or store and table
  int64_t rows = 0;
  int64_t bytes = 0;  ///< of a file; -1: a table, whose size its store knows
};

struct RunReport {
  enum class Outcome {
    published,    ///< all of it
    nothing_new,  ///< every input was taken before
    refused,      ///< over the reject budget: nothing published
    stopped,      ///< asked to end: nothing published
  };
  Outcome outcome = Outcome::published;
  std::string pipeline;
  Epoch epoch = 0;
  Balance balance;
  std::vector<PublishedOutput> outputs;  ///< a table once, with all its rows; of files the first thousand
  int64_t outputs_unlisted = 0;          ///< files beyond those
  std::vector<Reject> first_rejects;     ///< ten at most, for messages
  std::string message;                   ///< why it was refused or stopped, and what to write to allow it
  int64_t started_us = 0, elapsed_us = 0, cpu_us = 0;
  int64_t bytes_read = 0, peak_memory_bytes = 0;
  int64_t inputs = 0;             ///< splits read
  int64_t inputs_refused = 0;     ///< as a whole, of these
  int64_t epochs = 0;             ///< published
  std::vector<std::string> news;  ///< what sources noticed and people should know, the first hundred
  int64_t retries = 0;            ///< of what was away when its rows were ready
  bool recovered = false;         ///< an earlier run's epoch was committed first
};

/// Plans (again when guessed types must be widened) and runs. Errors are what stopped it: the outside, or a broken
/// invariant.
Result<RunReport> run_pipeline(const Pipeline& pipeline, const Components& components, Env& env,
                               const RunOptions& options, Problems& problems);

const char* outcome_text(RunReport::Outcome outcome);  ///< `published`, `nothing_new`, `refused`, `stopped`
/// The report as JSON, one object; and as one line of text for the log.
std::string report_json(const RunReport& report);
std::string report_line(const RunReport& report);

}  // namespace trommel
