#include "engine/run.h"
#include "base/bell.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <utility>

#include "batch/compute.h"
#include "engine/commit_groups.h"
#include "engine/epochs.h"
#include "engine/reset.h"

namespace trommel {
namespace {

using Turn = Epochs::Turn;

constexpr size_t kFirstRejects = 10;

/// Groups that take what is there, and end: none does while another may still bring it something. What a group has
/// seen is the sum of all moves before it looked.
class Quiet {
 public:
  explicit Quiet(size_t groups) : moves_(groups, 0), quiet_at_(groups, -1) {}

  int64_t moves() {
    const std::lock_guard lock(mutex_);
    return sum();
  }
  void moved(size_t group, int64_t moves) {
    const std::lock_guard lock(mutex_);
    moves_[group] = moves;
  }
  /// The group found nothing after so many moves of all. True: nor did any other, and it is over for all of them.
  bool quiet(size_t group, int64_t seen) {
    const std::lock_guard lock(mutex_);
    quiet_at_[group] = seen;
    over_ = over_ || std::ranges::all_of(quiet_at_, [&](int64_t at) { return at == sum(); });
    return over_;
  }

 private:
  int64_t sum() const { return std::accumulate(moves_.begin(), moves_.end(), int64_t{0}); }

  std::mutex mutex_;
  std::vector<int64_t> moves_, quiet_at_;
  bool over_ = false;
};

/// What matters most comes last.
int weight(RunReport::Outcome outcome) {
  switch (outcome) {
    case RunReport::Outcome::nothing_new:
      return 0;
    case RunReport::Outcome::published:
      return 1;
    case RunReport::Outcome::stopped:
      return 2;
    case RunReport::Outcome::refused:
      return 3;
  }
  return 0;
}

/// All but the balance.
void add_report(RunReport& all, const RunReport& one) {
  if (weight(one.outcome) > weight(all.outcome)) {
    all.outcome = one.outcome;
    all.message = one.message;
  }
  all.epoch = std::max(all.epoch, one.epoch);
  all.outputs.insert(all.outputs.end(), one.outputs.begin(), one.outputs.end());
  all.outputs_unlisted += one.outputs_unlisted;
  all.first_rejects.insert(all.first_rejects.end(), one.first_rejects.begin(), one.first_rejects.end());
  if (all.first_rejects.size() > kFirstRejects) all.first_rejects.resize(kFirstRejects);
  all.bytes_read += one.bytes_read;
  all.inputs += one.inputs;
  all.inputs_refused += one.inputs_refused;
  all.epochs += one.epochs;
  all.news.insert(all.news.end(), one.news.begin(), one.news.end());
  all.retries += one.retries;
  all.recovered = all.recovered || one.recovered;
}

/// Plans a pipeline, and drives its commit groups: one, or several side by side.
class Run {
 public:
  Run(const Pipeline& pipeline, const Components& components, Env& env, const RunOptions& options, Problems& problems)
      : pipeline_(pipeline),
        components_(components),
        env_(env),
        problems_(problems),
        asked_(options),
        wish_(options.stop, [this] { end_all(); }) {
    groups_.push_back(std::make_unique<Epochs>(pipeline, env, options_of(0), pipeline.settings.state));
  }

  Result<RunReport> go() {
    const int64_t started = env_.steady_us(), cpu = env_.process().cpu_us;
    const auto done = whole_run();
    const bool one_failed = std::ranges::any_of(ended_, [](const Result<>& how) { return !how; });
    for (size_t i = 0; i < groups_.size(); ++i) groups_[i]->ended(one_failed ? ended_[i] : done);
    if (asked_.ephemeral) (void)env_.remove_tree(pipeline_.settings.state);
    if (!done) return tl::unexpected(done.error());
    RunReport report = groups_.size() == 1 ? std::move(groups_.front()->report()) : report_of_all();
    report.elapsed_us = env_.steady_us() - started;
    const ProcessUse use = env_.process();
    report.cpu_us = use.cpu_us - cpu;
    report.peak_memory_bytes = use.peak_memory_bytes;
    return report;
  }

 private:
  Result<> whole_run() {
    TRY(compute_ready());  // before there are threads
    Epochs& first = *groups_.front();
    TRY(first.lock());
    TRY(begin_anew());
    TRY(first.resume());
    ASSIGN(KnownGroups known, read_known_groups(env_, pipeline_.settings.state));
    ASSIGN(const Epoch hint, epoch_of_all(known, first.next()));
    ASSIGN(plan_, plan(hint, {}));
    TRY(open_groups(std::move(known)));
    for (const auto& group : groups_) group->find_misfits(problems_);
    TRY(no_problems());
    for (const auto& group : groups_) TRY(group->recover());
    say_guesses(plan_);
    if (asked_.planned) TRY(asked_.planned(plan_));
    return drive();
  }

