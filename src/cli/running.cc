#include "cli/running.h"

#include <fmt/format.h>

#include "base/virtual_clock.h"
#include "cli/balance_tables.h"
#include "cli/stopping.h"
#include "endpoints/serving.h"
#include "engine/timetable.h"
#include "service/service.h"
#include "telemetry/numbers.h"
#include "telemetry/progress.h"
#include "telemetry/table.h"

namespace trommel::cli {

namespace {

ProgressFigures figures(const Progress& progress) {
  ProgressFigures out;
  out.rows = progress.rows_read;
  out.bytes = progress.bytes_read;
  out.bytes_expected = progress.bytes_total;
  out.rejected = progress.rows_rejected;
  if (progress.phase != "reading") out.doing = progress.phase;
  return out;
}

std::string outcome_line(const RunReport& report) {
  int64_t written = 0;
  if (report.outcome == RunReport::Outcome::published) {
    for (const SinkLine& line : report.balance.sinks()) written += line.written;
  }
  const double seconds = std::max(1e-6, static_cast<double>(report.elapsed_us) / 1e6);
  return fmt::format("{} read, {} written, {} rejected in {} ({} rows/s, {}/s, {} at most in memory)",
                     rows_text(report.balance.read()), count_text(written), count_text(report.balance.rejected()),
                     duration_text(report.elapsed_us),
                     count_text(static_cast<int64_t>(static_cast<double>(report.balance.read()) / seconds)),
                     bytes_text(static_cast<int64_t>(static_cast<double>(report.bytes_read) / seconds)),
                     bytes_text(report.peak_memory_bytes));
}

void show_first_rejects(Session& session, const RunReport& report) {
  if (report.first_rejects.empty()) return;
  Table table({{"where", Table::Align::left, true}, {"reason"}, {"column"}, {"value"}});
  for (const Reject& reject : report.first_rejects)
    table.add({reject.place(), reject.reason, reject.column, reject.value});
  session.err.print(table.text(session.err.terminal().width));
}

void show_sheet(Session& session, const RunReport& report, const RunningOptions& options) {
  if (options.quiet || options.json) return;
  const bool lossless = report.balance.rejected() == 0;
  std::string text;
  if (options.brief && lossless) {
    for (const PublishedOutput& output : report.outputs) {
      text += fmt::format("{}: {}{}\n", output.name, rows_text(output.rows),
                          output.bytes > 0 ? ", " + bytes_text(output.bytes) : "");
    }
  } else {
    text = balance_text(report, options.sheet_to_err ? session.err.terminal().width : session.out_terminal.width);
  }
  text += outcome_line(report) + "\n";
  if (options.sheet_to_err || options.brief) {
    session.err.print(text);
  } else {
    session.out(text);
  }
}

/// The log of a run. A file that cannot be opened stops the run before it begins: who asks for a log wants it.
Result<std::unique_ptr<Log>> open_log(Session& session, const LogSettings& settings, bool quiet) {
  if (settings.file.empty()) return std::make_unique<Log>(session.env, session.err, settings.format, quiet);
  ASSIGN(auto file, LogFile::open(session.env, {settings.file, settings.max_bytes, settings.keep}));
  return std::make_unique<Log>(session.env, session.err, settings.format, std::move(file));
}

/// The lines of several a person gets below each other; in the log each is one.
void log_lines(Log& log, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    log.error(text.substr(at, end - at));
    at = end + 1;
  }
}

int conclude(Session& session, const RunReport& report, const RunningOptions& options) {
  const auto say = [&](const char* word, Colour colour, const std::string& text) {
    session.err.print(session.err.terminal().paint(word, colour) + text);
  };
  switch (report.outcome) {
    case RunReport::Outcome::published:
      show_sheet(session, report, options);
      // No log is kept of them: this is where they are named.
      if (options.ephemeral && !options.json) show_first_rejects(session, report);
      return done;
    case RunReport::Outcome::nothing_new:
      if (!options.quiet) session.err.print("nothing new: " + report.message);
      return done;
    case RunReport::Outcome::refused:
      show_sheet(session, report, options);
      say("error: ", Colour::red, report.message);
      return refused;
    case RunReport::Outcome::stopped:
      say("", Colour::none, report.message);
      return refused;
  }
  return internal_mistake;
}

/// Runs a pipeline, once or again and again.
class Runs {
 public:
  Runs(Session& session, const Pipeline& pipeline, const RunningOptions& options, const Stopping& stopping, Log& log)
      : session_(session), pipeline_(pipeline), options_(options), stopping_(stopping), log_(log) {}

  int once() {
    if (auto served = open_service(); !served) return session_.fail(served.error());
    return run(options_.once);
  }

  /// At each due time, until asked to stop. What a later run may find mended ends nothing.
  int on_schedule() {
    Timetable timetable = timetable_of();
    if (auto opened = timetable.open(holder()); !opened) return session_.fail(opened.error());
    if (auto served = open_service(); !served) return session_.fail(served.error());
    int code = done;
    const auto& zone = pipeline_.settings.schedule->schedule.zone();
    const auto kept = keep_timetable(
        session_.env, timetable, pipeline_.settings.state, zone, stopping_.token(),
        [&](const std::string& line) { log_.info(line); },
        [&](int64_t) {
          code = run(true);
          if (code == internal_mistake) return AfterRun::end;
          code = done;
          return stopped_ ? AfterRun::end : AfterRun::go_on;
        });
    return kept ? code : session_.fail(kept.error());
  }

  /// A run by hand: what was due before it needs no other one. Who keeps the schedule meanwhile sees to it alone.
  void see_to_schedule() {
    Timetable timetable = timetable_of();
    const int64_t now = session_.env.now_us();
    if (!timetable.open(holder())) return;
    if (const auto noted = timetable.done(now); !noted) log_.warn(noted.error().text());
  }

