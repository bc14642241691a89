// Publish: what follows once an epoch's checkpoint is on disk. Every part may be done again after a crash, and accepts
// what is done already.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/plan.h"
#include "engine/run.h"

namespace trommel {

class Publisher {
 public:
  Publisher(Env& env, StateFolder& state, const RunOptions& options, RunReport& report)
      : env_(env), state_(state), options_(options), report_(report) {}

  /// What was taken and which epoch is done, from disk. To be called first.
  Result<> open();
  const StateFolder::Taken& taken() const { return taken_; }
  /// Whether the content of a split was taken within the time that its source remembers.
  bool knows_content(const Split& split, int64_t remembered_us) const;

  /// Commits the newest checkpoint once more if a run died before every sink had it, and sweeps what dead runs left
  /// behind.
  Result<> recover(const Plan& plan, const std::optional<Checkpoint>& last, const std::vector<std::string>& damaged);
  /// Stores, files, sources, in this order: stores can refuse, and then no file has appeared yet.
  Result<> commit(const Plan& plan, const Checkpoint& checkpoint);
  /// Everything that an attempt which publishes nothing has left.
  Result<> sweep();

  std::string refused_log() const { return state_.path() + "/rejects/refused.jsonl"; }

 private:
  Result<> commit_store(const Plan& plan, Epoch epoch, const SealedSegment& sealed);
  Result<> tell_sources(const Plan& plan, const Checkpoint& checkpoint);
  void add_output(PublishedOutput output);
  Result<> sweep_spool();
  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }

  Env& env_;
  StateFolder& state_;
  const RunOptions& options_;
  RunReport& report_;
  StateFolder::Taken taken_;
};

}  // namespace trommel
