// Rejects that come back. A replay is an ordinary run of the pipeline whose sources give nothing: each reject is an
// input of its own, whose id is taken with the epoch as that of a file is. Hence the same lock, the same commit, the
// same log, and a second replay of the same reject that finds it taken.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "config/pipeline.h"
#include "engine/checkpoint.h"
#include "engine/plan.h"
#include "engine/rejects.h"

namespace trommel {

/// Why a reject cannot come back by itself; empty: it can. `mended`: its bytes or values are given anew.
std::string why_not_replayed(const Reject& reject, const Pipeline& pipeline, bool mended);

/// Ids of the rejects that came back in epochs that are done.
Result<std::set<std::string>> replayed_ids(Env& env, const std::string& state_folder);
std::set<std::string> replayed_ids(const StateFolder::Taken& taken);

/// Rows that go back into a plan: each with what it has become in `raw` (of bytes that a source refused) or in `row`.
class Replay final : public Feeds {
 public:
  Replay(std::vector<Reject> rows, SourceRows source_rows);
  ~Replay() override;

  Schema rows_of(const std::string& source) const override;
  Result<std::shared_ptr<Source>> stand_in(const std::string& name, std::shared_ptr<Source> real) override;
  bool brings(const std::string& source) const override;
  const std::vector<Feed>& feeds() const override { return feeds_; }
  Result<> bind(const Feed& feed, const Schema& rows) override;

  /// Rows that cannot be what they would have to be where they enter. They stay rejects, as if they had not been named.
  struct LeftAlone {
    std::string id, place, why;
  };
  const std::vector<LeftAlone>& left_alone() const { return left_alone_; }

 private:
  class Rows;
  class StandIn;
  Result<> bind_bytes(Rows& into, const std::vector<Reject>& rejects, Source& real);
  Result<> bind_values(Rows& into, const std::vector<Reject>& rejects, const Schema& schema);
  void leave_alone(const Reject& reject, std::string why);

  const SourceRows source_rows_;
  std::map<std::string, std::vector<Reject>> of_source_;  ///< that it refused itself
  std::map<std::string, std::vector<Reject>> of_feed_;
  std::map<std::string, std::shared_ptr<Rows>> rows_of_feed_;
  std::vector<Feed> feeds_;
  std::vector<LeftAlone> left_alone_;
};

}  // namespace trommel