  /// A reset that was asked for, once it is known that the pipeline may be run anew; or one that a crash has cut short.
  Result<> begin_anew() {
    const std::string& state = pipeline_.settings.state;
    ASSIGN(const bool finished, finish_reset(env_, state));
    if (finished) say("a reset that was cut short is finished");
    if (!pipeline_.settings.reset) return {};
    ASSIGN(const Plan made, plan(1, {}));
    Epoch stores = 0;
    for (const PlanNode& node : made.nodes) {
      if (!node.sink.store) continue;
      const auto last = node.sink.store->last_committed();
      if (!last && !last.error().retry) return tl::unexpected(last.error());
      if (last) stores = std::max(stores, *last);  // one that is away is asked again before anything goes there
    }
    return reset_state(env_, state, pipeline_.name, stores);
  }

  /// Grows with each epoch that any group saves. Sources name what they claim by it: a name that a checkpoint knows
  /// must not come again.
  Result<Epoch> epoch_of_all(const KnownGroups& known, Epoch of_first) const {
    Epoch sum = of_first;
    const auto folders = group_folders(known, pipeline_.settings.state);
    for (size_t i = 1; i < folders.size(); ++i) {
      ASSIGN(const Epoch last, last_epoch(env_, folders[i].folder));
      sum += last;
    }
    return sum;
  }

  Result<Plan> plan(Epoch epoch, const BoundSources& bound) {
    ASSIGN(Plan made,
           make_plan(pipeline_, components_, env_, problems_, epoch, bound, asked_.replay, [this] { bell_.ring(); }));
    TRY(no_problems());
    return made;
  }

  Result<> no_problems() const {
    if (problems_.empty()) return {};
    return config_error(pipeline_.file,
                        fmt::format("{} mistake{}", problems_.size(), problems_.size() == 1 ? "" : "s"));
  }

  /// The state of each group, as far as the first epoch.
  Result<> open_groups(KnownGroups known) {
    const std::string& state = pipeline_.settings.state;
    Epochs& first = *groups_.front();
    const KnownGroups before = known;
    found_ = commit_groups(plan_, pipeline_, first.has_run(), known, problems_);
    TRY(no_problems());
    for (size_t i = 0; i < found_.size(); ++i) {
      if (i > 0) {
        groups_.push_back(std::make_unique<Epochs>(pipeline_, env_, options_of(i), found_[i].folder));
        TRY(groups_[i]->lock());
        // Behind all that a store may know of: after a reset a sink may be in another group than before.
        if (is_new(found_[i], before)) TRY(begin_after(env_, found_[i].folder, pipeline_.name, first.next() - 1));
        TRY(groups_[i]->resume());
      }
      groups_[i]->set_plan(plan_of(plan_, i));
    }
    const bool lasts = plan_.endless || !before.groups.empty();
    if (lasts && known != before && !asked_.ephemeral && !asked_.replay) TRY(write_known_groups(env_, state, known));
    return {};
  }

  static bool is_new(const CommitGroup& group, const KnownGroups& before) {
    return std::ranges::find(before.groups, group.name, &KnownGroups::Group::name) == before.groups.end();
  }

  // ---- driving -------------------------------------------------------------------------------------------------

  Result<> drive() {
    if (plan_.endless && !asked_.once) say("waiting for input; Ctrl-C ends it cleanly");
    quiet_.emplace(groups_.size());
    ended_.resize(groups_.size());
    if (plan_.endless || plan_.as_you_go) return asked_.stepped ? by_turns() : side_by_side();
    for (size_t i = 0; i < groups_.size(); ++i)
      TRY(groups_[i]->run_bounded([this, i](const BoundSources& bound) { return planned_again(i, bound); }));
    return {};
  }

  Plan plan_of(const Plan& whole, size_t group) const {
    return found_.size() == 1 ? whole : plan_of_group(whole, found_[group], found_.size());
  }

  Result<Plan> planned_again(size_t group, const BoundSources& bound) {
    ASSIGN(const Plan made, plan(groups_[group]->next(), bound));
    say_guesses(made);
    return plan_of(made, group);
  }

  /// The first error asks the other groups to end, each at the edge of its epoch.
  Result<> side_by_side() {
    std::vector<std::unique_ptr<Thread>> threads;
    const auto run = [this](size_t i) {
      ended_[i] = keep_going(i);
      if (!ended_[i]) end_all();
    };
    for (size_t i = 1; i < groups_.size(); ++i)
      threads.push_back(env_.start_thread("group " + found_[i].name, [run, i](const std::stop_token&) { run(i); }));
    run(0);
    for (const auto& thread : threads) thread->join();
    for (const Result<>& how : ended_) TRY(how);
    return {};
  }

  Result<> keep_going(size_t i) {
    Epochs& group = *groups_[i];
    group.begin();
    for (bool over = false; !over;) {
      const uint64_t heard = bell_.rings();
      ASSIGN(const Turn turn, turn_of(i));
      over = turn.outcome == Turn::Outcome::over;
      if (!over && turn.wait_us > 0) bell_.sleep(heard, turn.wait_us);
    }
    auto ended = group.end();
    // A group that refuses its input ends the run, like one that fails: once its own earlier epochs are delivered.
    if (group.report().outcome == RunReport::Outcome::refused) end_all();
    return ended;
  }

