#include "engine/status.h"

#include <fmt/format.h>

#include "cli/verb.h"
#include "telemetry/numbers.h"
#include "telemetry/table.h"

namespace trommel::cli {

namespace {

constexpr size_t kOpenShown = 10;

struct Options {
  std::string of;
  std::vector<std::string> variables;
  bool json = false;
};

/// The state folder of a pipeline file, of a pipeline's name (`.trommel/NAME`), or the folder itself.
Result<std::string> folder_of_pipeline(Session& session, const Options& options, Problems& problems) {
  if (options.of.ends_with(".yaml") || options.of.ends_with(".yml"))
    return session.load(options.of, problems).settings.state;
  for (const std::string& folder : {options.of, join_path(".trommel", options.of)}) {
    const auto info = session.env.info(folder);
    if (info && info->is_directory) return folder;
  }
  return external_error(options.of, "no pipeline of this name has run here",
                        "give the pipeline file, or a name below .trommel");
}

class StatusText {
 public:
  StatusText(Session& session, const PipelineStatus& status) : session_(session), status_(status) {}

  std::string text() {
    const std::string group = status_.group.empty() ? "" : ", group " + status_.group;
    out_ = session_.out_terminal.paint(status_.pipeline + group + ": ", Colour::bold) + headline() + "\n";
    if (status_.checkpoint)
      line("last epoch", fmt::format("{}, {}", status_.checkpoint->epoch, at(status_.checkpoint_us)));
    if (status_.run) of_run(*status_.run);
    if (status_.life_read) {
      line("all runs", fmt::format("{} read, {} written, {} rejected, {} of them replayed",
                                   rows_text(*status_.life_read), count_text(*status_.life_written),
                                   count_text(*status_.life_rejected), count_text(*status_.life_replayed)));
    }
    open_inputs();
    if (status_.due) next_run(*status_.due);
    return out_;
  }

 private:
  std::string headline() const {
    if (status_.holder) {
      const bool reading = status_.run && status_.run->phase == "reading";
      return fmt::format("{}, held by {}", reading ? "reading" : "running", *status_.holder);
    }
    if (status_.schedule_holder) return fmt::format("waiting for its next run, {}", *status_.schedule_holder);
    if (status_.run && status_.run->phase != "ended")
      return fmt::format("not running; the last run was cut off at about {}", at(status_.run->updated_us));
    return "not running";
  }

  void of_run(const RunStatus& run) {
    const std::string end = run.phase == "ended" ? " to " + at(run.ended_us) : "";
    line(status_.holder ? "this run" : "last run",
         fmt::format("{} read, {} written, {} rejected in {}; {} rows/s; since {}{}", rows_text(run.rows_read),
                     count_text(run.rows_written), count_text(run.rows_rejected),
                     run.epochs == 1 ? "1 epoch" : count_text(run.epochs) + " epochs",
                     count_text(static_cast<int64_t>(run.rows_per_second())), at(run.started_us), end));
    if (run.phase == "ended") line("outcome", run.outcome + (run.message.empty() ? "" : ": " + printable(run.message)));
    if (status_.holder && run.epoch_rows_read > 0)
      line("this epoch", fmt::format("{} read, {} rejected, in {}", rows_text(run.epoch_rows_read),
                                     count_text(run.epoch_rows_rejected), duration_text(run.epoch_us)));
    if (run.inputs_waiting > 0) {
      line("waiting", fmt::format("{} {}, the oldest since {}", count_text(run.inputs_waiting),
                                  run.inputs_waiting == 1 ? "input" : "inputs", at(run.oldest_waiting_us)));
    }
    for (const Lag& one : run.lag) {
      if (one.rows == 0) continue;
      line("lag", fmt::format("{}: {}{}", one.what, rows_text(one.rows),
                              one.since_us > 0 ? ", the oldest of " + at(one.since_us) : ""));
    }
    for (const Retrying& one : run.retrying) {
      line("retrying",
           fmt::format("{}: {} {} since {}, next at {}: {}", one.what, count_text(one.attempts),
                       one.attempts == 1 ? "try" : "tries", at(one.since_us), at(one.next_us), printable(one.error)));
    }
  }

  void open_inputs() {
    if (!status_.checkpoint) return;
    const auto& open = status_.checkpoint->open;
    for (size_t i = 0; i < open.size() && i < kOpenShown; ++i) {
      const Split& split = open[i].split;
      line("open", fmt::format("{} at {}{}", split.name, count_text(open[i].at),
                               split.size > 0 ? " of " + count_text(split.size) : ""));
    }
    if (open.size() > kOpenShown) line("open", fmt::format("and {} more", count_text(open.size() - kOpenShown)));
  }

  void next_run(const PipelineStatus::Due& due) {
    const bool late = due.at_us <= session_.env.now_us() && !status_.schedule_holder;
    line("next run",
         (late ? "was due at " + due.at + ", nobody keeps the schedule" : due.at) + " (" + due.schedule + ")");
  }

  void line(const std::string& what, const std::string& text) { out_ += fmt::format("  {:<12}{}\n", what, text); }
  static std::string at(int64_t us) { return time_text(us) + " UTC"; }

  Session& session_;
  const PipelineStatus& status_;
  std::string out_;
};

int status(Session& session, const Options& options) {
  session.set_variables(options.variables);
  Problems problems;
  const auto folder = folder_of_pipeline(session, options, problems);
  if (!problems.empty()) return session.fail(problems);
  if (!folder) return session.fail(folder.error());
  const auto found = read_status(session.env, *folder);
  if (!found) return session.fail(found.error());
  std::string text = options.json ? status_json(*found) + "\n" : "";
  for (size_t i = 0; !options.json && i < found->size(); ++i) text += StatusText(session, (*found)[i]).text();
  session.out(text);
  return done;
}

}  // namespace

void add_status(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb =
      add_verb(app, "status", "What a pipeline does or has done, from its state folder alone",
               "  trommel status pipeline.yaml\n  trommel status students          # by its name, where it "
               "ran\n  trommel status pipeline.yaml --json");
  auto options = std::make_shared<Options>();
  verb->add_option("PIPELINE", options->of, "Pipeline file, or name of a pipeline that ran in this folder")
      ->required()
      ->type_name("");
  verb->add_flag("--json", options->json, "As one JSON object");
  add_variables(*verb, options->variables);
  verb->callback([&session, &action, options] { action = [&session, options] { return status(session, *options); }; });
}

}  // namespace trommel::cli
