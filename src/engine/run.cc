#include "engine/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/attempt.h"
#include "engine/checkpoint.h"

namespace trommel {
namespace {

class Run {
 public:
  Run(const Pipeline& pipeline, const Components& components, Env& env, const RunOptions& options, Problems& problems)
      : pipeline_(pipeline),
        components_(components),
        env_(env),
        options_(options),
        problems_(problems),
        state_(env, pipeline.settings.state) {
    report_.pipeline = pipeline.name;
    report_.started_us = env.now_us();
  }

  Result<RunReport> go() {
    const int64_t started = env_.steady_us(), cpu = env_.process().cpu_us;
    auto done = whole_run();
    if (options_.ephemeral) (void)env_.remove_tree(state_.path());
    if (!done) return tl::unexpected(done.error());
    report_.elapsed_us = env_.steady_us() - started;
    const ProcessUse use = env_.process();
    report_.cpu_us = use.cpu_us - cpu;
    report_.peak_memory_bytes = use.peak_memory_bytes;
    return report_;
  }

 private:
  Result<> whole_run() {
    TRY(state_.open(fmt::format("process {} ({})", env_.process().id, pipeline_.name)));
    ASSIGN(taken_, state_.taken());
    std::vector<std::string> damaged;
    ASSIGN(const auto last, state_.newest(damaged));
    for (const std::string& text : damaged) say("passing over a checkpoint: " + text);
    report_.epoch = std::max(taken_.last_epoch, last ? last->epoch : 0) + 1;
    TRY(plan({}));
    TRY(recover(last, damaged));
    for (;;) {
      TRY(find_splits());
      if (splits_.empty()) return nothing_new();
      say_guesses();
      ASSIGN(const bool again, attempt());
      if (!again) return {};
      TRY(plan(bound_));
    }
  }

  Result<> plan(const BoundSources& bound) {
    ASSIGN(plan_, make_plan(pipeline_, components_, env_, problems_, report_.epoch, bound));
    if (!problems_.empty()) {
      return config_error(pipeline_.file,
                          fmt::format("{} mistake{}", problems_.size(), problems_.size() == 1 ? "" : "s"));
    }
    for (const PlanNode& node : plan_.nodes) {
      if (node.source) bound_[node.name] = node.source;
    }
    return {};
  }

  /// Commits the newest checkpoint once more if a run died before every sink had it, and sweeps what dead runs left
  /// behind.
  Result<> recover(const std::optional<Checkpoint>& last, const std::vector<std::string>& damaged) {
    const bool pending = last && last->epoch > taken_.last_epoch;
    if (!pending && last && last->epoch < taken_.last_epoch && !damaged.empty()) {
      return external_error(state_.path(),
                            fmt::format("the newest checkpoint that can be read is {}, but epoch {} is in the sinks",
                                        last->epoch, taken_.last_epoch),
                            "restore the state folder from a copy, or start anew under another name");
    }
    TRY(sweep_temporaries(env_, state_.path(), pending ? last->files : std::vector<PreparedFile>{}));
    if (!pending) return sweep_spool();
    say(fmt::format("epoch {} was saved and not yet published: publishing it now", last->epoch));
    TRY(commit(*last));
    report_.recovered = true;
    ASSIGN(taken_, state_.taken());
    return sweep_spool();
  }

  Result<> sweep_spool() {
    const std::string folder = state_.path() + "/spool";
    if (!env_.exists(folder)) return {};
    ASSIGN(const auto entries, env_.list(folder));
    for (const FileInfo& entry : entries) TRY(env_.remove(entry.path));
    return {};
  }

  /// Everything that an attempt which publishes nothing has left.
  Result<> sweep() {
    TRY(sweep_temporaries(env_, state_.path(), {}));
    return sweep_spool();
  }

  Result<> find_splits() {
    splits_.clear();
    for (const PlanNode& node : plan_.nodes) {
      if (!node.source) continue;
      ASSIGN(const auto found, node.source->discover());
      for (const Split& split : found) {
        if (taken_.keys.contains(StateFolder::taken_key(node.name, split.id))) continue;
        auto own = std::make_shared<Split>(split);
        own->source = node.name;
        splits_.push_back(std::move(own));
      }
    }
    return {};
  }

  void say_guesses() const {
    for (const PlanNode& node : plan_.nodes) {
      if (node.kind != PlanNode::Kind::source) continue;
      for (const std::string& note : node.notes) say(node.name + ": " + note);
    }
  }

  Result<> nothing_new() {
    report_.outcome = report_.recovered ? RunReport::Outcome::published : RunReport::Outcome::nothing_new;
    if (!report_.recovered) --report_.epoch;
    report_.message = "every input was taken before";
    Ledger empty(plan_.nodes.size());
    if (report_.balance.nodes.empty()) fill_balance(empty);
    return {};
  }

