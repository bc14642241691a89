// Publish: what follows once an epoch's checkpoint is on disk. Epochs wait in a line; each is brought to its files, to
// each of its stores, and then to the sources that its rows came from. Every part may be done again after a crash, and
// accepts what is done already. What is away is tried again, and holds up only itself, until the line is too long.
#pragma once

#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/backoff.h"
#include "engine/checkpoint.h"
#include "engine/plan.h"
#include "engine/run.h"

namespace trommel {

class Publisher {
 public:
  Publisher(Env& env, StateFolder& state, const RunOptions& options, const PipelineSettings& settings,
            RunReport& report)
      : env_(env), state_(state), options_(options), settings_(settings), report_(report) {}

  /// What was taken and which epoch is done, from disk. To be called first.
  Result<> open();
  const StateFolder::Taken& taken() const { return taken_; }
  /// Whether the content of a split was taken within the time that its source remembers.
  bool knows_content(const Split& split, int64_t remembered_us) const;

  /// Puts what a dead run saved and did not publish into the line, and sweeps what else it left behind. Stops where
  /// going on could publish rows twice: behind a damaged checkpoint that some sink has a part of.
  Result<> recover(const Plan& plan, const StateFolder::Saved& saved);
  /// Before a checkpoint: an error where a store has epochs that the state folder, deleted or an old copy, knows
  /// nothing of. It would leave out rows that it never saw. A store that is away is asked before its first commit.
  Result<> sure_that_epochs_are_ours(const Plan& plan);
  /// The epoch's checkpoint is on disk. `tell` is called once the epoch is everywhere.
  void add(Checkpoint checkpoint, std::function<void()> tell);
  /// Brings the line as far as it goes now. An error is one that waiting does not mend, or that was waited for long
  /// enough.
  Result<> advance(const Plan& plan);
  /// Until nothing waits any more.
  Result<> finish(const Plan& plan);

  bool idle() const { return line_.empty(); }
  /// How many epochs have come to all their sinks.
  int64_t concluded() const { return concluded_; }
  /// Nothing should be read now: the spool holds as much as it may; or files still wait for their names, which the
  /// next epoch would choose again; or an epoch waits behind one that is being written, so that slow stores get larger
  /// epochs, and not more of them.
  bool blocked() const;
  /// What is being tried again: sinks by name, `files`, `inputs`.
  const std::map<std::string, Backoff>& away() const { return away_; }
  /// Inputs of epochs that are everywhere since this was asked last.
  std::vector<Split> take_finished();
  /// Everything that an attempt which publishes nothing has left.
  Result<> sweep();

  std::string refused_log() const { return state_.path() + "/rejects/refused.jsonl"; }

 private:
  /// A commit that runs beside everything else; in stepped runs it is over when it has begun.
  struct StoreCommit {
    std::string sink;
    std::future<Result<int64_t>> rows;
    std::unique_ptr<Thread> thread;
  };
  struct Waiting {
    Checkpoint checkpoint;
    std::function<void()> tell;
    bool recovered = false;  ///< saved by an earlier run: its rows are not of this one's balance
    bool files_done = false;
    std::set<std::string> stores_done;  ///< sinks
  };

  Result<> sure_that_epochs_are_ours(const PlanNode& node);
  Result<> sure_that_nothing_is_there(const Plan& plan, const StateFolder::Damaged& damaged);
  Result<> bring_files(Waiting& waiting);
  Result<> bring_to_stores(const Plan& plan, Waiting& waiting, std::set<std::string>& behind);
  Result<bool> bring_to_store(const Plan& plan, const Waiting& waiting, const SealedSegment& sealed);
  void start_commit(const PlanNode& sink, Epoch epoch, const SealedSegment& sealed);
  void count_written(const Plan& plan, const Waiting& waiting, const PlanNode& sink, int64_t rows);
  Result<bool> conclude(const Plan& plan, Waiting& waiting);
  Result<> tell_sources(const Plan& plan, const Checkpoint& checkpoint);
  /// Does `what` unless `who` is away just now. True: it is done. Errors that waiting may mend start a pause.
  template <class What>
  Result<bool> try_for(const std::string& who, What what);
  bool pausing(const std::string& who) const;
  Result<bool> tried(const std::string& who, const Result<>& done);
  void add_output(PublishedOutput output);
  Result<> sweep_spool();
  std::vector<PreparedFile> files_waiting() const;
  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }
  void warn(const std::string& line) const {
    if (options_.warn) return options_.warn(line);
    say(line);
  }

  Env& env_;
  StateFolder& state_;
  const RunOptions& options_;
  const PipelineSettings& settings_;
  RunReport& report_;
  StateFolder::Taken taken_;
  bool endless_ = false;
  Epoch known_ = 0;                  ///< the newest that the state folder knew of at the start
  std::set<std::string> unchecked_;  ///< stores that may know of a later one
  std::deque<Waiting> line_;         ///< oldest first
  std::map<std::string, Backoff> away_;
  std::map<std::string, StoreCommit> under_way_;  ///< by the store's address: one at a time
  std::vector<Split> finished_;
  int64_t concluded_ = 0;
};

}  // namespace trommel
