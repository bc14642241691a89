// Group: nodes of the plan that one thread works through together, rows falling from one into the next without a queue
// between them. A lane has one group for each source (the decoder and every row-by-row transform below it); each other
// transform heads a group of its own.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/ledger.h"
#include "engine/plan.h"
#include "engine/queues.h"
#include "engine/transform_state.h"

namespace trommel {

/// Where rows go that leave a group: the inbox of a machine, and this group's place among its producers.
struct Exit {
  Inbox* inbox = nullptr;
  size_t producer = 0;
};

/// For every node that heads a machine of its own, the exit to it; and the exit to the reject log.
struct Exits {
  std::vector<Exit> to_node;  ///< by node; inbox null where the node is inside the group or not reached from it
  Exit to_rejects;
};

/// Which nodes belong to the group headed by `head`: itself, and every row-by-row transform that hangs below it with
/// one input only.
std::vector<size_t> group_members(const Plan& plan, size_t head);
/// The nodes outside that members hand rows to, in the order of the plan.
std::vector<size_t> group_targets(const Plan& plan, const std::vector<size_t>& members);

/// Transforms between two epochs of a run that goes on: made once, used in each. `lane` tells instances apart.
class Instances {
 public:
  std::unique_ptr<Transform> take(size_t node, int lane);  ///< null: there is none
  void put(size_t node, int lane, std::unique_ptr<Transform> transform);
  /// Lets go of those that remember rows, after a try whose rows did not count.
  void forget(const Plan& plan);

 private:
  std::mutex mutex_;
  std::map<std::pair<size_t, int>, std::unique_ptr<Transform>> kept_;
};

class Group {
 public:
  Group(const Plan& plan, size_t head, Ledger& ledger, Flow& flow);
  ~Group();

  /// Takes the instances of its transforms from `kept`, or makes them and lets them `load` what they remembered.
  Result<> make(Instances* kept, int lane, const TransformStates* states);
  void give_back(Instances* kept, int lane);
  /// What its transforms want remembered since they were asked last.
  Result<> save(StateChanges& changes);

  /// Decodes a block of the source at its head, and pushes its rows through. With `fault`, bytes that cannot be decoded
  /// are told there and are no error.
  Result<> decode(const Block& block, std::optional<Error>* fault = nullptr);
  /// Rows for the transform at its head.
  Result<> push(size_t input, const Batch& batch);
  /// Ends every transform of the group, the head first.
  Result<> end();

  /// What was handed on since the last call, by target, and the rejects: to be sent with one sequence number. Counts go
  /// to the ledger.
  Result<> send(const Exits& exits, uint64_t sequence, bool barrier);
  /// Bytes waiting to be sent.
  size_t pending() const { return pending_; }
  /// Called when a lot is pending in the middle of a push or an end; set by machines that number their parcels
  /// themselves.
  std::function<Result<>()> overflow;

 private:
  class NodeOutlet;
  struct Member {
    size_t node = 0;
    std::unique_ptr<Transform> transform;
    std::unique_ptr<NodeOutlet> outlet;
    Counts counts;
    size_t input = 0;                                ///< that the rows at hand came by
    std::vector<std::pair<size_t, size_t>> inside;   ///< (member, input) that its rows fall into
    std::vector<std::pair<size_t, size_t>> outside;  ///< (node, input)
  };

  void hand_on(Member& member, Batch batch);
  void push_member(Member& member, size_t input, const Batch& batch);
  void refuse(Member& member, const std::string& code, Reject reject);
  Error at_node(const Member& member, Error error) const;
  void fail(Error error);
  Result<> outcome();

  const Plan& plan_;
  Ledger& ledger_;
  Flow& flow_;
  std::vector<Member> members_;
  std::vector<std::vector<Parcel::Delivery>> deliveries_;  // by node
  std::vector<Reject> rejects_;
  size_t pending_ = 0;
  std::optional<Error> error_;
  bool in_overflow_ = false;
};

}  // namespace trommel
