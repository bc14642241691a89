// Inputs: what a run has to read. Found and not yet taken, begun by an earlier epoch, or skipped because its content is
// known; and what becomes of each as epochs close.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/machines.h"
#include "engine/publish.h"
#include "engine/run.h"

namespace trommel {

class Inputs {
 public:
  /// With `again`, inputs are read whether they were taken before or not: a backfill.
  Inputs(Env& env, const Publisher& publisher, const RunOptions& options, bool again)
      : env_(env), publisher_(publisher), options_(options), again_(again) {}

  /// Where the last epoch left off.
  void resume(const StateFolder::Saved& saved);
  void bind(const Plan& plan);
  const BoundSources& sources() const { return bound_; }

  /// Asks every source, and adds what is new. Returns what sources noticed, a line each.
  Result<std::vector<std::string>> look();
  /// Bounded sources are asked for all that there is again.
  void forget();
  /// Inputs whose content was taken before are taken with this epoch, unread.
  void skip_known_contents();

  bool empty() const { return pending_.empty(); }
  const std::vector<Input>& pending() const { return pending_; }
  /// Somebody waits for an input that is pending.
  bool urgent() const;
  /// A source has something that cannot be taken yet.
  bool expects_more() const;

  /// Not in this epoch: left for later.
  void set_aside(const Split& split);
  /// What the epoch took and what it leaves open go into its checkpoint, the former is no longer pending.
  /// `refused` are taken as a whole with none of their rows; `borne` (by split_key) are taken for all their rejects.
  void take(Checkpoint& checkpoint, Ledger& ledger, const std::vector<RefusedInput>& refused,
            const std::map<std::string, RefusedInput>& borne);
  /// Inputs of epochs that are everywhere: the source may give out one of the same name again.
  void put_away(const std::vector<Split>& finished);
  /// What was claimed and will not be read by this run. An input that was begun keeps its place: its id is in the
  /// checkpoint.
  void give_back();

 private:
  std::optional<RowsOfSplit> rows_of(const Split& split, Ledger& ledger, const RefusedInput* rejects) const;

  Env& env_;
  const Publisher& publisher_;
  const RunOptions& options_;
  bool again_ = false;
  std::vector<std::string> order_;  ///< of sources in the plan
  BoundSources bound_;
  std::vector<Input> pending_;             ///< found and not yet taken, in order
  std::set<std::string> known_;            ///< keys of those, and of what was taken and not put away yet
  std::map<std::string, OpenInput> open_;  ///< inputs that an earlier epoch began; those of this run or not
  std::vector<TakenInput> skipped_;        ///< to be put away with the next epoch
};

}  // namespace trommel
