#include "cli/running.h"
#include "cli/verb.h"
#include "config/parts.h"

namespace trommel::cli {

namespace {

struct Options {
  std::string file, memory, max_rejects, log, log_format;
  std::vector<std::string> variables;
  std::string block_bytes;
  int64_t lanes = 0, batch_rows = 0;
  std::optional<uint64_t> stepped;
  std::string from, to;
  bool no_provenance = false, reset = false, beside = false;
  RunningOptions running;
};

LogFormat log_format_of(const std::string& name) {
  return name == "json" ? LogFormat::json : name == "key_value" ? LogFormat::key_value : LogFormat::plain;
}

bool writes_to_standard_output(const Pipeline& pipeline) {
  for (const Part& sink : pipeline.sinks) {
    const Node* path = sink.settings.is_map() ? sink.settings.find("path") : &sink.settings;
    if (path != nullptr && path->is_scalar() && path->scalar == "-") return true;
  }
  return false;
}

/// A backfill, if there is one. Nothing: the days are the wrong way round.
std::optional<std::optional<schedule::Days>> days_of(const Options& options) {
  if (options.from.empty() && options.to.empty()) return std::optional<schedule::Days>();
  schedule::Days days;
  if (!options.from.empty()) days.first = *schedule::parse_day(options.from);
  if (!options.to.empty()) days.last = *schedule::parse_day(options.to);
  if (days.last < days.first) return std::nullopt;
  return days;
}

std::string day_option(const std::string& text) {
  return schedule::parse_day(text) ? "" : text + " is no day, such as 2026-01-31";
}

int run(Session& session, Options& options) {
  session.set_variables(options.variables);
  Problems problems;
  Pipeline pipeline = session.load(options.file, problems);
  if (!problems.empty()) return session.fail(problems);
  if (options.lanes > 0) pipeline.settings.lanes = options.lanes;
  pipeline.settings.batch_rows = options.batch_rows;
  pipeline.settings.provenance = !options.no_provenance;
  if (!options.block_bytes.empty()) pipeline.settings.block_bytes = parse_byte_size(options.block_bytes)->bytes;
  options.running.stepped = options.stepped;
  const auto days = days_of(options);
  if (!days) return session.wrong("--to " + options.to + " lies before --from " + options.from);
  pipeline.settings.days = *days;
  if (options.beside && !options.reset) return session.wrong("--beside says how to --reset");
  if (options.reset) pipeline.settings.reset = {options.beside};
  options.running.once = options.running.once || days->has_value() || (options.reset && pipeline.settings.schedule);
  if (!options.memory.empty()) pipeline.settings.memory_bytes = parse_byte_size(options.memory)->bytes;
  if (!options.max_rejects.empty()) {
    const auto budget = parse_reject_budget(options.max_rejects);
    pipeline.settings.max_rejects = *budget;
    for (Part& source : pipeline.sources) source.max_rejects.reset();
  }
  if (!options.log.empty()) pipeline.settings.log.file = options.log == "-" ? "" : options.log;
  if (!options.log_format.empty()) pipeline.settings.log.format = log_format_of(options.log_format);
  options.running.sheet_to_err = writes_to_standard_output(pipeline);
  return run_in_sight(session, pipeline, options.running);
}

}  // namespace

void add_run(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb =
      add_verb(app, "run", "Run a pipeline, or keep its schedule: publish all of it, or nothing and say why",
               "  trommel run pipeline.yaml\n"
               "  trommel run pipeline.yaml --max-rejects 0.1% --report report.json\n"
               "  trommel run pipeline.yaml --from 2026-01-01 --to 2026-01-31   # these days again\n"
               "  trommel run pipeline.yaml --log run.log --log-format json\n"
               "  trommel run pipeline.yaml -D WAREHOUSE=duckdb:test.duckdb --memory 512MB --lanes 1");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->file, "Pipeline file")->required()->type_name("");
  verb->add_option("--report", options->running.report,
                   "Write the report (balance, outputs, first rejects) as JSON into this file")
      ->type_name("FILE");
  verb->add_flag("--json", options->running.json, "The report on standard output in place of the balance sheet");
  verb->add_option("--log", options->log,
                   "File that the log is added to, put aside by size; - for standard error (`trommel describe log`)")
      ->type_name("FILE");
  verb->add_option("--log-format", options->log_format, "plain, key_value or json")
      ->check(CLI::IsMember({"plain", "key_value", "json"}))
      ->type_name("FORMAT");
  verb->add_option("--lanes", options->lanes, "Lanes that work side by side; default: as many as cores")
      ->check(CLI::Range(1, 1024))
      ->type_name("N");
  verb->add_option("--memory", options->memory, "Memory budget of the whole process, such as 512MB")
      ->check(byte_size_option)
      ->type_name("BYTES");
  verb->add_option("--max-rejects", options->max_rejects,
                   "Rows that may be rejected before nothing is published: 100, or 0.1%")
      ->check(reject_budget_option)
      ->type_name("N");
  verb->add_flag("--once", options->running.once,
                 "Now and once: of a watched folder take what is there and end; of a schedule do not wait");
  verb->add_option("--from", options->from,
                   "A backfill: files of days from this one on, taken before or not (`{date:%Y-%m-%d}` in their path)")
      ->check(day_option)
      ->type_name("DAY");
  verb->add_option("--to", options->to, "A backfill: files of days up to this one, and of it")
      ->check(day_option)
      ->type_name("DAY");
  verb->add_flag("--reset", options->reset,
                 "Start anew: read everything again, in place of what earlier runs wrote; what they kept in the state "
                 "folder is put aside there");
  verb->add_flag("--beside", options->beside,
                 "With --reset: rows that earlier runs wrote stay, beside those that are read again");
  verb->add_flag("-q,--quiet", options->running.quiet, "Warnings and errors only");
  add_variables(*verb, options->variables);
  // What the tests vary to see that it changes nothing; an empty group is not shown in the help.
  verb->add_option("--batch-rows", options->batch_rows)->group("");
  verb->add_option("--block-bytes", options->block_bytes)->check(byte_size_option)->group("");
  verb->add_option("--stepped", options->stepped)->group("");
  verb->add_flag("--no-provenance", options->no_provenance)->group("");
  verb->callback([&session, &action, options] { action = [&session, options] { return run(session, *options); }; });
}

}  // namespace trommel::cli
