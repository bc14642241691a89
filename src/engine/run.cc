#include "engine/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/planted.h"
#include "batch/compute.h"
#include "engine/attempt.h"
#include "engine/budget.h"
#include "engine/news.h"
#include "engine/publish.h"
#include "engine/reject_logs.h"
#include "engine/replay.h"
#include "engine/status.h"
#include "engine/why.h"

namespace trommel {
namespace {

constexpr int64_t kNap = 20'000;  // microseconds between two looks for something new

class Run {
 public:
  Run(const Pipeline& pipeline, const Components& components, Env& env, const RunOptions& options, Problems& problems)
      : pipeline_(pipeline),
        components_(components),
        env_(env),
        options_(options),
        problems_(problems),
        state_(env, pipeline.settings.state),
        states_(env, pipeline.settings.state + "/transforms"),
        publisher_(env, state_, options, pipeline.settings, report_),
        reject_logs_(env, pipeline.settings.state, pipeline.settings.rejects) {
    report_.pipeline = pipeline.name;
    report_.started_us = env.now_us();
  }

  Result<RunReport> go() {
    const int64_t started = env_.steady_us(), cpu = env_.process().cpu_us;
    auto done = whole_run();
    if (endless_) give_back();
    if (options_.ephemeral) (void)env_.remove_tree(state_.path());
    report_.elapsed_us = env_.steady_us() - started;
    const ProcessUse use = env_.process();
    report_.cpu_us = use.cpu_us - cpu;
    report_.peak_memory_bytes = use.peak_memory_bytes;
    Result<RunReport> report = report_;
    if (!done) report = tl::unexpected(done.error());
    if (opened_) status().ended(report);
    return report;
  }

 private:
  Result<> whole_run() {
    TRY(compute_ready());  // before there are threads
    TRY(state_.open(fmt::format("process {} ({})", env_.process().id, pipeline_.name), !options_.ephemeral));
    opened_ = true;
    status().began(report_.started_us);
    TRY(publisher_.open());
    const Epoch done = publisher_.taken().last_epoch;
    ASSIGN(const auto saved, state_.saved(done));
    for (const auto& damaged : saved.damaged) warn("passing over a checkpoint: " + damaged.error.text());
    report_.epoch = std::max(done, saved.newest ? saved.newest->epoch : 0) + 1;
    if (saved.newest) remember(*saved.newest);
    for (const Checkpoint& pending : saved.pending) {
      for (const TakenInput& input : pending.taken) known_.insert(split_key(input.split));
    }
    TRY(plan({}));
    TRY(publisher_.recover(plan_, saved));
    TRY(states_.sweep({states_.files()}));
    if (pipeline_.settings.days && !states_.files().empty()) {
      return config_error(pipeline_.file,
                          "a step of this pipeline remembers what earlier runs held (`dedupe` or `unique` with "
                          "`within`, `whole` against the last run): rows of a day that runs again would be compared "
                          "with themselves",
                          "compare within a run, or run the days under another name");
    }
    say_guesses();
    return endless_ ? run_endless() : run_bounded();
  }

  /// Where the last epoch left off.
  void remember(const Checkpoint& last) {
    states_.set(last.state);
    life_ = last.life;
    for (const OpenInput& input : last.open) open_[split_key(input.split)] = input;
  }

  Result<> plan(const BoundSources& bound) {
    ASSIGN(plan_, make_plan(pipeline_, components_, env_, problems_, report_.epoch, bound, options_.replay));
    if (!problems_.empty()) {
      return config_error(pipeline_.file,
                          fmt::format("{} mistake{}", problems_.size(), problems_.size() == 1 ? "" : "s"));
    }
    endless_ = plan_.endless;
    for (const PlanNode& node : plan_.nodes) {
      if (node.source) bound_[node.name] = node.source;
    }
    return {};
  }

  void say_guesses() const {
    for (const PlanNode& node : plan_.nodes) {
      if (node.kind != PlanNode::Kind::source) continue;
      for (const std::string& note : node.notes) say(node.name + ": " + note);
    }
  }

  // ---- what there is to read -----------------------------------------------------------------------------------