 private:
  Timetable timetable_of() {
    return {session_.env, *pipeline_.settings.schedule, pipeline_.settings.state,
            [this](const std::string& line) { log_.warn(line); }};
  }
  std::string holder() const { return fmt::format("process {} ({})", session_.env.process().id, pipeline_.name); }

  /// A server, where the pipeline needs one. Asked to end, it answers what is under way before the run ends.
  Result<> open_service() {
    if (!needs_service(pipeline_, session_.components) || options_.once || options_.ephemeral || options_.stepped ||
        options_.replay)
      return {};
    ASSIGN(service_, Service::start(session_.env, pipeline_, [this](const std::string& line) { log_.info(line); }));
    log_.info("listening at " + service_->address());
    ending_.emplace(stopping_.token(), [this] {
      // Not on the thread that hears of a second wish to end.
      drain_ = session_.env.start_thread("drain", [this](const std::stop_token&) {
        service_->stop();
        drained_.request_stop();
      });
    });
    return {};
  }

  /// The endpoints as this plan has them, in place of those of a run before.
  Result<> serve_endpoints(const Plan& plan) {
    Problems problems;
    ASSIGN(const auto bound, endpoints::bind_endpoints(pipeline_, plan, session_.components, session_.env, problems));
    if (problems.only_outside()) return external_error(pipeline_.file, problems.text());
    if (!problems.empty()) return config_error(pipeline_.file, problems.text(), "trommel lint " + pipeline_.file);
    ASSIGN(endpoints_, endpoints::serve(bound, endpoints::api_info(pipeline_, session_.version), service_->routes()));
    ASSIGN(served_at_, endpoints::ServedAddress::write(session_.env, plan.state_folder, service_->address()));
    return {};
  }

  RunOptions options_of_run(bool once, ProgressLine& progress) {
    RunOptions run;
    run.stop = service_ ? drained_.get_token() : stopping_.token();
    if (service_) {
      run.planned = [this](const Plan& plan) -> Result<> {
        for (const PlanNode& node : plan.nodes) {
          if (node.source) TRY(node.source->serve(*service_->routes()));
        }
        TRY(serve_endpoints(plan));
        service_->set_ready(true);
        return {};
      };
    }
    run.ephemeral = options_.ephemeral;
    run.once = once;
    run.replay = options_.replay;
    run.stepped = options_.stepped.has_value();
    run.seed = options_.stepped.value_or(0);
    run.say = [this](const std::string& line) {
      if (!options_.brief) return log_.info(line);
      if (options_.quiet) return;
      const bool of_input = line.starts_with("in: ");  // the only source of a conversion
      session_.err.print(printable(of_input ? line.substr(4) : line));
    };
    run.warn = [this](const std::string& line) { options_.brief ? session_.warn(printable(line)) : log_.warn(line); };
    if (!options_.quiet) run.progress = [&progress](const Progress& now) { progress.update(figures(now)); };
    return run;
  }

  int run(bool once) {
    ProgressLine progress(session_.env, session_.err);
    const RunOptions options = options_of_run(once, progress);
    Problems problems;
    // Stepped runs are for tests: the same seed gives the same run, hence a clock of its own.
    const auto stepped_env = options.stepped ? virtual_clock_env(session_.env, 0) : nullptr;
    auto report =
        run_pipeline(pipeline_, session_.components, stepped_env ? *stepped_env : session_.env, options, problems);
    progress.end();
    if (service_) service_->set_ready(false);
    if (!problems.empty()) {
      if (log_.to_file()) log_lines(log_, problems.text());
      const auto missing = problems.size() == 1 ? session_.missing_data(pipeline_) : std::nullopt;
      return missing ? session_.fail(*missing) : session_.fail(problems);
    }
    if (!report) {
      if (log_.to_file()) log_.error(report.error().text());
      return session_.fail(report.error());
    }
    return tell(*report);
  }

  int tell(const RunReport& report) {
    stopped_ = report.outcome == RunReport::Outcome::stopped;
    if (!options_.report.empty()) {
      if (auto written = session_.env.write_text(options_.report, report_json(report) + "\n"); !written)
        return session_.fail(written.error());
    }
    if (log_.to_file() && report.outcome == RunReport::Outcome::refused) log_lines(log_, report.message);
    log_.info(report_line(report));
    if (options_.json) session_.out(report_json(report) + "\n");
    return conclude(session_, report, options_);
  }

  Session& session_;
  const Pipeline& pipeline_;
  const RunningOptions& options_;
  const Stopping& stopping_;
  Log& log_;
  bool stopped_ = false;  ///< the last run
  std::unique_ptr<Service> service_;
  server::Routes::Registration endpoints_;
  std::unique_ptr<endpoints::ServedAddress> served_at_;
  std::stop_source drained_;
  std::unique_ptr<Thread> drain_;
  std::optional<std::stop_callback<std::function<void()>>> ending_;
};

}  // namespace

int run_in_sight(Session& session, const Pipeline& pipeline, const RunningOptions& options) {
  Stopping stopping([&session] { session.err.print("ending cleanly; once more to end at once"); });
  auto opened = open_log(session, pipeline.settings.log, options.quiet || options.brief);
  if (!opened) return session.fail(opened.error());
  Runs runs(session, pipeline, options, stopping, **opened);
  const bool by_schedule =
      pipeline.settings.schedule && !options.ephemeral && !options.stepped && options.replay == nullptr;
  if (by_schedule && !options.once) return runs.on_schedule();
  const int code = runs.once();
  if (by_schedule && code == done) runs.see_to_schedule();
  return code;
}

}  // namespace trommel::cli
