// A few rows through a plan, to show what would come out. Nothing is written.
#pragma once

#include <vector>

#include "cli/reading.h"
#include "engine/plan.h"

namespace trommel::cli {

struct NodeSample {
  int64_t in = 0, out = 0, rejected = 0;
  std::vector<Rows> rows;          ///< what it handed on; of a sink: what it would write. A few only.
  std::vector<UnreadRow> refused;  ///< the first few
};

/// Reads the first block of each source and takes it through the transforms, on this thread. By index of Plan::nodes.
Result<std::vector<NodeSample>> sample_plan(const Plan& plan);

}  // namespace trommel::cli
