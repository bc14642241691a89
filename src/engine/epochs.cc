#include "engine/epochs.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/planted.h"
#include "engine/budget.h"
#include "engine/fits.h"
#include "engine/news.h"
#include "engine/replay.h"
#include "engine/why.h"

namespace trommel {
namespace {

constexpr int64_t kNap = 20'000;  // microseconds between two looks for something new

/// The run's own, and the status of the group.
RunOptions with_status(const RunOptions& options, StatusFile& status) {
  RunOptions own = options;
  own.status = &status;
  if (options.ephemeral) return own;
  own.progress = [&status, told = options.progress](const Progress& progress) {
    status.reading(progress);
    if (told) told(progress);
  };
  return own;
}

/// What lies ready at the sinks is not written, and will not be.
void withhold(Balance& balance, const AttemptResult& result) {
  for (NodeBalance& node : balance.nodes) {
    if (node.kind != NodeBalance::Kind::sink) continue;
    node.counts.withheld = std::exchange(node.counts.written, 0);
    for (const SealedSegment& segment : result.segments) {
      if (segment.sink == node.name) node.counts.withheld += segment.rows;
    }
  }
}

}  // namespace

Epochs::Epochs(const Pipeline& pipeline, Env& env, const RunOptions& options, std::string folder)
    : pipeline_(pipeline),
      env_(env),
      status_(env, folder, pipeline.name, !options.ephemeral),
      options_(with_status(options, status_)),
      state_(env, folder),
      states_(env, folder + "/transforms"),
      publisher_(env, state_, options_, pipeline.settings, report_),
      inputs_(env, publisher_, options_, pipeline.settings.days.has_value()),
      reject_logs_(env, folder, pipeline.settings.rejects) {
  report_.pipeline = pipeline.name;
  report_.started_us = env.now_us();
}

// ---- before the first epoch --------------------------------------------------------------------------------------

Result<> Epochs::lock() {
  TRY(state_.open(fmt::format("process {} ({})", env_.process().id, pipeline_.name), !options_.ephemeral));
  locked_ = true;
  return {};
}

Result<> Epochs::resume() {
  status_.began(report_.started_us);
  TRY(publisher_.open());
  const Epoch done = publisher_.taken().last_epoch;
  ASSIGN(saved_, state_.saved(done));
  for (const auto& damaged : saved_.damaged) warn("passing over a checkpoint: " + damaged.error.text());
  has_run_ = done > 0 || saved_.newest || !saved_.damaged.empty();
  report_.epoch = std::max(done, saved_.newest ? saved_.newest->epoch : 0) + 1;
  if (saved_.newest) {
    states_.set(saved_.newest->state);
    life_ = saved_.newest->life;
  }
  inputs_.resume(saved_);
  return {};
}

void Epochs::set_plan(Plan plan) {
  plan_ = std::move(plan);
  inputs_.bind(plan_);
}

void Epochs::find_misfits(Problems& problems) const { check_fits(saved_, plan_, pipeline_, env_, problems); }

Result<> Epochs::recover() {
  TRY(publisher_.recover(plan_, saved_));
  saved_ = {};
  TRY(states_.sweep({states_.files()}));
  if (!pipeline_.settings.days || states_.files().empty()) return {};
  return config_error(pipeline_.file,
                      "a step of this pipeline remembers what earlier runs held (`dedupe` or `unique` with "
                      "`within`, `whole` against the last run): rows of a day that runs again would be compared "
                      "with themselves",
                      "compare within a run, or run the days under another name");
}

void Epochs::ended(const Result<>& how) {
  if (endless()) inputs_.give_back();
  if (!locked_) return;
  Result<RunReport> report = report_;
  if (!how) report = tl::unexpected(how.error());
  status_.ended(report);
}

// ---- bounded -----------------------------------------------------------------------------------------------------

/// One epoch: all that is there is published together, or nothing is.
Result<> Epochs::run_bounded(const Replan& replan) {
  TRY(publisher_.finish(plan_));
  for (;;) {
    inputs_.forget();
    TRY(look_for_inputs());
    if (inputs_.empty()) return nothing_new();
    inputs_.skip_known_contents();
    ASSIGN(const bool again, epoch());
    if (!again) return {};
    ASSIGN(Plan plan, replan(inputs_.sources()));
    set_plan(std::move(plan));
  }
}

Result<> Epochs::look_for_inputs() {
  ASSIGN(const auto news, inputs_.look());
  for (const std::string& line : news) note(line);
  return {};
}

Result<> Epochs::nothing_new() {
  report_.outcome = report_.recovered ? RunReport::Outcome::published : RunReport::Outcome::nothing_new;
  if (!report_.recovered) --report_.epoch;
  report_.message = "every input was taken before";
  Ledger empty(plan_.nodes.size());
  if (report_.balance.nodes.empty()) report_.balance = balance_of(empty);
  return {};
}

// ---- endless -----------------------------------------------------------------------------------------------------

void Epochs::begin() {
  Ledger empty(plan_.nodes.size());
  report_.balance = balance_of(empty);
  report_.outcome = RunReport::Outcome::nothing_new;
}

Result<Epochs::Turn> Epochs::turn() {
  using enum Turn::Outcome;
  if (options_.stop.stop_requested()) return Turn{over};
  TRY(bring_on());
  if (publisher_.blocked()) return Turn{idle, kNap};
  TRY(look_for_inputs());
  if (inputs_.empty()) return Turn{takes_what_is_there() && !inputs_.expects_more() ? nothing_left : idle, kNap};
  const int64_t now = env_.steady_us();
  if (!takes_what_is_there() && !inputs_.urgent() && !left_behind_ && now < not_before_us_)
    return Turn{idle, std::min(kNap, not_before_us_ - now)};
  not_before_us_ = now + pipeline_.settings.commit.every_us;
  inputs_.skip_known_contents();
  ASSIGN(const bool again, epoch());
  TROMMEL_CHECK(!again, "an endless source widens no types");
  return Turn{report_.outcome == RunReport::Outcome::refused ? over : worked};
}

Result<> Epochs::end() {
  TRY(publisher_.finish(plan_));
  TRY(must_balance(report_.balance, true));
  if (report_.outcome == RunReport::Outcome::refused) return {};
  if (report_.epochs > 0 || report_.recovered) report_.outcome = RunReport::Outcome::published;
  --report_.epoch;
  if (!plan_.as_you_go) {
    report_.message = report_.epochs == 0 ? "nothing came in" : "";
  } else if (!inputs_.empty()) {
    report_.outcome = RunReport::Outcome::stopped;
    report_.message =
        fmt::format("stopped as asked after {} epoch{}: what they read is published, the next run goes on",
                    report_.epochs, report_.epochs == 1 ? "" : "s");
  } else if (report_.epochs == 0) {
    report_.message = "every input was taken before";
  }
  return {};
}

/// Epochs that wait for their sinks come as far as they can.
Result<> Epochs::bring_on() {
  TRY(publisher_.advance(plan_));
  inputs_.put_away(publisher_.take_finished());
  return publisher_.idle() ? must_balance(report_.balance, true) : Result<>();
}

// ---- one epoch -----------------------------------------------------------------------------------------------

/// Reads what is pending, as far as the epoch goes, and publishes it. True: guessed types were widened, plan again.
Result<bool> Epochs::epoch() {
  std::vector<Input> inputs = inputs_.pending();
  std::vector<RefusedInput> refused;
  for (;;) {
    std::map<std::string, RefusedInput> borne;
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
                    endless() ? &carried_ : nullptr,
                    &states_};
    auto result = run_attempt(attempt, options_);
    report_.bytes_read += ledger.bytes_read;
    if (!result || !result->whole) TRY(publisher_.sweep());
    if (!result) return tl::unexpected(result.error());
    if (const auto misfits = ledger.misfits(); !misfits.empty()) {
      TRY(widen(misfits));
      return true;
    }
    if (result->whole) borne = bear(ledger, *result, inputs);
    if (result->whole && without_faulty(ledger, *result, inputs, refused)) {
      TRY(publisher_.sweep());
      carried_.readers.clear();
      if (!planted(Mistake::keep_state_of_a_refused_file)) carried_.transforms.forget(plan_);
      continue;
    }
    TRY(conclude(ledger, std::move(*result), {refused, borne}));
    return false;
  }
}

