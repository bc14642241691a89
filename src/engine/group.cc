#include "engine/group.h"

#include <algorithm>

namespace trommel {
namespace {

constexpr size_t kOverflow = 4 << 20;  // bytes handed on in one push before they are sent in the middle of it

}  // namespace

std::vector<size_t> group_members(const Plan& plan, size_t head) {
  std::vector<size_t> members{head};
  for (size_t i = 0; i < members.size(); ++i) {
    for (const size_t next : plan.nodes[members[i]].outputs) {
      const PlanNode& node = plan.nodes[next];
      const bool falls_in = node.kind == PlanNode::Kind::transform && node.inputs.size() == 1 &&
                            node.transform.shape == Shape::row_by_row;
      if (falls_in) members.push_back(next);
    }
  }
  return members;
}

std::vector<size_t> group_targets(const Plan& plan, const std::vector<size_t>& members) {
  std::vector<size_t> targets;
  for (const size_t member : members) {
    for (const size_t next : plan.nodes[member].outputs) {
      if (std::find(members.begin(), members.end(), next) == members.end()) targets.push_back(next);
    }
  }
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  return targets;
}

/// The outlet of one member: counts, and passes on.
class Group::NodeOutlet final : public Outlet {
 public:
  NodeOutlet(Group& group, size_t member) : group_(group), member_(member) {}

  void emit(Batch batch) override {
    if (batch.size() == 0) return;
    Member& self = group_.members_[member_];
    self.counts.out += batch.size();
    if (!group_.plan_.provenance) batch = Batch{batch.rows, {}, nullptr};
    const int64_t rows = group_.plan_.batch_rows;
    if (rows == 0 || batch.size() <= rows || self.transform) return group_.hand_on(self, std::move(batch));
    for (int64_t at = 0; at < batch.size(); at += rows)
      group_.hand_on(self, slice(batch, at, std::min(rows, batch.size() - at)));
  }
  void reject(const Batch& batch, std::span<const Refusal> refusals) override {
    RowSpeller speller(*batch.rows);
    for (const Refusal& refusal : refusals)
      refuse(refusal.code, make_reject(group_.plan_.pipeline, stage(), batch, refusal, lines_, speller));
  }
  void reject(const Block& block, std::span<const RawRefusal> refusals) override {
    for (const RawRefusal& refusal : refusals)
      refuse(refusal.code, make_reject(group_.plan_.pipeline, stage(), block, refusal, lines_));
  }
  void filtered(int64_t rows) override { counts().filtered += rows; }
  void deduplicated(int64_t rows) override { counts().deduplicated += rows; }
  void expanded(int64_t rows) override { counts().expanded += rows; }
  void warn(const std::string& text) override { group_.ledger_.add_warning(stage() + ": " + text); }
  void combined(int64_t in, int64_t out) override {
    counts().combined_in += in;
    counts().combined_out += out;
  }
  void misfit(const Block& block, Misfit misfit) override {
    const int64_t line = line_at(block, misfit.position);
    group_.ledger_.add_misfit(
        {group_.members_.front().node, std::move(misfit), block.split ? block.split->name : "", line});
    group_.flow_.end();
  }

 private:
  Counts& counts() { return group_.members_[member_].counts; }
  const std::string& stage() const { return group_.plan_.nodes[group_.members_[member_].node].name; }
  void refuse(const std::string& code, Reject reject) {
    const Member& self = group_.members_[member_];
    const PlanNode& node = group_.plan_.nodes[self.node];
    if (node.transform.make && node.ports() > 1) reject.input = group_.plan_.nodes[node.inputs[self.input]].name;
    group_.refuse(group_.members_[member_], code, std::move(reject));
  }

  Group& group_;
  size_t member_;
  LineCounter lines_;
};

Group::Group(const Plan& plan, size_t head, Ledger& ledger, Flow& flow)
    : plan_(plan), ledger_(ledger), flow_(flow), deliveries_(plan.nodes.size()) {
  const std::vector<size_t> nodes = group_members(plan, head);
  for (size_t i = 0; i < nodes.size(); ++i) {
    Member member;
    member.node = nodes[i];
    member.outlet = std::make_unique<NodeOutlet>(*this, i);
    for (const size_t next : plan.nodes[nodes[i]].outputs) {
      const auto& inputs = plan.nodes[next].inputs;
      const size_t input = plan.nodes[next].port(
          static_cast<size_t>(std::find(inputs.begin(), inputs.end(), nodes[i]) - inputs.begin()));
      const auto inside = std::find(nodes.begin(), nodes.end(), next);
      if (inside != nodes.end()) {
        member.inside.emplace_back(static_cast<size_t>(inside - nodes.begin()), input);
      } else {
        member.outside.emplace_back(next, input);
      }
    }
    members_.push_back(std::move(member));
  }
}

Group::~Group() = default;

std::unique_ptr<Transform> Instances::take(size_t node, int lane) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find({node, lane});
  return found == kept_.end() ? nullptr : std::move(found->second);
}

