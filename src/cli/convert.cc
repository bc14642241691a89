#include <fmt/format.h>

#include "cli/data_file.h"
#include "cli/running.h"
#include "cli/scratch.h"
#include "cli/verb.h"
#include "config/parts.h"

namespace trommel::cli {

namespace {

struct Options {
  std::string in, out, to, max_rejects, memory;
  FileOptions reading;
  std::vector<std::string> out_settings;
  int64_t lanes = 0;
  RunningOptions running;
};

Pipeline pipeline_of(const Options& options, const std::string& state, Problems& problems) {
  Pipeline pipeline;
  pipeline.name = "convert";
  pipeline.file = on_command_line;
  pipeline.folder = ".";
  pipeline.settings.state = state;
  pipeline.settings.ordered = true;
  pipeline.settings.lanes = options.lanes;
  if (!options.memory.empty()) pipeline.settings.memory_bytes = parse_byte_size(options.memory)->bytes;
  if (!options.max_rejects.empty()) pipeline.settings.max_rejects = *parse_reject_budget(options.max_rejects);

  Part source;
  source.name = "in";
  source.component = "files";
  source.settings = file_settings(options.in, options.reading, problems);
  source.place = source.settings.place;
  pipeline.sources.push_back(std::move(source));

  Part sink;
  sink.name = "out";
  sink.component = "files";
  sink.from = {"in"};
  sink.settings = map_node();
  sink.place = sink.from_place = sink.settings.place;
  put(sink.settings, "path", text_node(options.out));
  if (options.out != "-") put(sink.settings, "if_exists", text_node("replace"));
  if (!options.to.empty()) put(sink.settings, "format", text_node(options.to));
  for (const std::string& setting : options.out_settings) put_setting(sink.settings, setting, problems);
  pipeline.sinks.push_back(std::move(sink));
  return pipeline;
}

int convert(Session& session, Options& options) {
  const ScratchFolder scratch(session.env);
  const auto state = scratch.path();
  if (!state) return session.fail(state.error());
  Problems problems;
  const Pipeline pipeline = pipeline_of(options, *state, problems);
  if (!problems.empty()) return session.fail(problems);
  options.running.ephemeral = true;
  options.running.brief = true;
  options.running.sheet_to_err = options.out == "-";
  return run_in_sight(session, pipeline, options.running);
}

}  // namespace

void add_convert(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb = add_verb(app, "convert", "Turn a file into another format; no pipeline file, no options needed",
                            "  trommel convert flights.csv.zip flights.parquet\n"
                            "  trommel convert messy.csv clean.csv\n"
                            "  trommel convert flights.parquet - --to json | head\n"
                            "  curl … | trommel convert - out.parquet --in delimiter=';' --in 'nulls=[NA, -]'");
  auto options = std::make_shared<Options>();
  verb->add_option("IN", options->in, "File, glob, or - for standard input; gz and zip are seen by their content")
      ->required()
      ->type_name("");
  verb->add_option("OUT", options->out, "File that is written or replaced in one step, or - for standard output")
      ->required()
      ->type_name("");
  verb->add_option("--to", options->to, "Format of OUT; default: by its name")->type_name("FORMAT");
  add_file_options(*verb, options->reading);
  verb->add_option("--out", options->out_settings, "Any setting of the files sink")
      ->check([](const std::string& text) {
        return text.find('=') == std::string::npos || text.front() == '=' ? text + " is no NAME=VALUE" : std::string();
      })
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
  verb->add_option("--max-rejects", options->max_rejects,
                   "Rows that may be rejected before nothing is written: 100, or 0.1%; default 0")
      ->check(reject_budget_option)
      ->type_name("N");
  verb->add_option("--memory", options->memory, "Memory budget of the whole process, such as 512MB")
      ->check(byte_size_option)
      ->type_name("BYTES");
  verb->add_option("--lanes", options->lanes, "Lanes that work side by side; default: as many as cores")
      ->check(CLI::Range(1, 1024))
      ->type_name("N");
  verb->add_option("--report", options->running.report, "Write the report as JSON into this file")->type_name("FILE");
  verb->add_flag("-q,--quiet", options->running.quiet, "Errors only");
  verb->callback([&session, &action, options] { action = [&session, options] { return convert(session, *options); }; });
}

}  // namespace trommel::cli