/// Closed for its size, as far as one can tell: rows are counted a little later than the limit is felt.
bool Epochs::is_large(const Ledger& ledger) const {
  const EpochLimits most = limits();
  return (most.rows > 0 && ledger.rows_read >= most.rows / 2) || (most.bytes > 0 && ledger.bytes_read >= most.bytes);
}

EpochLimits Epochs::limits() const {
  if (!endless()) return {};
  const auto& commit = pipeline_.settings.commit;
  const bool whole = std::any_of(plan_.nodes.begin(), plan_.nodes.end(), [](const PlanNode& node) {
    return node.sink.by_input || (node.source && node.source->refuses_whole());
  });
  return {commit.rows, commit.bytes, !whole, options_.stop};
}

/// Inputs with rejects within the budget, of sources that have each judged for itself; they are no longer among the
/// faulty. By split_key.
std::map<std::string, RefusedInput> Epochs::bear(Ledger& ledger, AttemptResult& result,
                                                 const std::vector<Input>& inputs) const {
  std::map<std::string, RefusedInput> borne;
  for (const Input& input : inputs) {
    const auto faulty = result.faulty.find(split_key(*input.split));
    if (faulty == result.faulty.end()) continue;
    const PlanNode& node = plan_.nodes[node_of(*input.split)];
    if (!node.source->judges_each_split()) continue;
    const RejectBudget budget = node.max_rejects.value_or(plan_.max_rejects);
    const int64_t rows = ledger.input_rows(*input.split);
    int64_t rejected = 0;
    for (const auto& [code, count] : faulty->second.reasons) rejected += count;
    faulty->second.why =
        fmt::format("{} of {} rows were rejected and max_rejects is {}", rejected, rows, budget.text());
    if (!is_over(budget, rows, rejected)) borne.insert(result.faulty.extract(faulty));
  }
  return borne;
}