  /// True: guessed types were widened, try again.
  Result<bool> attempt() {
    Ledger ledger(plan_.nodes.size());
    const auto flow = options_.stepped ? stepped_flow(options_.seed) : threaded_flow(env_);
    Attempt attempt{plan_, env_, *flow, ledger, report_.epoch, !options_.ephemeral, state_.path(), splits_};
    auto result = run_attempt(attempt, options_);
    report_.bytes_read += ledger.bytes_read;
    report_.inputs = static_cast<int64_t>(splits_.size());
    if (!result || !result->whole) {
      TRY(sweep());
    }
    if (!result) return tl::unexpected(result.error());
    const auto misfits = ledger.misfits();
    if (!misfits.empty()) {
      TRY(widen(misfits));
      return true;
    }
    for (const std::string& warning : ledger.warnings()) say(warning);
    fill_balance(ledger);
    report_.first_rejects = result->first_rejects;
    if (!result->whole) {
      report_stopped();
      return false;
    }
    TRY(must_balance(false));
    if (over_budget(*result)) {
      TRY(refuse(*result));
      return false;
    }
    TRY(publish(std::move(*result)));
    return false;
  }

  void report_stopped() {
    report_.outcome = RunReport::Outcome::stopped;
    report_.message = "stopped as asked: nothing was published, the next run starts again";
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

  void fill_balance(Ledger& ledger) {
    report_.balance = {};
    for (size_t i = 0; i < plan_.nodes.size(); ++i) {
      const PlanNode& node = plan_.nodes[i];
      report_.balance.nodes.push_back({node.kind, node.name, node.component, node.inputs, ledger.of(i)});
    }
    report_.balance.rejects_logged = ledger.logged_rejects();
  }

  Result<> must_balance(bool with_written) {
    const auto mistakes = report_.balance.mistakes(with_written);
    if (mistakes.empty()) return {};
    std::string all;
    for (const std::string& mistake : mistakes) all += (all.empty() ? "" : "; ") + mistake;
    return internal_error(pipeline_.name, "the balance sheet does not balance: " + all,
                          with_written ? "" : "nothing was published");
  }

  // ---- the budget ----------------------------------------------------------------------------------------------

  /// A budget and what counts against it: a source's own, or the pipeline's for all sources without one.
  struct Judged {
    std::string name;  ///< of the source; empty: the pipeline
    RejectBudget budget;
    int64_t read = 0, rejected = 0;
    bool over() const {
      return budget.share >= 0 ? static_cast<double>(rejected) > budget.share * static_cast<double>(read)
                               : rejected > budget.rows;
    }
  };

  std::vector<Judged> judge(const AttemptResult& result) const {
    std::vector<Judged> judged{{"", plan_.max_rejects, 0, 0}};
    int64_t own = 0;
    for (size_t i = 0; i < plan_.nodes.size(); ++i) {
      const PlanNode& node = plan_.nodes[i];
      if (node.kind != PlanNode::Kind::source) continue;
      const int64_t read = report_.balance.nodes[i].counts.read;
      if (!node.max_rejects) {
        judged[0].read += read;
        continue;
      }
      Judged of_source{node.name, *node.max_rejects, read, 0};
      for (const auto& [source, rows] : result.rejects_by_source) {
        if (source == node.name) of_source.rejected += rows;
      }
      own += of_source.rejected;
      judged.push_back(of_source);
    }
    judged[0].rejected = report_.balance.rejected() - own;
    return judged;
  }

  /// True when nothing may be published; the report then says which rows and what to write to allow them.
  bool over_budget(const AttemptResult& result) {
    for (const Judged& judged : judge(result)) {
      if (!judged.over()) continue;
      const std::string of = judged.name.empty() ? "" : fmt::format(" of source `{}`", judged.name);
      report_.message = fmt::format("{} of {} rows{} were rejected and max_rejects is {}: nothing was published",
                                    judged.rejected, judged.read, of, judged.budget.text());
      for (const Reject& reject : report_.first_rejects) {
        report_.message += fmt::format("\n  {}: {}{}", reject.place(),
                                       reject.column.empty() ? "" : reject.column + ": ", reject.reason);
      }
      if (judged.rejected > static_cast<int64_t>(report_.first_rejects.size())) {
        report_.message +=
            fmt::format("\n  and {} more", judged.rejected - static_cast<int64_t>(report_.first_rejects.size()));
      }
      report_.message += fmt::format(
          "\nTo publish the other rows, write `max_rejects: {}`{} or run with --max-rejects {}", judged.rejected,
          judged.name.empty() ? " in the pipeline file," : fmt::format(" in source `{}`,", judged.name),
          judged.rejected);
      return true;
    }
    return false;
  }

  /// Keeps the reject log of a run that publishes nothing, so that its rows can be looked at; the rest goes.
  Result<> refuse(const AttemptResult& result) {
    report_.outcome = RunReport::Outcome::refused;
    withhold(result);
    TRY(must_balance(true));
    for (const PreparedFile& file : result.reject_files) {
      TRY(env_.make_directories(folder_of(file.final_path)));
      TRY(env_.rename(file.temporary, refused_log()));
    }
    return sweep();
  }

  /// What lies ready at the sinks is not written, and will not be.
  void withhold(const AttemptResult& result) {
    for (NodeBalance& node : report_.balance.nodes) {
      if (node.kind != NodeBalance::Kind::sink) continue;
      node.counts.withheld = std::exchange(node.counts.written, 0);
      for (const SealedSegment& segment : result.segments) {
        if (segment.sink == node.name) node.counts.withheld += segment.rows;
      }
    }
  }

  std::string refused_log() const { return state_.path() + "/rejects/refused.jsonl"; }

  // ---- publishing ----------------------------------------------------------------------------------------------

  Result<> publish(AttemptResult result) {
    if (options_.stop.stop_requested()) {
      report_stopped();
      return sweep();
    }
    Checkpoint checkpoint;
    checkpoint.pipeline = pipeline_.name;
    checkpoint.epoch = report_.epoch;
    for (const auto& split : splits_) checkpoint.taken.push_back({split->source, split->id, split->name, split->size});
    checkpoint.files = std::move(result.files);
    std::move(result.reject_files.begin(), result.reject_files.end(), std::back_inserter(checkpoint.files));
    checkpoint.segments = std::move(result.segments);
    checkpoint.rows_read = report_.balance.read();
    checkpoint.rows_rejected = report_.balance.rejected();
    if (!options_.ephemeral) TRY(state_.write(checkpoint));
    TRY(commit(checkpoint));
    report_.outcome = RunReport::Outcome::published;
    return must_balance(true);
  }

  /// Everything that may have to be done again after a crash: each part accepts what is done already.
  /// Stores come first: they can refuse, and then no file has appeared yet.
  Result<> commit(const Checkpoint& checkpoint) {
    for (const SealedSegment& sealed : checkpoint.segments) TRY(commit_store(checkpoint.epoch, sealed));
    TRY(commit_files(env_, checkpoint.files, !options_.ephemeral));
    for (const PreparedFile& file : checkpoint.files) {
      if (file.sink != "rejects") report_.outputs.push_back({file.sink, file.final_path, file.rows, file.size});
    }
    if (options_.ephemeral) return {};
    TRY(env_.remove(refused_log()));
    TRY(tell_sources(checkpoint));
    TRY(state_.append_taken(checkpoint, env_.now_us()));
    for (const SealedSegment& sealed : checkpoint.segments) TRY(env_.remove(sealed.path));
    return sweep_temporaries(env_, state_.path(), {});
  }

  Result<> commit_store(Epoch epoch, const SealedSegment& sealed) {
    const auto node = std::find_if(plan_.nodes.begin(), plan_.nodes.end(),
                                   [&](const PlanNode& n) { return n.name == sealed.sink && n.sink.store; });
    if (node == plan_.nodes.end()) {
      return config_error(pipeline_.file,
                          fmt::format("epoch {} waits to be written to sink `{}`, which the pipeline no longer has",
                                      epoch, sealed.sink),
                          "put the sink back for one run, or start anew under another name");
    }
    ASSIGN(auto segment, open_segment(env_, sealed));
    const auto written = node->sink.store->commit(epoch, *segment);
    if (!written) {
      Error error = written.error();
      if (error.domain == Error::Domain::external)
        error.hint += (error.hint.empty() ? "" : "; ") + std::string("the rows are kept, the next run writes them");
      return tl::unexpected(error);
    }
    const auto place = static_cast<size_t>(node - plan_.nodes.begin());
    if (place < report_.balance.nodes.size()) report_.balance.nodes[place].counts.written += *written;
    report_.outputs.push_back({sealed.sink, node->sink.target, *written, -1});
    return {};
  }

  Result<> tell_sources(const Checkpoint& checkpoint) {
    for (const TakenInput& input : checkpoint.taken) {
      const auto source = bound_.find(input.source);
      if (source == bound_.end()) continue;
      Split split;
      split.id = input.id;
      split.source = input.source;
      split.name = input.name;
      split.size = input.size;
      TRY(source->second->durable(split, input.size, true));
    }
    return {};
  }

  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }

  const Pipeline& pipeline_;
  const Components& components_;
  Env& env_;
  const RunOptions& options_;
  Problems& problems_;
  StateFolder state_;
  StateFolder::Taken taken_;
  Plan plan_;
  BoundSources bound_;
  std::vector<std::shared_ptr<const Split>> splits_;
  int widened_ = 0;
  RunReport report_;
};

}  // namespace

Result<RunReport> run_pipeline(const Pipeline& pipeline, const Components& components, Env& env,
                               const RunOptions& options, Problems& problems) {
  return Run(pipeline, components, env, options, problems).go();
}

}  // namespace trommel
