// Running a pipeline in front of a person: progress, log, the balance sheet, and an exit code. Shared by `run` and
// `convert`.
#pragma once

#include <optional>
#include <string>

#include "cli/session.h"
#include "engine/run.h"
#include "telemetry/log.h"

namespace trommel::cli {

struct RunningOptions {
  bool quiet = false;         ///< no progress, no balance sheet: warnings and errors only
  bool json = false;          ///< the report on standard output in place of the balance sheet
  bool sheet_to_err = false;  ///< standard output is taken by data
  bool brief = false;         ///< one line in place of the balance sheet, unless rows were lost on the way
  std::string report;         ///< file for the report as JSON
  bool ephemeral = false;
  Feeds* replay = nullptr;          ///< rejects come back in place of what sources have to give
  bool once = false;                ///< a watched folder: take what is there, and end; a schedule: do not wait
  std::optional<uint64_t> stepped;  ///< all on one thread, in an order drawn from this seed
};

/// Runs to the end and says what became of it; a pipeline with a schedule again and again, until asked to stop.
int run_in_sight(Session& session, const Pipeline& pipeline, const RunningOptions& options);

}  // namespace trommel::cli
