// Plan: a checked pipeline. Every component bound, every schema known, nothing run yet.
#pragma once

#include <functional>
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
  std::vector<size_t> fed;              ///< the last of `inputs` bring rejects back: which of the first each stands for
  Schema schema;                        ///< of the rows it hands on; of a sink: of the rows it takes
  std::vector<std::string> notes;       ///< guesses, DDL, where provenance ends
  bool endless = false;                 ///< its rows come for ever: of a source, or from one
  std::shared_ptr<Source> source;       ///< one of these three is set, by kind
  BoundTransform transform;
  BoundSink sink;                           ///< of a source: the store of its dead letters, if it has any
  std::string store;                        ///< of a sink: the address of its store
  std::optional<RejectBudget> max_rejects;  ///< of a source; else the pipeline's holds

  /// How many inputs it was bound with, and which of them the rows of one of `inputs` are for.
  size_t ports() const { return inputs.size() - fed.size(); }
  size_t port(size_t input) const { return input < ports() ? input : fed[input - ports()]; }
};

/// Rejects on their way back into a plan. Sources stand aside: no input is read. What a source refused comes back
/// through its decoder, what a later stage refused directly at the input of that stage.
class Feeds {
 public:
  struct Feed {
    std::string name;          ///< of the node that brings the rows
    std::string stage, input;  ///< where they enter; `input` says whose rows they were, empty: there is only one
    std::shared_ptr<Source> source;
  };
  virtual ~Feeds() = default;
  /// The rows that a source had, for one whose inputs are gone and that has no contract.
  virtual Schema rows_of(const std::string& source) const = 0;
  /// What stands in the place of a source; `real` is bound only to decode what it refused, and to hear of what an epoch
  /// before took.
  virtual Result<std::shared_ptr<Source>> stand_in(const std::string& name, std::shared_ptr<Source> real) = 0;
  /// Whether that source's own rejects come back.
  virtual bool brings(const std::string& source) const = 0;
  virtual const std::vector<Feed>& feeds() const = 0;
  /// The columns that the rows of a feed must have.
  virtual Result<> bind(const Feed& feed, const Schema& rows) = 0;
};

/// A store that is asked, or holds views.
struct PlanStore {
  std::string name, kind;  ///< for people; `duckdb`
  StoreSettings settings;
};

struct PlanView {
  std::string store;  ///< for people
  BoundView view;
};

struct Plan {
  std::string pipeline, file, folder, state_folder;
  std::vector<PlanNode> nodes;    ///< sources, then transforms, then sinks; inputs before outputs
  std::vector<PlanStore> stores;  ///< that views or endpoints are of
  std::vector<PlanView> views;
  RejectBudget max_rejects;
  bool ordered = false;
  bool endless = false;    ///< a source has no end: epoch follows epoch
  bool as_you_go = false;  ///< every source has an end, and yet epoch follows epoch
  int lanes = 1;
  MemoryShares memory;
  int64_t memory_bytes = 0;  ///< the budget that the shares add up to
  int64_t batch_rows = 0;    ///< decoded batches are cut to this many rows; 0: as they come. For tests.
  bool provenance = true;    ///< false: rows forget where they came from once they are decoded; to measure its price
  Epoch epoch = 1;           ///< that the run would close
  bool replays = false;      ///< rejects come back; no input is read
};

/// Sources that an earlier plan of the same run bound, by name: their widened types must not be guessed again.
using BoundSources = std::map<std::string, std::shared_ptr<Source>>;

/// Where the part of that kind and name stands; the file, where there is none.
Place place_of_part(const Pipeline& pipeline, PlanNode::Kind kind, const std::string& name);

/// What the machine and the settings allow.
MemoryShares share_memory(int64_t budget_bytes, int lanes);

/// Checks of the graph alone, with no component bound: names in `from`, cycles, parts that nobody reads, two outputs to
/// one place.
void check_graph(const Pipeline& pipeline, const Components& components, Problems& problems);

/// Checks the graph and binds every component, sources first. All mistakes go to `problems`; the error is for what the
/// outside did (no such file, store away). When `problems` is not empty afterwards the plan must not be run.
/// `wake`: see BindContext.
Result<Plan> make_plan(
    const Pipeline& pipeline, const Components& components, Env& env, Problems& problems, Epoch epoch = 1,
    const BoundSources& bound = {}, Feeds* feeds = nullptr, std::function<void()> wake = [] {});

/// The component names by section, as load_pipeline wants them.
std::map<std::string, std::vector<std::string>> component_names(const Components& components);

}  // namespace trommel