  /// Asks every source, and adds what is new to `pending_`.
  Result<> look_for_inputs() {
    const int64_t now = env_.now_us();
    for (const PlanNode& node : plan_.nodes) {
      if (!node.source) continue;
      ASSIGN(const auto found, node.source->discover());
      for (const std::string& line : node.source->news()) note(node.name + ": " + line);
      for (const Split& split : found) {
        auto own = std::make_shared<Split>(split);
        own->source = node.name;
        const std::string key = split_key(*own);
        const bool taken = publisher_.taken().keys.contains(key) && !pipeline_.settings.days;
        if (taken || !known_.insert(key).second) continue;
        const auto open = open_.find(key);
        pending_.push_back({std::move(own), open == open_.end() ? 0 : open->second.at, now});
      }
    }
    status().looked(static_cast<int64_t>(pending_.size()), pending_.empty() ? 0 : pending_.front().found_us);
    return {};
  }

  /// Inputs whose content was taken before are taken with this epoch, unread.
  void set_known_contents_aside() {
    if (pipeline_.settings.days) return;
    std::set<std::string> now;  // contents of this epoch
    std::vector<Input> left;
    for (Input& input : pending_) {
      const Source& source = *bound_.at(input.split->source);
      const std::string content = split_key(input.split->source, input.split->content);
      const bool matters = source.remembers_content_us() > 0 && !input.split->content.empty() && input.from == 0;
      if (matters && (publisher_.knows_content(*input.split, source.remembers_content_us()) || now.contains(content))) {
        say(fmt::format("skipped {}: the same content was taken before", input.split->name));
        skipped_.push_back({*input.split, Delivered::How::known, {}});
      } else {
        if (matters) now.insert(content);
        left.push_back(std::move(input));
      }
    }
    pending_ = std::move(left);
  }

  // ---- bounded -------------------------------------------------------------------------------------------------

  /// One epoch: all that is there is published together, or nothing is.
  Result<> run_bounded() {
    TRY(publisher_.finish(plan_));
    for (;;) {
      known_.clear();
      pending_.clear();
      TRY(look_for_inputs());
      if (pending_.empty()) return nothing_new();
      set_known_contents_aside();
      ASSIGN(const bool again, epoch());
      if (!again) return {};
      TRY(plan(bound_));
      say_guesses();
    }
  }

  Result<> nothing_new() {
    report_.outcome = report_.recovered ? RunReport::Outcome::published : RunReport::Outcome::nothing_new;
    if (!report_.recovered) --report_.epoch;
    report_.message = "every input was taken before";
    Ledger empty(plan_.nodes.size());
    if (report_.balance.nodes.empty()) report_.balance = balance_of(empty);
    return {};
  }

  // ---- endless -------------------------------------------------------------------------------------------------

  /// Epoch after epoch. While one is read and published the next one's inputs come in, so that epochs grow with the
  /// load by themselves.
  Result<> run_endless() {
    Ledger empty(plan_.nodes.size());
    report_.balance = balance_of(empty);
    report_.outcome = RunReport::Outcome::nothing_new;
    if (!options_.once) say("waiting for input; Ctrl-C ends it cleanly");
    for (int64_t next_us = 0;;) {
      if (options_.stop.stop_requested()) break;
      TRY(bring_on());
      if (publisher_.blocked()) {
        env_.sleep_us(kNap);
        continue;
      }
      TRY(look_for_inputs());
      if (pending_.empty()) {
        if (options_.once && !expects_more()) break;
        env_.sleep_us(kNap);
        continue;
      }
      if (!options_.once && env_.steady_us() < next_us) {
        env_.sleep_us(std::min(kNap, next_us - env_.steady_us()));
        continue;
      }
      next_us = env_.steady_us() + pipeline_.settings.commit.every_us;
      set_known_contents_aside();
      ASSIGN(const bool again, epoch());
      TROMMEL_CHECK(!again, "an endless source widens no types");
      if (report_.outcome == RunReport::Outcome::refused) return publisher_.finish(plan_);
    }
    TRY(publisher_.finish(plan_));
    TRY(must_balance(report_.balance, true));
    if (report_.epochs > 0 || report_.recovered) report_.outcome = RunReport::Outcome::published;
    --report_.epoch;
    report_.message = report_.epochs == 0 ? "nothing came in" : "";
    return {};
  }

