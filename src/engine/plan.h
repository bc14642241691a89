// Plan: a checked pipeline. Every component bound, every schema known, nothing run yet.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "component/component.h"
#include "config/pipeline.h"
#include "engine/balance.h"

namespace trommel {

struct PlanNode {
  using Kind = NodeBalance::Kind;
  Kind kind = Kind::source;
  std::string name, component;
  std::vector<size_t> inputs, outputs;  ///< indexes into Plan::nodes
  Schema schema;                        ///< of the rows it hands on; of a sink: of the rows it takes
  std::vector<std::string> notes;       ///< guesses, DDL, where provenance ends
  bool endless = false;                 ///< its rows come for ever: of a source, or from one
  std::shared_ptr<Source> source;       ///< one of these three is set, by kind
  BoundTransform transform;
  BoundSink sink;
  std::optional<RejectBudget> max_rejects;  ///< of a source; else the pipeline's holds
};

struct Plan {
  std::string pipeline, file, folder, state_folder;
  std::vector<PlanNode> nodes;  ///< sources, then transforms, then sinks; inputs before outputs
  RejectBudget max_rejects;
  bool ordered = false;
  bool endless = false;  ///< a source has no end: epoch follows epoch
  int lanes = 1;
  MemoryShares memory;
  int64_t memory_bytes = 0;  ///< the budget that the shares add up to
  int64_t batch_rows = 0;    ///< decoded batches are cut to this many rows; 0: as they come. For tests.
  bool provenance = true;    ///< false: rows forget where they came from once they are decoded; to measure its price
  Epoch epoch = 1;           ///< that the run would close
};

/// Sources that an earlier plan of the same run bound, by name: their widened types must not be guessed again.
using BoundSources = std::map<std::string, std::shared_ptr<Source>>;

/// What the machine and the settings allow.
MemoryShares share_memory(int64_t budget_bytes, int lanes);

/// Checks of the graph alone, with no component bound: names in `from`, cycles, parts that nobody reads, two outputs to
/// one place.
void check_graph(const Pipeline& pipeline, const Components& components, Problems& problems);

/// Checks the graph and binds every component, sources first. All mistakes go to `problems`; the error is for what the
/// outside did (no such file, store away). When `problems` is not empty afterwards the plan must not be run.
Result<Plan> make_plan(const Pipeline& pipeline, const Components& components, Env& env, Problems& problems,
                       Epoch epoch = 1, const BoundSources& bound = {});

/// The component names by section, as load_pipeline wants them.
std::map<std::string, std::vector<std::string>> component_names(const Components& components);

}  // namespace trommel
