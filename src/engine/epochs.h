// Epochs of one commit group: what is there is read, judged, saved in a checkpoint and published, once or again and
// again. Its state folder is its own: the lock, the checkpoints, what was taken, the spool, the reject logs.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/attempt.h"
#include "engine/inputs.h"
#include "engine/publish.h"
#include "engine/reject_logs.h"
#include "engine/status.h"
#include "engine/transform_state.h"

namespace trommel {

class Epochs {
 public:
  Epochs(const Pipeline& pipeline, Env& env, const RunOptions& options, std::string folder);

  // What comes before the first epoch, in this order. Nobody else may be at the state folder from `lock` on.
  Result<> lock();
  Result<> resume();
  void set_plan(Plan plan);
  /// Where the pipeline no longer fits what earlier epochs left.
  void find_misfits(Problems& problems) const;
  /// Epochs that were saved by a run that died are in the line, and what else it left is gone.
  Result<> recover();

  /// The number of the epoch that comes next.
  Epoch next() const { return report_.epoch; }
  /// Whether an epoch was ever saved here.
  bool has_run() const { return has_run_; }

  /// All that there is, as one epoch. `replan`: types that were guessed have been widened.
  using Replan = std::function<Result<Plan>(const BoundSources&)>;
  Result<> run_bounded(const Replan& replan);

  /// Epoch after epoch, by turns between `begin` and `end`. While one is read and published the next one's inputs come
  /// in, so that epochs grow with the load by themselves.
  struct Turn {
    enum class Outcome {
      worked,        ///< there may be more
      idle,          ///< nothing to do for now
      nothing_left,  ///< of a run that takes what is there; what was taken may still be on its way to its sinks
      over,          ///< asked to stop, or refused
    };
    Outcome outcome = Outcome::worked;
    int64_t wait_us = 0;  ///< before the next turn
  };
  void begin();
  Result<Turn> turn();
  Result<> end();
  /// Nothing is on its way to a sink.
  bool idle() const { return publisher_.idle(); }
  /// Grows with each epoch that is read, and with each that has come to all its sinks.
  int64_t moves() const { return report_.epochs + publisher_.concluded(); }

  /// Says in the status how it ended, and gives back what was claimed and not read.
  void ended(const Result<>& how);
  RunReport& report() { return report_; }

 private:
  /// Inputs of an epoch that hold rejects, and whose source judges each for itself.
  struct Judged {
    const std::vector<RefusedInput>& refused;
    const std::map<std::string, RefusedInput>& borne;  ///< by split_key
  };

  Result<> look_for_inputs();
  Result<> nothing_new();
  Result<> bring_on();

  Result<bool> epoch();
  EpochLimits limits() const;
  bool is_large(const Ledger& ledger) const;
  std::map<std::string, RefusedInput> bear(Ledger& ledger, AttemptResult& result,
                                           const std::vector<Input>& inputs) const;
  size_t node_of(const Split& split) const;
  bool without_faulty(Ledger& ledger, AttemptResult& result, std::vector<Input>& inputs,
                      std::vector<RefusedInput>& refused);
  void count_refused(const RefusedInput& input, Ledger& ledger) const;
  Result<> conclude(Ledger& ledger, AttemptResult result, const Judged& judged);
  Result<> widen(const std::vector<Ledger::SourceMisfit>& misfits);
  Balance balance_of(Ledger& ledger) const;
  void add_to_report(const Balance& balance);
  Result<> must_balance(const Balance& balance, bool with_written) const;
  Result<> refuse(std::string message, Balance balance, const AttemptResult& result);

  Result<> publish(Ledger& ledger, const Balance& balance, AttemptResult result, const Judged& judged);
  Result<> save(Checkpoint& checkpoint);
  Result<> must_balance_for_life(const Balance& balance, const std::vector<SealedSegment>& segments);
  std::function<void()> tell_of(const Checkpoint& checkpoint, Ledger& ledger,
                                const std::vector<RefusedInput>& refused) const;

  /// Epoch follows epoch.
  bool endless() const { return plan_.endless || plan_.as_you_go; }
  bool takes_what_is_there() const { return options_.once || plan_.as_you_go; }
  void note(const std::string& line);
  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }
  void warn(const std::string& line) const {
    if (options_.warn) return options_.warn(line);
    say(line);
  }

  const Pipeline& pipeline_;
  Env& env_;
  StatusFile status_;
  const RunOptions options_;
  StateFolder state_;
  TransformStates states_;
  RunReport report_;
  Publisher publisher_;
  Inputs inputs_;
  RejectLogs reject_logs_;
  Plan plan_;
  StateFolder::Saved saved_;  ///< as it was found
  bool locked_ = false;       ///< the state folder is ours
  bool has_run_ = false;
  int64_t not_before_us_ = 0;  ///< the next epoch, by the steady clock
  bool left_behind_ = false;   ///< the last epoch was full, and there is more: the next one gains nothing by waiting
  Carried carried_;
  Life life_;  ///< up to the last epoch
  int widened_ = 0;
};

}  // namespace trommel