  /// Epochs that wait for their sinks come as far as they can.
  Result<> bring_on() {
    TRY(publisher_.advance(plan_));
    for (const Split& split : publisher_.take_finished()) known_.erase(split_key(split));
    return publisher_.idle() ? must_balance(report_.balance, true) : Result<>();
  }

  bool expects_more() const {
    return std::any_of(bound_.begin(), bound_.end(), [](const auto& entry) { return entry.second->expects_more(); });
  }

  /// What was claimed and will not be read by this run. An input that was begun keeps its place: its id is in the
  /// checkpoint.
  void give_back() {
    for (const auto& [name, source] : bound_) {
      std::vector<Split> splits;
      for (const Input& input : pending_) {
        if (input.split->source == name && !open_.contains(split_key(*input.split))) splits.push_back(*input.split);
      }
      if (!splits.empty()) source->release(splits);
    }
  }

  // ---- one epoch -----------------------------------------------------------------------------------------------

  /// Reads what is pending, as far as the epoch goes, and publishes it. True: guessed types were widened, plan again.
  Result<bool> epoch() {
    std::vector<Input> inputs = pending_;
    std::vector<RefusedInput> refused;
    for (;;) {
      Ledger ledger(plan_.nodes.size());
      for (const RefusedInput& input : refused) count_refused(input, ledger);
      const auto flow = options_.stepped ? stepped_flow(options_.seed + report_.epoch) : threaded_flow(env_);
      Attempt attempt{plan_,
                      env_,
                      *flow,
                      ledger,
                      report_.epoch,
                      !options_.ephemeral,
                      state_.path(),
                      inputs,
                      limits(),
                      refused,
                      endless_ ? &carried_ : nullptr,
                      &states_};
      auto result = run_attempt(attempt, options_);
      report_.bytes_read += ledger.bytes_read;
      if (!result || !result->whole) TRY(publisher_.sweep());
      if (!result) return tl::unexpected(result.error());
      if (const auto misfits = ledger.misfits(); !misfits.empty()) {
        TRY(widen(misfits));
        return true;
      }
      if (result->whole && without_faulty(ledger, *result, inputs, refused)) {
        TRY(publisher_.sweep());
        carried_.readers.clear();
        if (!planted(Mistake::keep_state_of_a_refused_file)) carried_.transforms.forget(plan_);
        continue;
      }
      TRY(conclude(ledger, std::move(*result), refused));
      return false;
    }
  }

  EpochLimits limits() const {
    if (!endless_) return {};
    const auto& commit = pipeline_.settings.commit;
    const bool whole = std::any_of(plan_.nodes.begin(), plan_.nodes.end(), [](const PlanNode& node) {
      return node.sink.by_input || (node.source && node.source->refuses_whole());
    });
    return {commit.rows, commit.bytes, !whole, options_.stop};
  }

  /// Takes inputs at fault out of this epoch: they are refused as a whole, or left for later. True: there were some,
  /// and the others must be tried again, for rows of theirs may be anywhere by now.
  bool without_faulty(Ledger& ledger, AttemptResult& result, std::vector<Input>& inputs,
                      std::vector<RefusedInput>& refused) {
    const auto faults = ledger.faults();
    if (faults.empty() && result.faulty.empty()) return false;
    for (const auto& fault : faults) {
      if (bound_.at(fault.split->source)->refuses_whole())
        result.faulty[split_key(*fault.split)].rejects = {unreadable(plan_.pipeline, *fault.split, fault.error)};
    }
    std::set<std::string> begun, bad, later;  // begun: splits; bad and later: units, with their source
    for (const auto& progress : ledger.progress()) begun.insert(split_key(*progress.split));
    for (const auto& fault : faults) {
      begun.insert(split_key(*fault.split));
      if (bound_.at(fault.split->source)->refuses_whole()) continue;
      later.insert(unit_key(*fault.split));
      warn(fmt::format("{}: left for later: {}", fault.split->name, fault.error.text()));
    }
    for (const Input& input : inputs) {
      if (result.faulty.contains(split_key(*input.split))) bad.insert(unit_key(*input.split));
    }
    std::vector<Input> left;
    for (const Input& input : inputs) {
      if (later.contains(unit_key(*input.split))) {
        set_aside(*input.split);
      } else if (bad.contains(unit_key(*input.split))) {
        RefusedInput whole = std::move(result.faulty[split_key(*input.split)]);
        whole.split = input.split;
        whole.rows = ledger.input_rows(*input.split);
        refused.push_back(std::move(whole));
      } else if (begun.contains(split_key(*input.split))) {
        left.push_back(input);
      }
    }
    inputs = std::move(left);
    return true;
  }