  void end_all() {
    ending_.request_stop();
    bell_.ring();
  }

  /// One after the other on this thread, so that a run can be repeated.
  Result<> by_turns() {
    for (const auto& group : groups_) group->begin();
    std::vector<bool> over(groups_.size(), false);
    bool refused = false;
    while (!refused && std::ranges::find(over, false) != over.end()) {
      int64_t wait_us = std::numeric_limits<int64_t>::max();  // until any of them has something to do
      for (size_t i = 0; i < groups_.size(); ++i) {
        if (over[i]) continue;
        ASSIGN(const Turn turn, turn_of(i));
        over[i] = turn.outcome == Turn::Outcome::over;
        wait_us = std::min(wait_us, turn.wait_us);
        refused = refused || groups_[i]->report().outcome == RunReport::Outcome::refused;
      }
      if (wait_us > 0) env_.sleep_us(wait_us);
    }
    for (const auto& group : groups_) TRY(group->end());
    return {};
  }

  /// `over` also where nothing is left for any group.
  Result<Turn> turn_of(size_t i) {
    Epochs& group = *groups_[i];
    const int64_t seen = quiet_->moves();
    ASSIGN(Turn turn, group.turn());
    quiet_->moved(i, group.moves());
    if (turn.outcome != Turn::Outcome::nothing_left) return turn;
    const bool delivered = groups_.size() == 1 || group.idle();
    if (delivered && quiet_->quiet(i, seen)) turn.outcome = Turn::Outcome::over;
    return turn;
  }

  // ---- what is told --------------------------------------------------------------------------------------------

  /// For a group that may be on a thread of its own.
  RunOptions options_of(size_t group) {
    RunOptions own = asked_;
    own.stop = ending_.get_token();
    own.bell = asked_.stepped ? nullptr : &bell_;
    const auto in_turn = [this](const std::function<void(const std::string&)>& tell) {
      return [this, tell](const std::string& line) {
        const std::lock_guard lock(telling_);
        tell(line);
      };
    };
    if (asked_.say) own.say = in_turn(asked_.say);
    if (asked_.warn) own.warn = in_turn(asked_.warn);
    if (asked_.progress) own.progress = [this, group](const Progress& progress) { tell_progress(group, progress); };
    return own;
  }

  void tell_progress(size_t group, const Progress& progress) {
    const std::lock_guard lock(telling_);
    progress_[group] = progress;
    Progress all = progress;
    for (const auto& [other, last] : progress_) {
      if (other == group) continue;
      all.rows_read += last.rows_read;
      all.rows_rejected += last.rows_rejected;
      all.bytes_read += last.bytes_read;
      all.bytes_total = std::min(all.bytes_total, last.bytes_total) < 0 ? -1 : all.bytes_total + last.bytes_total;
    }
    asked_.progress(all);
  }

  void say(const std::string& line) {
    if (!asked_.say) return;
    const std::lock_guard lock(telling_);
    asked_.say(line);
  }
  void say_guesses(const Plan& plan) {
    for (const PlanNode& node : plan.nodes) {
      if (node.kind != PlanNode::Kind::source) continue;
      for (const std::string& note : node.notes) say(node.name + ": " + note);
    }
  }

  RunReport report_of_all() {
    RunReport all = groups_.front()->report();
    all.balance = {};
    for (const PlanNode& node : plan_.nodes)
      all.balance.nodes.push_back({node.kind, node.name, node.component, node.inputs, {}});
    for (size_t i = 0; i < groups_.size(); ++i) {
      const RunReport& one = groups_[i]->report();
      for (size_t n = 0; n < one.balance.nodes.size(); ++n)
        all.balance.nodes[found_[i].nodes[n]].counts.add(one.balance.nodes[n].counts);
      all.balance.rejects_logged += one.balance.rejects_logged;
      if (i > 0) add_report(all, one);
    }
    return all;
  }

  const Pipeline& pipeline_;
  const Components& components_;
  Env& env_;
  Problems& problems_;
  const RunOptions& asked_;
  std::stop_source ending_;
  Bell bell_;
  std::mutex telling_;
  std::map<size_t, Progress> progress_;  ///< by group, of its last epoch
  std::stop_callback<std::function<void()>> wish_;
  Plan plan_;  ///< of all of them
  std::vector<CommitGroup> found_;
  std::vector<std::unique_ptr<Epochs>> groups_;
  std::vector<Result<>> ended_;  ///< by group
  std::optional<Quiet> quiet_;
};

}  // namespace

Result<RunReport> run_pipeline(const Pipeline& pipeline, const Components& components, Env& env,
                               const RunOptions& options, Problems& problems) {
  return Run(pipeline, components, env, options, problems).go();
}

}  // namespace trommel
