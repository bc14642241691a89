#include "engine/publish.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bell.h"
#include "base/planted.h"
#include "engine/reject_logs.h"
#include "engine/status.h"

namespace trommel {
namespace {

constexpr size_t kOutputsListed = 1000;
constexpr size_t kAhead = 2;     // epochs that wait for stores which are there
constexpr int64_t kNap = 5'000;  // microseconds between two looks at what is away

void sleep(Env& env, Bell* bell, uint64_t heard, int64_t us) {
  bell != nullptr ? bell->sleep(heard, us) : env.sleep_us(us);
}

Error kept_for_the_next_run(Error error) {
  if (error.domain == Error::Domain::external)
    error.hint += (error.hint.empty() ? "" : "; ") + std::string("the rows are kept, the next run writes them");
  return error;
}

}  // namespace

Result<> Publisher::open() {
  if (!options_.ephemeral) TRY(state_.settle());
  ASSIGN(taken_, state_.taken());
  return {};
}

bool Publisher::knows_content(const Split& split, int64_t remembered_us) const {
  if (remembered_us == 0 || split.content.empty()) return false;
  const auto found = taken_.contents.find(split_key(split.source, split.content));
  return found != taken_.contents.end() && env_.now_us() - found->second < remembered_us;
}

// ---- after a restart -------------------------------------------------------------------------------------------

Result<> Publisher::recover(const Plan& plan, const StateFolder::Saved& saved) {
  endless_ = plan.endless;
  const Epoch newest = saved.newest ? saved.newest->epoch : 0;
  const std::string hint = "restore the state folder from a copy, or start anew under another name";
  if (newest < taken_.last_epoch && !planted(Mistake::go_on_below_a_sink)) {
    return external_error(state_.path(),
                          fmt::format("the newest checkpoint that can be read is {}, but epoch {} is in the sinks",
                                      newest, taken_.last_epoch),
                          hint);
  }
  for (const StateFolder::Damaged& damaged : saved.damaged) {
    if (damaged.epoch < newest) return external_error(damaged.error.where, damaged.error.what, hint);
    if (!planted(Mistake::go_on_below_a_sink)) TRY(sure_that_nothing_is_there(plan, damaged));
  }
  for (const Checkpoint& checkpoint : saved.pending) {
    if (planted(Mistake::no_recommit)) continue;
    say(fmt::format("epoch {} was saved and not yet published: publishing it now", checkpoint.epoch));
    line_.push_back({checkpoint, nullptr, true, false, {}});
    report_.recovered = true;
  }
  known_ = std::max(newest, taken_.last_epoch);
  for (const PlanNode& node : plan.nodes) {
    if (node.sink.store && !options_.ephemeral) unchecked_.insert(node.name);
  }
  return sweep();
}

Result<> Publisher::sure_that_epochs_are_ours(const Plan& plan) {
  for (const PlanNode& node : plan.nodes) {
    if (!unchecked_.contains(node.name) || away_.contains(node.name)) continue;
    if (const auto sure = sure_that_epochs_are_ours(node); !sure && !sure.error().retry) return sure;
  }
  return {};
}

Result<> Publisher::sure_that_epochs_are_ours(const PlanNode& node) {
  ASSIGN(const Epoch last, node.sink.store->last_committed());
  unchecked_.erase(node.name);
  if (last <= known_) return {};
  Error unknown{
      Error::Domain::external, node.sink.target,
      fmt::format("holds epoch {} of this pipeline, and its state folder {}", last,
                  known_ == 0 ? "knows of none: was it deleted?" : fmt::format("knows of {} only", known_)),
      fmt::format("restore {}; or read everything anew with `trommel run --reset` (and `--beside`, where rows "
                  "may be there twice)",
                  state_.path()),
      false};
  return tl::unexpected(std::move(unknown));
}

/// A checkpoint that is damaged may be passed over as long as no sink has anything of its epoch: its rows are read
/// again.
Result<> Publisher::sure_that_nothing_is_there(const Plan& plan, const StateFolder::Damaged& damaged) {
  const auto stop = [&](const std::string& why) {
    return external_error(
        state_.path(),
        fmt::format("the newest checkpoint that can be read is not that of epoch {}, and {}", damaged.epoch, why),
        "restore the state folder from a copy, or start anew under another name");
  };
  bool files = false;
  for (const PlanNode& node : plan.nodes) {
    if (node.sink.files) files = true;
    if (!node.sink.store) continue;
    ASSIGN(const Epoch epoch, node.sink.store->last_committed());
    if (epoch >= damaged.epoch) return stop(fmt::format("{} holds rows of it", node.sink.target));
  }
  ASSIGN(const auto logs, reject_log_files(env_, state_.path()));
  if (!logs.empty() && logs.back().last >= damaged.epoch) return stop(logs.back().path + " holds rejects of it");
  ASSIGN(const auto temporaries, listed_temporaries(env_, state_.path()));
  if (files && temporaries.empty()) return stop("nobody knows which of its files are published");
  for (const std::string& path : temporaries) {
    const bool torn = !path.ends_with(".tmp");  // by a crash: what follows it is lost
    if (torn || !env_.exists(path))
      return stop((torn ? std::string("one of its files") : path) + " may have been published");
  }
  return {};
}

// ---- the line --------------------------------------------------------------------------------------------------

void Publisher::add(Checkpoint checkpoint, std::function<void()> tell) {
  line_.push_back({std::move(checkpoint), std::move(tell), false, false, {}});
}

bool Publisher::blocked() const {
  int64_t bytes = 0;
  for (const Waiting& waiting : line_) {
    if (!waiting.files_done) return true;
    for (const SealedSegment& sealed : waiting.checkpoint.segments) bytes += sealed.size;
  }
  return bytes >= settings_.spool.max_bytes || (away_.empty() && line_.size() >= kAhead);
}

std::vector<Split> Publisher::take_finished() { return std::exchange(finished_, {}); }

Result<> Publisher::advance(const Plan& plan) {
  std::set<std::string> behind;  // sinks that wait for an older epoch
  for (Waiting& waiting : line_) {
    if (planted(Mistake::delete_before_commit)) TRY(tell_sources(plan, waiting.checkpoint));
    TRY(bring_to_stores(plan, waiting, behind));
    // Of a bounded run stores come first: they can refuse, and then no file has appeared yet.
    if (plan.endless || waiting.recovered || behind.empty()) TRY(bring_files(waiting));
  }
  while (!line_.empty() && line_.front().files_done &&
         line_.front().stores_done.size() == line_.front().checkpoint.segments.size()) {
    ASSIGN(const bool concluded, conclude(plan, line_.front()));
    if (!concluded) break;
    line_.pop_front();
    ++concluded_;
  }
  return {};
}

Result<> Publisher::finish(const Plan& plan) {
  for (;;) {
    const uint64_t heard = options_.bell != nullptr ? options_.bell->rings() : 0;
    TRY(advance(plan));
    if (idle()) return {};
    if (options_.stop.stop_requested() && !away_.empty())
      return tl::unexpected(kept_for_the_next_run(away_.begin()->second.error()));
    sleep(env_, options_.bell, heard, kNap);
  }
}

template <class What>
Result<bool> Publisher::try_for(const std::string& who, What what) {
  if (pausing(who)) return false;
  return tried(who, what());
}

bool Publisher::pausing(const std::string& who) const {
  const auto known = away_.find(who);
  return known != away_.end() && known->second.pausing(env_.steady_us());
}

Result<bool> Publisher::tried(const std::string& who, const Result<>& done) {
  if (done) {
    if (const auto known = away_.find(who); known != away_.end()) {
      say(fmt::format("{} is there again", who));
      if (options_.status != nullptr) options_.status->retrying({who, 0, 0, 0, ""});
      away_.erase(known);
    }
    return true;
  }
  const Error& error = done.error();
  if (!error.retry || error.domain != Error::Domain::external) return tl::unexpected(kept_for_the_next_run(error));
  Backoff& away = away_
                      .try_emplace(who, settings_.retry.time_for(endless_), settings_.retry.pause_us,
                                   static_cast<uint64_t>(env_.now_us()))
                      .first->second;
  if (!away.failed(env_.steady_us(), error)) return tl::unexpected(kept_for_the_next_run(error));
  ++report_.retries;
  if (options_.status != nullptr) {
    const int64_t wall = env_.now_us() - env_.steady_us();
    options_.status->retrying({who, wall + away.since_us(), away.tries(), wall + away.next_us(), error.text()});
  }
  if (away.tries() == 1) warn(fmt::format("{}: {}; trying again", who, error.text()));
  return false;
}

Result<> Publisher::bring_files(Waiting& waiting) {
  if (waiting.files_done) return {};
  std::set<std::string> replaced;
  for (auto later = line_.rbegin(); &*later != &waiting; ++later) {
    for (const PreparedFile& file : later->checkpoint.files) replaced.insert(file.final_path);
  }
  const auto commit = [&] { return commit_files(env_, waiting.checkpoint.files, !options_.ephemeral, replaced); };
  ASSIGN(waiting.files_done, try_for("files", commit));
  if (!waiting.files_done) return {};
  for (const PreparedFile& file : waiting.checkpoint.files) {
    if (file.sink != "rejects") add_output({file.sink, file.final_path, file.rows, file.size});
  }
  return {};
}

Result<> Publisher::bring_to_stores(const Plan& plan, Waiting& waiting, std::set<std::string>& behind) {
  for (const SealedSegment& sealed : waiting.checkpoint.segments) {
    if (behind.contains(sealed.sink) || waiting.stores_done.contains(sealed.sink)) continue;
    ASSIGN(const bool done, bring_to_store(plan, waiting, sealed));
    (done ? waiting.stores_done : behind).insert(sealed.sink);
    if (planted(Mistake::spool_dropped_early) && done)
      for (const SealedSegment& other : waiting.checkpoint.segments) TRY(env_.remove(other.path));
  }
  return {};
}

Result<bool> Publisher::bring_to_store(const Plan& plan, const Waiting& waiting, const SealedSegment& sealed) {
  const auto node = std::find_if(plan.nodes.begin(), plan.nodes.end(),
                                 [&](const PlanNode& n) { return n.name == sealed.sink && n.sink.store; });
  TROMMEL_CHECK(node != plan.nodes.end(), "a sink that rows wait for, which check_fits has seen");
  if (!under_way_.contains(node->store)) {
    if (pausing(sealed.sink)) return false;
    if (unchecked_.contains(sealed.sink)) {
      ASSIGN(const bool sure, tried(sealed.sink, sure_that_epochs_are_ours(*node)));
      if (!sure) return false;
    }
    start_commit(*node, waiting.checkpoint.epoch, sealed);
  }
  StoreCommit& commit = under_way_.at(node->store);
  if (commit.sink != sealed.sink || commit.rows.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
    return false;
  const Result<int64_t> rows = commit.rows.get();
  under_way_.erase(node->store);
  ASSIGN(const bool done, tried(sealed.sink, rows ? Result<>() : tl::unexpected(rows.error())));
  if (done) count_written(plan, waiting, *node, *rows);
  return done;
}

/// Nothing of what may change meanwhile is at hand there: the sink, its segment's file and a number.
void Publisher::start_commit(const PlanNode& sink, Epoch epoch, const SealedSegment& sealed) {
  std::packaged_task<Result<int64_t>()> task(
      [&env = env_, store = sink.sink.store, epoch, sealed]() -> Result<int64_t> {
        ASSIGN(auto segment, open_segment(env, sealed));
        return store->commit(epoch, *segment);
      });
  StoreCommit& commit = under_way_[sink.store];
  commit.sink = sealed.sink;
  commit.rows = task.get_future();
  if (options_.stepped) return task();
  const auto work = std::make_shared<std::packaged_task<Result<int64_t>()>>(std::move(task));
  commit.thread = env_.start_thread("commit " + sealed.sink, [work, bell = options_.bell](const std::stop_token&) {
    (*work)();
    if (bell != nullptr) bell->ring();
  });
}

void Publisher::count_written(const Plan& plan, const Waiting& waiting, const PlanNode& sink, int64_t rows) {
  const auto place = static_cast<size_t>(&sink - plan.nodes.data());
  if (!waiting.recovered && place < report_.balance.nodes.size()) report_.balance.nodes[place].counts.written += rows;
  add_output({sink.name, sink.sink.target, rows, -1});
}

/// The epoch is in every sink: its inputs are put away, and it is done. False: not yet, a source is away.
Result<bool> Publisher::conclude(const Plan& plan, Waiting& waiting) {
  const Checkpoint& checkpoint = waiting.checkpoint;
  if (!options_.ephemeral) {
    TRY(env_.remove(refused_log()));
    if (planted(Mistake::forget_before_delete_is_durable)) TRY(state_.append_taken(checkpoint, env_.now_us(), taken_));
    ASSIGN(const bool told, try_for("inputs", [&] { return tell_sources(plan, checkpoint); }));
    if (!told) return false;
    TRY(state_.append_taken(checkpoint, env_.now_us(), taken_));
    TRY(state_.compact_taken(taken_));
    for (const SealedSegment& sealed : checkpoint.segments) TRY(env_.remove(sealed.path));
    if (line_.size() == 1) TRY(sweep_temporaries(env_, state_.path(), {}));
  }
  for (const TakenInput& input : checkpoint.taken) finished_.push_back(input.split);
  if (waiting.tell) waiting.tell();
  return true;
}

Result<> Publisher::tell_sources(const Plan& plan, const Checkpoint& checkpoint) {
  for (const PlanNode& node : plan.nodes) {
    if (!node.source) continue;
    std::vector<Delivered> delivered;
    for (const TakenInput& input : checkpoint.taken) {
      if (input.split.source == node.name)
        delivered.push_back({input.split, input.split.size, true, input.how, input.why, checkpoint.epoch, input.rows});
    }
    for (const OpenInput& input : checkpoint.open) {
      if (input.split.source == node.name)
        delivered.push_back({input.split, input.at, false, Delivered::How::taken, {}, checkpoint.epoch, std::nullopt});
    }
    if (!delivered.empty()) TRY(node.source->durable(delivered));
  }
  return {};
}

void Publisher::add_output(PublishedOutput output) {
  if (output.bytes < 0) {
    const auto same = std::find_if(report_.outputs.begin(), report_.outputs.end(), [&](const PublishedOutput& known) {
      return known.bytes < 0 && known.sink == output.sink && known.name == output.name;
    });
    if (same != report_.outputs.end()) {
      same->rows += output.rows;
      return;
    }
  } else if (report_.outputs.size() >= kOutputsListed) {
    ++report_.outputs_unlisted;
    return;
  }
  report_.outputs.push_back(std::move(output));
}

// ---- sweeping --------------------------------------------------------------------------------------------------

std::vector<PreparedFile> Publisher::files_waiting() const {
  std::vector<PreparedFile> files;
  for (const Waiting& waiting : line_)
    files.insert(files.end(), waiting.checkpoint.files.begin(), waiting.checkpoint.files.end());
  return files;
}

Result<> Publisher::sweep_spool() {
  const std::string folder = state_.path() + "/spool";
  if (!env_.exists(folder)) return {};
  std::set<std::string> wanted;
  for (const Waiting& waiting : line_) {
    for (const SealedSegment& sealed : waiting.checkpoint.segments) wanted.insert(sealed.path);
  }
  ASSIGN(const auto entries, env_.list(folder));
  for (const FileInfo& entry : entries) {
    if (!wanted.contains(entry.path)) TRY(env_.remove(entry.path));
  }
  return {};
}

Result<> Publisher::sweep() {
  TRY(sweep_temporaries(env_, state_.path(),
                        planted(Mistake::sweep_what_is_prepared) ? std::vector<PreparedFile>{} : files_waiting()));
  return sweep_spool();
}

}  // namespace trommel