  void set_aside(const Split& split) {
    std::erase_if(pending_, [&](const Input& input) { return split_key(*input.split) == split_key(split); });
    // One that an earlier epoch began keeps its name, by which the checkpoint knows it: the next run goes on with it.
    const auto same = [&](const auto& open) { return unit_key(open.second.split) == unit_key(split); };
    if (std::any_of(open_.begin(), open_.end(), same)) return;
    known_.erase(split_key(split));
    bound_.at(split.source)->release({&split, 1});
  }

  void count_refused(const RefusedInput& input, Ledger& ledger) const {
    const auto node = std::find_if(plan_.nodes.begin(), plan_.nodes.end(),
                                   [&](const PlanNode& n) { return n.name == input.split->source; });
    Counts counts;
    counts.read = counts.rejected = input.rows;
    int64_t left = input.rows;
    for (const auto& [code, rows] : input.reasons) {
      counts.reasons[code] = std::min(rows, left);
      left -= counts.reasons[code];
    }
    if (left > 0) counts.reasons["file_refused"] = left;
    ledger.add(static_cast<size_t>(node - plan_.nodes.begin()), counts);
  }

  /// Every row lies ready: judged, and published or not.
  Result<> conclude(Ledger& ledger, AttemptResult result, const std::vector<RefusedInput>& refused) {
    for (const std::string& warning : ledger.warnings()) warn(warning);
    Balance balance = balance_of(ledger);
    if (!endless_ || report_.first_rejects.empty()) report_.first_rejects = result.first_rejects;
    if (!result.whole || (!endless_ && options_.stop.stop_requested())) {
      report_.balance = balance;
      report_.outcome = RunReport::Outcome::stopped;
      report_.message = "stopped as asked: nothing was published, the next run starts again";
      return publisher_.sweep();
    }
    TRY(must_balance(balance, false));
    std::string over = over_budget(plan_, {balance, result.rejects_by_source, result.first_rejects, endless_});
    if (!over.empty()) return refuse(std::move(over), std::move(balance), result);
    return publish(ledger, balance, std::move(result), refused);
  }

  Result<> widen(const std::vector<Ledger::SourceMisfit>& misfits) {
    if (++widened_ > 3)
      return internal_error(pipeline_.name,
                            fmt::format("types were widened {} times, and a value still does not fit", widened_ - 1));
    for (size_t node = 0; node < plan_.nodes.size(); ++node) {
      std::vector<Misfit> own;
      for (const auto& misfit : misfits) {
        if (misfit.source == node) own.push_back(misfit.misfit);
      }
      if (own.empty()) continue;
      const auto& first =
          *std::find_if(misfits.begin(), misfits.end(), [&](const auto& misfit) { return misfit.source == node; });
      say(
          fmt::format("{}{}: `{}` does not fit the type that was guessed for column `{}`: looking at all rows and "
                      "starting again with wider types",
                      first.split, first.line > 0 ? fmt::format(" line {}", first.line) : "", first.misfit.value,
                      first.misfit.column));
      TRY(plan_.nodes[node].source->widen(own));
    }
    return {};
  }

  Balance balance_of(Ledger& ledger) const {
    Balance balance;
    for (size_t i = 0; i < plan_.nodes.size(); ++i) {
      const PlanNode& node = plan_.nodes[i];
      balance.nodes.push_back({node.kind, node.name, node.component, node.inputs, ledger.of(i)});
    }
    balance.rejects_logged = ledger.logged_rejects();
    return balance;
  }

  void add_to_report(const Balance& balance) {
    if (!endless_) {
      report_.balance = balance;
      return;
    }
    for (size_t i = 0; i < balance.nodes.size(); ++i) report_.balance.nodes[i].counts.add(balance.nodes[i].counts);
    report_.balance.rejects_logged += balance.rejects_logged;
  }