void Instances::put(size_t node, int lane, std::unique_ptr<Transform> transform) {
  const std::lock_guard lock(mutex_);
  kept_[{node, lane}] = std::move(transform);
}

void Instances::forget(const Plan& plan) {
  const std::lock_guard lock(mutex_);
  std::erase_if(kept_,
                [&](const auto& entry) { return plan.nodes[entry.first.first].transform.shape != Shape::row_by_row; });
}

Result<> Group::make(Instances* kept, int lane, const TransformStates* states) {
  for (Member& member : members_) {
    const PlanNode& node = plan_.nodes[member.node];
    if (node.kind != PlanNode::Kind::transform) continue;
    if (kept != nullptr) member.transform = kept->take(member.node, lane);
    if (member.transform) continue;
    ASSIGN(member.transform, node.transform.make());
    // A row-by-row transform has nothing to remember: it has as many instances as there are lanes.
    if (states != nullptr && node.transform.shape != Shape::row_by_row) TRY(states->load(node.name, *member.transform));
  }
  return {};
}

void Group::give_back(Instances* kept, int lane) {
  if (kept == nullptr) return;
  for (Member& member : members_) {
    if (member.transform) kept->put(member.node, lane, std::move(member.transform));
  }
}

Result<> Group::save(StateChanges& changes) {
  for (Member& member : members_) {
    const PlanNode& node = plan_.nodes[member.node];
    if (!member.transform || node.transform.shape == Shape::row_by_row) continue;
    StateRecorder recorder(node.name, changes);
    if (auto saved = member.transform->save(recorder); !saved)
      return tl::unexpected(at_node(member, std::move(saved).error()));
  }
  return {};
}

Result<> Group::decode(const Block& block, std::optional<Error>* fault) {
  Member& head = members_.front();
  const auto records = block.decoder->decode(block, *head.outlet);
  if (!records) {
    if (fault == nullptr || records.error().domain == Error::Domain::internal) return tl::unexpected(records.error());
    *fault = records.error();
    return outcome();
  }
  head.counts.read += *records;
  ledger_.rows_read += *records;
  if (block.split) ledger_.add_input_rows(*block.split, *records);
  return outcome();
}

Result<> Group::push(size_t input, const Batch& batch) {
  push_member(members_.front(), input, batch);
  return outcome();
}

Result<> Group::end() {
  for (Member& member : members_) {
    if (!member.transform || flow_.ending()) continue;
    if (auto done = member.transform->end(*member.outlet); !done)
      return tl::unexpected(at_node(member, std::move(done).error()));
    TRY(outcome());
  }
  return {};
}

void Group::push_member(Member& member, size_t input, const Batch& batch) {
  if (error_) return;
  member.counts.in += batch.size();
  member.input = input;
  if (auto done = member.transform->push(input, batch, *member.outlet); !done)
    fail(at_node(member, std::move(done).error()));
}

void Group::hand_on(Member& member, Batch batch) {
  for (const auto& [inside, input] : member.inside) push_member(members_[inside], input, batch);
  if (member.outside.empty()) return;
  pending_ += batch.memory();
  for (const auto& [node, input] : member.outside) deliveries_[node].push_back({input, batch});
  if (overflow && pending_ > kOverflow && !in_overflow_) {
    in_overflow_ = true;
    if (auto sent = overflow(); !sent) fail(std::move(sent).error());
    in_overflow_ = false;
  }
}

void Group::refuse(Member& member, const std::string& code, Reject reject) {
  ++member.counts.rejected;
  ++member.counts.reasons[code];
  ++ledger_.rows_rejected;
  pending_ += sizeof(Reject) + reject.raw.size() + reject.row.size();
  rejects_.push_back(std::move(reject));
}

/// Names the part of the pipeline before the place that the component itself named.
Error Group::at_node(const Member& member, Error error) const {
  const std::string& name = plan_.nodes[member.node].name;
  if (!error.where.starts_with(name)) error.where = error.where.empty() ? name : name + ": " + error.where;
  return error;
}

void Group::fail(Error error) {
  if (!error_) error_ = std::move(error);
}

Result<> Group::outcome() {
  if (error_) return tl::unexpected(*error_);
  return {};
}

Result<> Group::send(const Exits& exits, uint64_t sequence, bool barrier) {
  for (Member& member : members_) {
    ledger_.add(member.node, member.counts);
    member.counts = {};
  }
  pending_ = 0;
  for (size_t node = 0; node < exits.to_node.size(); ++node) {
    const Exit& exit = exits.to_node[node];
    if (exit.inbox == nullptr) continue;
    Parcel parcel;
    parcel.deliveries = std::move(deliveries_[node]);
    parcel.barrier = barrier;
    deliveries_[node].clear();
    if (!exit.inbox->push(exit.producer, sequence, std::move(parcel))) return {};
  }
  Parcel parcel;
  parcel.rejects = std::move(rejects_);
  parcel.barrier = barrier;
  rejects_.clear();
  exits.to_rejects.inbox->push(exits.to_rejects.producer, sequence, std::move(parcel));
  return {};
}

}  // namespace trommel
