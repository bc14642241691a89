#include "engine/attempt.h"

#include <algorithm>
#include <utility>

namespace trommel {
namespace {

class Machinery {
 public:
  explicit Machinery(Attempt& attempt)
      : attempt_(attempt),
        plan_(attempt.plan),
        tasks_(attempt.flow, tasks_room()),
        inboxes_(plan_.nodes.size()),
        rejects_inbox_(attempt.flow, inbox_room()) {
    for (size_t node = 0; node < plan_.nodes.size(); ++node) {
      if (heads_machine(node)) inboxes_[node] = std::make_unique<Inbox>(attempt.flow, inbox_room());
    }
    add_readers_and_lanes();
    for (size_t node = 0; node < plan_.nodes.size(); ++node) {
      if (inboxes_[node]) add_consumer(node);
    }
    rejects_ = reject_machine(attempt_, rejects_inbox_);
    machines_.push_back(rejects_.get());
  }

  const std::vector<Machine*>& machines() const { return machines_; }

  AttemptResult result() {
    AttemptResult out;
    for (auto& sink : sinks_) {
      auto& prepared = sink->prepared();
      std::move(prepared.files.begin(), prepared.files.end(), std::back_inserter(out.files));
      std::move(prepared.segments.begin(), prepared.segments.end(), std::back_inserter(out.segments));
    }
    out.reject_files = rejects_->prepared().files;
    auto& letters = rejects_->prepared().segments;
    std::move(letters.begin(), letters.end(), std::back_inserter(out.segments));
    out.first_rejects = rejects_->first();
    out.rejects_by_source = rejects_->by_source();
    out.faulty = std::move(rejects_->faulty());
    for (const auto& transform : transforms_) out.changes += transform->changes();
    return out;
  }

 private:
  bool heads_machine(size_t node) const {
    const PlanNode& n = plan_.nodes[node];
    if (n.kind == PlanNode::Kind::sink) return true;
    if (n.kind == PlanNode::Kind::source) return false;
    return n.transform.shape != Shape::row_by_row || n.inputs.size() != 1;
  }

  // The queues' share of memory: half for blocks that wait for a lane, half for rows that wait for a sink.
  size_t tasks_room() const { return static_cast<size_t>(plan_.memory.queues / 2); }
  size_t inbox_room() const {
    int64_t inboxes = 1;
    for (size_t node = 0; node < plan_.nodes.size(); ++node) inboxes += heads_machine(node) ? 1 : 0;
    return static_cast<size_t>(plan_.memory.queues / 2 / inboxes);
  }

  /// Makes the group headed by `node` a producer of every machine that its rows reach, and of the reject log.
  Exits exits_of(size_t node) {
    Exits exits;
    exits.to_node.resize(plan_.nodes.size());
    for (const size_t target : group_targets(plan_, group_members(plan_, node))) {
      exits.to_node[target] = {inboxes_[target].get(), inboxes_[target]->add_producer()};
    }
    exits.to_rejects = {&rejects_inbox_, rejects_inbox_.add_producer()};
    return exits;
  }

  void add_readers_and_lanes() {
    std::vector<Exits> exits(plan_.nodes.size());
    for (size_t node = 0; node < plan_.nodes.size(); ++node) {
      if (plan_.nodes[node].kind != PlanNode::Kind::source) continue;
      exits[node] = exits_of(node);
      add(reader_machine(attempt_, node, tasks_));
    }
    for (int lane = 0; lane < plan_.lanes; ++lane) add(lane_machine(attempt_, lane, tasks_, exits));
  }

  void add_consumer(size_t node) {
    if (plan_.nodes[node].kind == PlanNode::Kind::transform) {
      transforms_.push_back(transform_machine(attempt_, node, *inboxes_[node], exits_of(node)));
      machines_.push_back(transforms_.back().get());
      return;
    }
    const bool is_store = plan_.nodes[node].sink.store != nullptr;
    sinks_.push_back(
        is_store ? store_sink_machine(attempt_, node, *inboxes_[node], {&rejects_inbox_, rejects_inbox_.add_producer()})
                 : file_sink_machine(attempt_, node, *inboxes_[node]));
    machines_.push_back(sinks_.back().get());
  }

  void add(std::unique_ptr<Machine> machine) {
    machines_.push_back(machine.get());
    owned_.push_back(std::move(machine));
  }

  Attempt& attempt_;
  const Plan& plan_;
  TaskQueue tasks_;
  std::vector<std::unique_ptr<Inbox>> inboxes_;  // by node; null inside a group
  Inbox rejects_inbox_;
  std::vector<std::unique_ptr<Machine>> owned_;
  std::vector<std::unique_ptr<RememberingMachine>> transforms_;
  std::vector<std::unique_ptr<SinkMachine>> sinks_;
  std::unique_ptr<RejectMachine> rejects_;
  std::vector<Machine*> machines_;
};

/// Tells how far the run is, ten times a second, for as long as it lives.
class ProgressTicker {
 public:
  ProgressTicker(Attempt& attempt, const RunOptions& options)
      : attempt_(attempt), options_(options), started_us_(attempt.env.steady_us()) {
    for (const Input& input : attempt.inputs) {
      if (input.split->size < 0 || attempt.carried != nullptr) total_ = -1;
      if (total_ >= 0) total_ += input.split->size;
    }
    if (!options.progress || options.stepped) return;
    thread_ = attempt.env.start_thread("progress", [this](std::stop_token stop) {
      // Short naps, so that the end of a run does not wait for the next tick.
      for (int nap = 1; !stop.stop_requested(); ++nap) {
        attempt_.env.sleep_us(5'000);
        if (nap % 20 == 0) tell();
      }
    });
  }
  ~ProgressTicker() {
    if (thread_) {
      thread_->request_stop();
      thread_->join();
    }
  }

 private:
  void tell() {
    Progress progress;
    progress.rows_read = attempt_.ledger.rows_read;
    progress.rows_rejected = attempt_.ledger.rows_rejected;
    progress.bytes_read = attempt_.ledger.bytes_read;
    progress.bytes_total = total_;
    progress.elapsed_us = attempt_.env.steady_us() - started_us_;
    progress.phase = "reading";
    options_.progress(progress);
  }

  Attempt& attempt_;
  const RunOptions& options_;
  const int64_t started_us_;
  int64_t total_ = 0;
  std::unique_ptr<Thread> thread_;
};

}  // namespace

Result<AttemptResult> run_attempt(Attempt& attempt, const RunOptions& options) {
  Machinery machinery(attempt);
  {
    const ProgressTicker ticker(attempt, options);
    // A run of several epochs ends at the edge of one: its readers hear of the stop, and close the epoch.
    TRY(attempt.flow.run(machinery.machines(), attempt.carried == nullptr ? options.stop : std::stop_token{}));
  }
  AttemptResult result = machinery.result();
  result.whole = !attempt.flow.ending();
  return result;
}

}  // namespace trommel
