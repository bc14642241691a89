#include <fmt/format.h>

#include <cstdlib>

#include "cli/running.h"
#include "cli/verb.h"
#include "config/parts.h"

namespace trommel::cli {

namespace {

struct Options {
  std::string in, out, from, to, delimiter, max_rejects, memory;
  std::vector<std::string> in_settings, out_settings;
  int64_t lanes = 0;
  RunningOptions running;
};

Place command_line() { return {on_command_line, 0, 0}; }

Node text_node(const std::string& text) {
  Node node;
  node.kind = Node::Kind::scalar;
  node.place = command_line();
  node.scalar = text;
  return node;
}

Node map_node() {
  Node node;
  node.kind = Node::Kind::map;
  node.place = command_line();
  return node;
}

void put(Node& map, const std::string& name, Node value) {
  map.entries.push_back({name, command_line(), std::move(value)});
}

// `nulls=NA` on the command line is what `nulls: NA` is in a pipeline file; the value is YAML.
void put_setting(Node& map, const std::string& setting, Problems& problems) {
  const size_t equals = setting.find('=');
  Node value = parse_yaml(setting.substr(equals + 1), on_command_line, process_environment(), problems);
  put(map, setting.substr(0, equals), std::move(value));
}

std::string is_setting(const std::string& text) {
  return text.find('=') == std::string::npos || text.front() == '=' ? text + " is no NAME=VALUE" : "";
}

/// A folder that is gone when the command ends.
class ScratchFolder {
 public:
  explicit ScratchFolder(Env& env) : env_(env) {
    const char* base = std::getenv("TMPDIR");
    std::string name = std::string(base != nullptr && *base != 0 ? base : "/tmp") + "/trommel-XXXXXX";
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~ScratchFolder() {
    if (!path_.empty()) (void)env_.remove_tree(path_);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  Env& env_;
  std::string path_;
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
  source.place = command_line();
  source.component = "files";
  source.settings = map_node();
  put(source.settings, "path", text_node(options.in));
  if (!options.from.empty()) put(source.settings, "format", text_node(options.from));
  if (!options.delimiter.empty()) put(source.settings, "delimiter", text_node(options.delimiter));
  for (const std::string& setting : options.in_settings) put_setting(source.settings, setting, problems);
  pipeline.sources.push_back(std::move(source));

  Part sink;
  sink.name = "out";
  sink.place = sink.from_place = command_line();
  sink.component = "files";
  sink.from = {"in"};
  sink.settings = map_node();
  put(sink.settings, "path", text_node(options.out));
  if (options.out != "-") put(sink.settings, "if_exists", text_node("replace"));
  if (!options.to.empty()) put(sink.settings, "format", text_node(options.to));
  for (const std::string& setting : options.out_settings) put_setting(sink.settings, setting, problems);
  pipeline.sinks.push_back(std::move(sink));
  return pipeline;
}

int convert(Session& session, Options& options) {
  const ScratchFolder scratch(session.env);
  if (scratch.path().empty())
    return session.fail(Error{Error::Domain::external, "TMPDIR", "no folder can be made in it", {}, false});
  Problems problems;
  const Pipeline pipeline = pipeline_of(options, scratch.path(), problems);
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
  verb->add_option("--from", options->from, "Format of IN; default: what its bytes look like")->type_name("FORMAT");
  verb->add_option("--to", options->to, "Format of OUT; default: by its name")->type_name("FORMAT");
  verb->add_option("-d,--delimiter", options->delimiter,
                   "Delimiter of a CSV that comes in; default: what it looks like")
      ->type_name("CHARACTER");
  verb->add_option("--in", options->in_settings, "Any setting of the files source (`trommel describe files`)")
      ->check(is_setting)
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
  verb->add_option("--out", options->out_settings, "Any setting of the files sink")
      ->check(is_setting)
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