size_t Epochs::node_of(const Split& split) const {
  const auto node =
      std::find_if(plan_.nodes.begin(), plan_.nodes.end(), [&](const PlanNode& n) { return n.name == split.source; });
  return static_cast<size_t>(node - plan_.nodes.begin());
}

/// Takes inputs at fault out of this epoch: they are refused as a whole, or left for later. True: there were some,
/// and the others must be tried again, for rows of theirs may be anywhere by now.
bool Epochs::without_faulty(Ledger& ledger, AttemptResult& result, std::vector<Input>& inputs,
                            std::vector<RefusedInput>& refused) {
  const auto faults = ledger.faults();
  if (faults.empty() && result.faulty.empty()) return false;
  for (const auto& fault : faults) {
    if (inputs_.sources().at(fault.split->source)->refuses_whole())
      result.faulty[split_key(*fault.split)].rejects = {unreadable(plan_.pipeline, *fault.split, fault.error)};
  }
  std::set<std::string> begun, bad, later;  // begun: splits; bad and later: units, with their source
  for (const auto& progress : ledger.progress()) begun.insert(split_key(*progress.split));
  for (const auto& fault : faults) {
    begun.insert(split_key(*fault.split));
    if (inputs_.sources().at(fault.split->source)->refuses_whole()) continue;
    later.insert(unit_key(*fault.split));
    warn(fmt::format("{}: left for later: {}", fault.split->name, fault.error.text()));
  }
  for (const Input& input : inputs) {
    if (result.faulty.contains(split_key(*input.split))) bad.insert(unit_key(*input.split));
  }
  std::vector<Input> left;
  for (const Input& input : inputs) {
    if (later.contains(unit_key(*input.split))) {
      inputs_.set_aside(*input.split);
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

void Epochs::count_refused(const RefusedInput& input, Ledger& ledger) const {
  Counts counts;
  counts.read = counts.rejected = input.rows;
  int64_t left = input.rows;
  for (const auto& [code, rows] : input.reasons) {
    counts.reasons[code] = std::min(rows, left);
    left -= counts.reasons[code];
  }
  if (left > 0) counts.reasons["file_refused"] = left;
  ledger.add(node_of(*input.split), counts);
}

/// Every row lies ready: judged, and published or not.
Result<> Epochs::conclude(Ledger& ledger, AttemptResult result, const Judged& judged) {
  for (const std::string& warning : ledger.warnings()) warn(warning);
  Balance balance = balance_of(ledger);
  if (!endless() || report_.first_rejects.empty()) report_.first_rejects = result.first_rejects;
  if (!result.whole || (!endless() && options_.stop.stop_requested())) {
    report_.balance = balance;
    report_.outcome = RunReport::Outcome::stopped;
    report_.message = "stopped as asked: nothing was published, the next run starts again";
    return publisher_.sweep();
  }
  TRY(must_balance(balance, false));
  std::string over = over_budget(plan_, {balance, result.rejects_by_source, result.first_rejects, endless()});
  if (!over.empty()) return refuse(std::move(over), std::move(balance), result);
  return publish(ledger, balance, std::move(result), judged);
}

Result<> Epochs::widen(const std::vector<Ledger::SourceMisfit>& misfits) {
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

Balance Epochs::balance_of(Ledger& ledger) const {
  Balance balance;
  for (size_t i = 0; i < plan_.nodes.size(); ++i) {
    const PlanNode& node = plan_.nodes[i];
    balance.nodes.push_back({node.kind, node.name, node.component, node.inputs, ledger.of(i)});
  }
  balance.rejects_logged = ledger.logged_rejects();
  return balance;
}

void Epochs::add_to_report(const Balance& balance) {
  if (!endless()) {
    report_.balance = balance;
    return;
  }
  for (size_t i = 0; i < balance.nodes.size(); ++i) report_.balance.nodes[i].counts.add(balance.nodes[i].counts);
  report_.balance.rejects_logged += balance.rejects_logged;
}

Result<> Epochs::must_balance(const Balance& balance, bool with_written) const {
  const auto mistakes = balance.mistakes(with_written);
  if (mistakes.empty()) return {};
  std::string all;
  for (const std::string& mistake : mistakes) all += (all.empty() ? "" : "; ") + mistake;
  return internal_error(pipeline_.name, "the balance sheet does not balance: " + all,
                        with_written ? "" : "nothing was published");
}

/// Keeps the reject log of rows that are not published, so that they can be looked at; the rest goes.
Result<> Epochs::refuse(std::string message, Balance balance, const AttemptResult& result) {
  report_.outcome = RunReport::Outcome::refused;
  report_.message = std::move(message);
  report_.first_rejects = result.first_rejects;
  withhold(balance, result);
  add_to_report(balance);
  TRY(must_balance(report_.balance, publisher_.idle()));
  for (const PreparedFile& file : result.reject_files) {
    TRY(env_.make_directories(folder_of(file.final_path)));
    TRY(env_.rename(file.temporary, publisher_.refused_log()));
  }
  return publisher_.sweep();
}

// ---- publishing ----------------------------------------------------------------------------------------------

Result<> Epochs::publish(Ledger& ledger, const Balance& balance, AttemptResult result, const Judged& judged) {
  TRY(publisher_.sure_that_epochs_are_ours(plan_));
  const std::vector<RefusedInput>& refused = judged.refused;
  Checkpoint checkpoint;
  checkpoint.pipeline = pipeline_.name;
  checkpoint.epoch = report_.epoch;
  inputs_.take(checkpoint, ledger, refused, judged.borne);
  left_behind_ = !inputs_.empty() && is_large(ledger);
  report_.inputs += static_cast<int64_t>(checkpoint.taken.size());
  report_.inputs_refused += static_cast<int64_t>(refused.size());
  checkpoint.files = std::move(result.files);
  std::move(result.reject_files.begin(), result.reject_files.end(), std::back_inserter(checkpoint.files));
  checkpoint.segments = std::move(result.segments);
  checkpoint.rows_read = balance.read();
  checkpoint.rows_rejected = balance.rejected();
  TRY(must_balance_for_life(balance, checkpoint.segments));
  checkpoint.life = life_;
  checkpoint.remembers_by = remembers_by(plan_);
  if (!options_.ephemeral) {
    ASSIGN(checkpoint.state, states_.write(report_.epoch, result.changes, true));
    if (!planted(Mistake::commit_before_checkpoint)) TRY(save(checkpoint));
  }
  add_to_report(balance);
  // A damaged checkpoint is passed over for the one before: what that one names stays as well.
  const std::vector<StateFile> before = states_.files();
  states_.set(checkpoint.state);
  publisher_.add(checkpoint, tell_of(checkpoint, ledger, refused));
  TRY(endless() ? bring_on() : publisher_.finish(plan_));
  if (planted(Mistake::commit_before_checkpoint)) TRY(save(checkpoint));
  if (!endless()) TRY(must_balance(report_.balance, true));
  report_.outcome = RunReport::Outcome::published;
  TRY(states_.sweep({before, states_.files()}));
  status_.published(checkpoint);
  if (!options_.ephemeral) {
    const auto replayed = [&]() -> Result<std::set<std::string>> { return replayed_ids(publisher_.taken()); };
    TRY(reject_logs_.tidy(replayed, [&](const std::string& line) { say(line); }));
  }
  ++report_.epochs;
  if (endless()) ++report_.epoch;
  return {};
}

Result<> Epochs::save(Checkpoint& checkpoint) {
  if (planted(Mistake::forget_transform_state)) checkpoint.state.clear();
  if (!planted(Mistake::end_of_input_outside)) return state_.write(checkpoint, publisher_.taken().last_epoch);
  Checkpoint without = checkpoint;
  without.taken.clear();
  return state_.write(without, publisher_.taken().last_epoch);
}

Result<> Epochs::must_balance_for_life(const Balance& balance, const std::vector<SealedSegment>& segments) {
  life_.add(report_.epoch, balance, segments, options_.replay != nullptr);
  const auto mistakes = life_.mistakes();
  if (mistakes.empty()) return {};
  return internal_error(pipeline_.name, "the balance of all epochs does not balance: " + mistakes.front(),
                        "nothing was published");
}

/// Said once the epoch is in every sink.
std::function<void()> Epochs::tell_of(const Checkpoint& checkpoint, Ledger& ledger,
                                      const std::vector<RefusedInput>& refused) const {
  std::vector<std::string> warnings, lines;
  for (const RefusedInput& input : refused)
    warnings.push_back(fmt::format("refused {}: {}", input.split->name, why_in_short(input)));
  if (endless()) lines = news_of(checkpoint, plan_, ledger, pipeline_.folder, options_.replay == nullptr);
  return [this, warnings = std::move(warnings), lines = std::move(lines)] {
    for (const std::string& line : warnings) warn(line);
    for (const std::string& line : lines) say(line);
  };
}

void Epochs::note(const std::string& line) {
  constexpr size_t kept = 100;
  warn(line);
  if (report_.news.size() < kept) report_.news.push_back(line);
}

}  // namespace trommel