  Result<> must_balance(const Balance& balance, bool with_written) const {
    const auto mistakes = balance.mistakes(with_written);
    if (mistakes.empty()) return {};
    std::string all;
    for (const std::string& mistake : mistakes) all += (all.empty() ? "" : "; ") + mistake;
    return internal_error(pipeline_.name, "the balance sheet does not balance: " + all,
                          with_written ? "" : "nothing was published");
  }

  /// Keeps the reject log of rows that are not published, so that they can be looked at; the rest goes.
  Result<> refuse(std::string message, Balance balance, const AttemptResult& result) {
    report_.outcome = RunReport::Outcome::refused;
    report_.message = std::move(message);
    report_.first_rejects = result.first_rejects;
    withhold(balance, result);
    add_to_report(balance);
    TRY(must_balance(report_.balance, true));
    for (const PreparedFile& file : result.reject_files) {
      TRY(env_.make_directories(folder_of(file.final_path)));
      TRY(env_.rename(file.temporary, publisher_.refused_log()));
    }
    return publisher_.sweep();
  }

  /// What lies ready at the sinks is not written, and will not be.
  static void withhold(Balance& balance, const AttemptResult& result) {
    for (NodeBalance& node : balance.nodes) {
      if (node.kind != NodeBalance::Kind::sink) continue;
      node.counts.withheld = std::exchange(node.counts.written, 0);
      for (const SealedSegment& segment : result.segments) {
        if (segment.sink == node.name) node.counts.withheld += segment.rows;
      }
    }
  }

  // ---- publishing ----------------------------------------------------------------------------------------------

  Result<> publish(Ledger& ledger, const Balance& balance, AttemptResult result,
                   const std::vector<RefusedInput>& refused) {
    Checkpoint checkpoint;
    checkpoint.pipeline = pipeline_.name;
    checkpoint.epoch = report_.epoch;
    take_inputs(checkpoint, ledger, refused);
    checkpoint.files = std::move(result.files);
    std::move(result.reject_files.begin(), result.reject_files.end(), std::back_inserter(checkpoint.files));
    checkpoint.segments = std::move(result.segments);
    checkpoint.rows_read = balance.read();
    checkpoint.rows_rejected = balance.rejected();
    TRY(must_balance_for_life(balance, checkpoint.segments));
    checkpoint.life = life_;
    if (!options_.ephemeral) {
      ASSIGN(checkpoint.state, states_.write(report_.epoch, result.changes, true));
      if (!planted(Mistake::commit_before_checkpoint)) TRY(save(checkpoint));
    }
    add_to_report(balance);
    // A damaged checkpoint is passed over for the one before: what that one names stays as well.
    const std::vector<StateFile> before = states_.files();
    states_.set(checkpoint.state);
    publisher_.add(checkpoint, tell_of(checkpoint, ledger, refused));
    TRY(endless_ ? bring_on() : publisher_.finish(plan_));
    if (planted(Mistake::commit_before_checkpoint)) TRY(save(checkpoint));
    if (!endless_) TRY(must_balance(report_.balance, true));
    report_.outcome = RunReport::Outcome::published;
    TRY(states_.sweep({before, states_.files()}));
    status().published(checkpoint);
    if (!options_.ephemeral) {
      const auto replayed = [&]() -> Result<std::set<std::string>> { return replayed_ids(publisher_.taken()); };
      TRY(reject_logs_.tidy(replayed, [&](const std::string& line) { say(line); }));
    }
    ++report_.epochs;
    if (endless_) ++report_.epoch;
    return {};
  }

  Result<> save(Checkpoint& checkpoint) {
    if (planted(Mistake::forget_transform_state)) checkpoint.state.clear();
    if (!planted(Mistake::end_of_input_outside)) return state_.write(checkpoint, publisher_.taken().last_epoch);
    Checkpoint without = checkpoint;
    without.taken.clear();
    return state_.write(without, publisher_.taken().last_epoch);
  }

