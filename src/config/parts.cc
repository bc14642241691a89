#include "config/parts.h"

#include "config/stores.h"

namespace trommel {

namespace {

/// A file name, the long form, or a map of column to type or rules.
std::string contract_schema_text() {
  return R"({"anyOf":[{"type":"string"},)" + spec_json_schema(contract_spec()) +
         R"(,{"type":"object","additionalProperties":{"type":["string","object","array"]}}]})";
}

std::string stores_schema_text() {
  return R"({"type":"object","additionalProperties":{"anyOf":[{"type":"string"},)" +
         spec_json_schema(StoreText::spec().info()) + "]}}";
}

std::string map_schema_text(const SpecInfo& info) {
  return R"({"type":"object","additionalProperties":)" + spec_json_schema(info) + "}";
}

}  // namespace

const Spec<SourceText>& SourceText::spec() {
  static const auto spec =
      Spec<SourceText>("source", "Where rows enter: one component and its settings")
          .description(
              "An entry of `sources:` (rows that flow) or of `tables:` (rows that are loaded once and looked up by "
              "SQL). "
              "The component's name is the key, its settings stand under it.")
          .field(
              "contract", &SourceText::contract,
              "the columns that the rows must have: a file name (.yaml or .avsc), or the contract itself; rows that "
              "break it are "
              "rejects",
              {.example = "students.contract.yaml", .type = "file or contract", .json_schema = contract_schema_text()})
          .field("max_rejects", &SourceText::max_rejects,
                 "how many rows of this source may be rejected before nothing is published; left out, the pipeline's "
                 "own holds",
                 {.example = "0.1%"})
          .others(&SourceText::components, "COMPONENT", "settings of the component that reads; one of the sources",
                  "its settings")
          .example("sources:\n  drops:\n    files: { path: input/*.csv }\n    contract: students.contract.yaml\n");
  return spec;
}

const Spec<TransformText>& TransformText::spec() {
  static const auto spec =
      Spec<TransformText>("transform", "Rows to rows: one component and its settings")
          .field("from", &TransformText::from,
                 "whose rows it takes; may be left out when there is only one candidate; SQL finds it in its text",
                 {.example = "drops"})
          .others(&TransformText::components, "COMPONENT", "settings of the component; one of the transforms",
                  "its settings")
          .example(
              "transforms:\n  tidy: { from: drops, clean: { names: snake_case } }\n  late: { sql: \"SELECT * FROM tidy "
              "WHERE delay > 15\" }\n");
  return spec;
}

const Spec<SinkText>& SinkText::spec() {
  static const auto spec =
      Spec<SinkText>("sink",
                     "Where rows leave: one component and its settings, or a store and the settings of its table")
          .field("from", &SinkText::from, "whose rows it takes; may be left out when there is only one candidate",
                 {.example = "tidy"})
          .field("store", &SinkText::store,
                 "a name under `stores:`, or an address; the table's settings stand beside it",
                 {.example = "duckdb:students.duckdb"})
          .field("contract", &SinkText::contract, "the columns of the target: a file name, or the contract itself",
                 {.type = "file or contract", .json_schema = contract_schema_text()})
          .others(&SinkText::components, "COMPONENT", "settings of the component that writes; one of the sinks",
                  "its settings")
          .example(
              "sinks:\n  lake:  { from: tidy, files: { path: output/students.parquet } }\n"
              "  table: { from: tidy, store: duckdb:students.duckdb, table: students }\n");
  return spec;
}

const Spec<LogText>& LogText::spec() {
  static const auto spec =
      Spec<LogText>("log", "Where a run says what it does, a line for each action")
          .description(
              "The file is appended to, run after run. A line that would make it larger than `max_size` goes to a new "
              "one: the file becomes `FILE.1`, what was `FILE.1` becomes `FILE.2`, and so on. `trommel run --log FILE` "
              "and `--log-format FORMAT` go before what stands here.")
          .scalar_is("file")
          .field("file", &LogText::file, "left out, standard error", {.example = "conversion_log.txt"})
          .field("format", &LogText::format,
                 "plain is for people; key_value and json have one `time`, `level` and `message` a line")
          .field("max_size", &LogText::max_size, "how large the file may become", {.example = "10MB"})
          .field("keep", &LogText::keep, "how many files stay that were put aside", {.example = "5"})
          .example(
              "sources:\n  drops: { files: { path: input/*.csv } }\nsinks:\n  lake: { files: { path: "
              "output/students.parquet } }\nlog: { file: conversion_log.txt, format: plain, max_size: 10MB, keep: 5 "
              "}\n")
          .check([](const LogText& text, const Node& node, Problems& problems) {
            if (text.max_size.bytes < 1)
              problems.add(node.find("max_size")->place, "`max_size` must be at least 1 byte");
            if (text.keep < 1)
              problems.add(node.find("keep")->place,
                           "`keep` must be at least 1, not `" + std::to_string(text.keep) + "`");
          });
  return spec;
}

const Spec<CommitText>& CommitText::spec() {
  static const auto spec =
      Spec<CommitText>("commit", "When a run that goes by epochs publishes what it has read: at the end of each")
          .field("every", &CommitText::every, "an epoch begins at least this long after the one before it",
                 {.example = "10s"})
          .field("rows", &CommitText::rows, "an epoch ends once it has read so many rows", {.example = "100_000"})
          .field("bytes", &CommitText::bytes, "or so many bytes, as they lie in the input", {.example = "256MB"})
          .check([](const CommitText& text, const Node& node, Problems& problems) {
            if (text.rows < 1) problems.add(node.find("rows")->place, "`rows` must be at least 1");
            if (text.bytes.bytes < 1) problems.add(node.find("bytes")->place, "`bytes` must be at least 1B");
          });
  return spec;
}

const Spec<RejectLogText>& RejectLogText::spec() {
  static const auto spec =
      Spec<RejectLogText>("rejects", "How long the log of rejects is kept")
          .description(
              "A log past a limit is removed, the oldest first, and the run's log says which, and how many of its "
              "rejects were never replayed. The last epoch's stays. Looked at once a minute.")
          .field("max_age", &RejectLogText::max_age, "how long after its epoch a log of rejects is kept; 0s: for ever",
                 {.example = "30d"})
          .field("max_size", &RejectLogText::max_size, "how much all logs of rejects may take together; 0B: any size",
                 {.example = "100MB"});
  return spec;
}

const Spec<RetryText>& RetryText::spec() {
  static const auto spec =
      Spec<RetryText>("retry",
                      "What happens when a store or a folder is away while rows wait for it: it is tried again")
          .field("for", &RetryText::for_,
                 "for so long; then the run ends with the error, the rows are kept, and the next run writes them; left "
                 "out, 5m where inputs never end, else 10s",
                 {.example = "1h"})
          .field("pause", &RetryText::pause,
                 "the longest pause between two tries; they begin at a hundredth of a second, and double",
                 {.example = "1m"})
          .check([](const RetryText& text, const Node& node, Problems& problems) {
            if (text.pause.us < 1) problems.add(node.find("pause")->place, "`pause` must be more than nothing");
          });
  return spec;
}

const Spec<SpoolText>& SpoolText::spec() {
  static const auto spec =
      Spec<SpoolText>("spool", "Rows on disk that wait for a sink which is away")
          .field("max", &SpoolText::max, "while they are so many bytes, nothing more is read", {.example = "50GB"})
          .check([](const SpoolText& text, const Node& node, Problems& problems) {
            if (text.max.bytes < 1) problems.add(node.find("max")->place, "`max` must be at least 1B");
          });
  return spec;
}

const Spec<PipelineText>& PipelineText::spec() {
  static const auto spec =
      Spec<PipelineText>("pipeline", "A pipeline file: where rows come from, what is done to them, where they go")
          .description(
              "YAML. Relative paths start at the file's own folder. `${VAR}` and `${VAR:default}` are filled in from "
              "the environment; "
              "`$${` is a literal `${`. Every name is a part's own: no two parts may share one.")
          .field("name", &PipelineText::name,
                 "what the pipeline is called in reports and in the state folder; left out, the file's name",
                 {.example = "students"})
          .field("sources", &PipelineText::sources, "where rows enter, by name",
                 {.required = true, .type = "map of name: source"})
          .field("tables", &PipelineText::tables,
                 "rows that are loaded once for SQL to look up, by name; written like sources",
                 {.type = "map of name: source"})
          .field("transforms", &PipelineText::transforms, "what is done to the rows, by name",
                 {.type = "map of name: transform"})
          .field("sinks", &PipelineText::sinks, "where rows leave, by name",
                 {.required = true, .type = "map of name: sink"})
          .field("stores", &PipelineText::stores,
                 "places to write tables to, by name: an address, a map of its parts, or { credentials: FILE }",
                 {.example = "{ warehouse: \"duckdb:students.duckdb\" }",
                  .type = "map of name: address or store",
                  .json_schema = stores_schema_text()})
          .field("views", &PipelineText::views, "tables of stores that are kept as a SELECT makes them, by name",
                 {.type = "map of name: view", .json_schema = map_schema_text(ViewText::spec().info())})
          .field("endpoints", &PipelineText::endpoints, "questions to stores that are answered over HTTP, by path",
                 {.type = "map of path: endpoint", .json_schema = map_schema_text(EndpointText::spec().info())})
          .field("memory", &PipelineText::memory, "the budget of the whole process; left out, a share of the machine's",
                 {.example = "512MB"})
          .field("lanes", &PipelineText::lanes, "how many lanes work side by side; left out, one for each core",
                 {.example = "4"})
          .field("max_rejects", &PipelineText::max_rejects, "how many rows may be rejected before nothing is published",
                 {.example = "0.1%"})
          .field("ordered", &PipelineText::ordered, "keep the order of rows across files too, with one lane")
          .field(
              "publish", &PipelineText::publish,
              "when a run that has an end publishes: at_end all of it or nothing, as_you_go what each epoch has read; "
              "a crash then costs an epoch only")
          .field("commit", &PipelineText::commit,
                 "when a run without end (a watched folder), or one that publishes as it goes, closes an epoch",
                 {.example = "{ every: 10s }"})
          .field("schedule", &PipelineText::schedule,
                 "when `run` runs it: a cron text or a map; left out, once when it is started",
                 {.example = "\"0 6 * * *\"", .type = "cron text or schedule"})
          .field("rejects", &PipelineText::rejects, "how long rejects are kept to be looked at and replayed",
                 {.example = "{ max_age: 30d, max_size: 100MB }"})
          .field("retry", &PipelineText::retry, "how long a store that is away is tried again",
                 {.example = "{ for: 1h }"})
          .field("spool", &PipelineText::spool, "how much may wait on disk for a store that is away",
                 {.example = "{ max: 50GB }"})
          .field("server", &PipelineText::server,
                 "where `run` listens for HTTP; left out, 127.0.0.1:8080 where something is served",
                 {.example = "127.0.0.1:8080", .type = "address or server"})
          .field("state", &PipelineText::state,
                 "the folder for checkpoints, rejects and spools; left out, .trommel/NAME beside the file")
          .field("log", &PipelineText::log, "a file for a line about each action, or a map; left out, standard error",
                 {.example = "conversion_log.txt", .type = "file or log"})
          .example(
              "name: students\nsources:\n  drops: { files: { path: input/*.csv } }\n"
              "transforms:\n  tidy: { clean: { names: snake_case } }\nsinks:\n  lake: { files: { path: "
              "output/students.parquet } }\n")
          .check([](const PipelineText& text, const Node& node, Problems& problems) {
            const auto place = [&](const char* key) { return node.find(key)->place; };
            if (text.lanes && *text.lanes < 1)
              problems.add(place("lanes"), "`lanes` must be at least 1, not `" + std::to_string(*text.lanes) + "`");
            for (const auto& [key, parts] : {std::pair{"sources", &text.sources}, std::pair{"sinks", &text.sinks}}) {
              if (parts->empty()) problems.add(place(key), std::string("`") + key + "` is empty");
            }
          });
  return spec;
}

const std::vector<const SpecInfo*>& pipeline_specs() {
  static const std::vector<const SpecInfo*> specs = {
      &PipelineText::spec().info(), &SourceText::spec().info(),   &TransformText::spec().info(),
      &SinkText::spec().info(),     &StoreText::spec().info(),    &contract_spec(),
      &ViewText::spec().info(),     &EndpointText::spec().info(), &LogText::spec().info(),
      &ScheduleText::spec().info(), &ServerText::spec().info()};
  return specs;
}

}  // namespace trommel
