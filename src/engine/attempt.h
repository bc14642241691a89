// One attempt at a run: the machines built from a plan, joined by their queues, and driven to the barrier.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/machines.h"
#include "engine/run.h"

namespace trommel {

struct AttemptResult {
  std::vector<PreparedFile> files;         ///< of all file sinks
  std::vector<PreparedFile> reject_files;  ///< of the reject log
  std::vector<SealedSegment> segments;
  std::vector<Reject> first_rejects;
  std::vector<std::pair<std::string, int64_t>> rejects_by_source;
  std::map<std::string, RefusedInput> faulty;  ///< inputs with rejects, of sources that refuse whole ones
  StateChanges changes;                        ///< what transforms want remembered
  bool whole = false;  ///< every machine came to its end; false: stopped, or values did not fit their guessed types
};

/// Drives everything up to and including prepare. On return every row is in a temporary, in a segment, or in the reject
/// log's temporary.
Result<AttemptResult> run_attempt(Attempt& attempt, const RunOptions& options);

}  // namespace trommel