  Result<> must_balance_for_life(const Balance& balance, const std::vector<SealedSegment>& segments) {
    life_.add(report_.epoch, balance, segments, options_.replay != nullptr);
    const auto mistakes = life_.mistakes();
    if (mistakes.empty()) return {};
    return internal_error(pipeline_.name, "the balance of all epochs does not balance: " + mistakes.front(),
                          "nothing was published");
  }

  /// What the epoch took and what it leaves open, and `pending_` without the former.
  void take_inputs(Checkpoint& checkpoint, Ledger& ledger, const std::vector<RefusedInput>& refused) {
    checkpoint.taken = std::exchange(skipped_, {});
    for (const auto& progress : ledger.progress()) {
      if (progress.ended) {
        checkpoint.taken.push_back({*progress.split, Delivered::How::taken, {}});
      } else {
        open_[split_key(*progress.split)] = {*progress.split, progress.at};
      }
    }
    std::map<std::string, std::vector<RefusedInput>> units;
    for (const RefusedInput& input : refused) units[input.split->unit_id()].push_back(input);
    for (const RefusedInput& input : refused) {
      const std::string why = why_page(units[input.split->unit_id()], name_of(input.split->name), env_.now_us());
      checkpoint.taken.push_back({*input.split, Delivered::How::refused, why});
      ++report_.inputs_refused;
    }
    report_.inputs += static_cast<int64_t>(checkpoint.taken.size());
    std::set<std::string> gone;
    for (const TakenInput& input : checkpoint.taken) {
      gone.insert(split_key(input.split));
      open_.erase(split_key(input.split));
    }
    for (const auto& [key, input] : open_) checkpoint.open.push_back(input);
    std::erase_if(pending_, [&](const Input& input) { return gone.contains(split_key(*input.split)); });
    for (Input& input : pending_) {
      if (const auto open = open_.find(split_key(*input.split)); open != open_.end()) input.from = open->second.at;
    }
  }

  /// Said once the epoch is in every sink.
  std::function<void()> tell_of(const Checkpoint& checkpoint, Ledger& ledger,
                                const std::vector<RefusedInput>& refused) const {
    std::vector<std::string> warnings, lines;
    for (const RefusedInput& input : refused)
      warnings.push_back(fmt::format("refused {}: {}", input.split->name, why_in_short(input)));
    if (endless_) lines = news_of(checkpoint, plan_, ledger, pipeline_.folder, options_.replay == nullptr);
    return [this, warnings = std::move(warnings), lines = std::move(lines)] {
      for (const std::string& line : warnings) warn(line);
      for (const std::string& line : lines) say(line);
    };
  }

  void note(const std::string& line) {
    constexpr size_t kept = 100;
    warn(line);
    if (report_.news.size() < kept) report_.news.push_back(line);
  }
  StatusFile& status() const { return *options_.status; }
  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }
  void warn(const std::string& line) const {
    if (options_.warn) return options_.warn(line);
    say(line);
  }

  const Pipeline& pipeline_;
  const Components& components_;
  Env& env_;
  const RunOptions& options_;
  Problems& problems_;
  StateFolder state_;
  TransformStates states_;
  RunReport report_;
  Publisher publisher_;
  Plan plan_;
  BoundSources bound_;
  bool opened_ = false;  ///< the state folder is ours
  bool endless_ = false;
  std::vector<Input> pending_;             ///< found and not yet taken, in order
  std::set<std::string> known_;            ///< keys of those, and of what was taken and not put away yet
  std::map<std::string, OpenInput> open_;  ///< inputs that an earlier epoch began; those of this run or not
  std::vector<TakenInput> skipped_;        ///< to be put away with the next epoch
  Carried carried_;
  Life life_;  ///< up to the last epoch
  RejectLogs reject_logs_;
  int widened_ = 0;
};

}  // namespace

Result<RunReport> run_pipeline(const Pipeline& pipeline, const Components& components, Env& env,
                               const RunOptions& options, Problems& problems) {
  StatusFile status(env, pipeline.settings.state, pipeline.name, !options.ephemeral);
  RunOptions with_status = options;
  with_status.status = &status;
  if (!options.ephemeral) {
    with_status.progress = [&](const Progress& progress) {
      status.reading(progress);
      if (options.progress) options.progress(progress);
    };
  }
  return Run(pipeline, components, env, with_status, problems).go();
}

}  // namespace trommel
