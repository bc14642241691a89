#include "engine/plan.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "cli/plan_stores.h"
#include "cli/rows.h"
#include "cli/sample.h"
#include "cli/verb.h"
#include "engine/checkpoint.h"
#include "engine/commit_groups.h"
#include "telemetry/log.h"
#include "telemetry/numbers.h"

namespace trommel::cli {

namespace {

struct Options {
  std::string file;
  std::vector<std::string> variables;
  bool json = false;
  int64_t rows = 5;
};

const char* kind_name(PlanNode::Kind kind) {
  switch (kind) {
    case PlanNode::Kind::source:
      return "source";
    case PlanNode::Kind::transform:
      return "transform";
    case PlanNode::Kind::sink:
      return "sink";
  }
  return "";
}

const char* shape_text(const PlanNode& node) {
  if (node.kind != PlanNode::Kind::transform) return nullptr;
  switch (node.transform.shape) {
    case Shape::row_by_row:
      return "row by row";
    case Shape::in_order:
      return "rows in order, one lane";
    case Shape::whole_input:
      return "needs its whole input: the run is one epoch";
  }
  return nullptr;
}

std::vector<std::string> facts_of(const PlanNode& node) {
  std::vector<std::string> facts = node.notes;
  if (const char* shape = shape_text(node)) facts.insert(facts.begin(), shape);
  if (node.kind == PlanNode::Kind::transform && !node.transform.keeps_positions)
    facts.push_back("rows after it no longer know their line: rejects name none");
  return facts;
}

std::vector<std::string> names_of(const Plan& plan, const std::vector<size_t>& nodes) {
  std::vector<std::string> names;
  for (const size_t node : nodes) names.push_back(plan.nodes[node].name);
  return names;
}

// Ours and others' texts may have several lines (DDL): each is set in.
std::string set_in(const std::string& text) {
  std::string out = "  ";
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "    ";
  }
  return out + "\n";
}

// Rows that leave as they came need no second list of their columns.
std::string columns_text(const Plan& plan, const PlanNode& node, int width) {
  if (node.inputs.size() == 1) {
    const PlanNode& input = plan.nodes[node.inputs.front()];
    if (input.schema->Equals(*node.schema)) return fmt::format("  columns as from {}\n", input.name);
  }
  Table columns({{"column"}, {"type"}, {"NULL"}});
  for (const auto& field : node.schema->fields()) {
    columns.add({field->name(), type_name(*field->type()), field->nullable() ? "" : "no"});
  }
  return columns.text(width);
}

std::string node_text(const Session& session, const Plan& plan, size_t index, const NodeSample& sample, int64_t rows) {
  const PlanNode& node = plan.nodes[index];
  const Terminal& terminal = session.out_terminal;
  const std::vector<std::string> from = names_of(plan, node.inputs);
  std::string out =
      terminal.paint(fmt::format("{} {}: {}", kind_name(node.kind), node.name, node.component), Colour::bold);
  if (!from.empty()) out += fmt::format(" from {}", fmt::join(from, ", "));
  if (node.kind == PlanNode::Kind::sink) out += " to " + node.sink.target;
  out += '\n';
  for (const std::string& fact : facts_of(node)) out += set_in(fact);
  if (node.kind != PlanNode::Kind::sink) out += columns_text(plan, node, terminal.width);
  if (sample.rejected > 0) {
    out += terminal.paint(fmt::format("  {} of {} sample rows would be rejected here:", count_text(sample.rejected),
                                      count_text(sample.in)),
                          Colour::yellow) +
           "\n";
    for (size_t i = 0; i < sample.refused.size() && i < 3; ++i)
      out += fmt::format("    {}: {}\n", sample.refused[i].place, printable(sample.refused[i].reason));
  }
  if (node.kind == PlanNode::Kind::sink && rows > 0 && !sample.rows.empty()) {
    Table table = table_of(node.schema);
    int64_t left = rows;
    for (const Rows& some : sample.rows) {
      add_rows(table, *some, left);
      left -= std::min(left, some->num_rows());
    }
    out += table.text(terminal.width);
  }
  return out;
}

std::string text_list(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ",") + json_text(text);
  return "[" + out + "]";
}

std::string node_json(const Plan& plan, size_t index, const NodeSample& sample, int64_t rows) {
  const PlanNode& node = plan.nodes[index];
  const std::vector<std::string> from = names_of(plan, node.inputs);
  std::string columns;
  for (const auto& field : node.schema->fields()) {
    columns += fmt::format("{}{{\"name\":{},\"type\":{},\"nullable\":{}}}", columns.empty() ? "" : ",",
                           json_text(field->name()), json_text(type_name(*field->type())), field->nullable());
  }
  std::string refused;
  for (const UnreadRow& row : sample.refused)
    refused += fmt::format("{}{{\"place\":{},\"reason\":{}}}", refused.empty() ? "" : ",", json_text(row.place),
                           json_text(row.reason));
  std::string shown;
  int64_t left = rows;
  for (const Rows& some : sample.rows) {
    const std::string lines = json_lines(*some->Slice(0, left));
    for (size_t at = 0; at < lines.size();) {
      const size_t end = lines.find('\n', at);
      shown += (shown.empty() ? "" : ",") + lines.substr(at, end - at);
      at = end + 1;
    }
    left -= std::min(left, some->num_rows());
  }
  return fmt::format(
      "{{\"kind\":\"{}\",\"name\":{},\"component\":{},\"from\":{},{}\"notes\":{},\"columns\":[{}],\"sample\":{{\"in\":{"
      "},\"out\":{},\"rejected\":{},\"refused\":[{}],\"rows\":[{}]}}}}",
      kind_name(node.kind), json_text(node.name), json_text(node.component), text_list(from),
      node.kind == PlanNode::Kind::sink ? fmt::format("\"target\":{},", json_text(node.sink.target)) : "",
      text_list(facts_of(node)), columns, sample.in, sample.out, sample.rejected, refused, shown);
}

constexpr int kRunsShown = 5;

std::vector<int64_t> next_runs(Env& env, const ScheduleSettings& settings) {
  std::vector<int64_t> runs;
  for (auto due = settings.schedule.next(env.now_us()); due && runs.size() < kRunsShown;
       due = settings.schedule.next(*due))
    runs.push_back(*due);
  return runs;
}

std::string schedule_text(Session& session, const ScheduleSettings& settings) {
  const auto& schedule = settings.schedule;
  std::string out = session.out_terminal.paint("schedule: ", Colour::bold) + schedule.text() + "\n";
  for (const Problem& note : settings.notes) out += set_in("note: " + note.text());
  for (const int64_t run : next_runs(session.env, settings)) {
    out += "  " + schedule.zone().text(run);
    if (schedule.zone().name() != "UTC") out += " (" + time_text(run).substr(11, 5) + " UTC)";
    out += "\n";
  }
  return out;
}

std::string schedule_json(Session& session, const ScheduleSettings& settings) {
  std::string runs;
  for (const int64_t run : next_runs(session.env, settings)) {
    runs += fmt::format("{}{{\"at_us\":{},\"at\":{}}}", runs.empty() ? "" : ",", run,
                        json_text(settings.schedule.zone().text(run)));
  }
  std::vector<std::string> notes;
  for (const Problem& note : settings.notes) notes.push_back(note.text());
  return fmt::format("\"schedule\":{{\"text\":{},\"zone\":{},\"notes\":{},\"next\":[{}]}},",
                     json_text(settings.schedule.text()), json_text(settings.schedule.zone().name()), text_list(notes),
                     runs);
}

/// As a run finds it: an epoch is done, or was saved and waits, or its checkpoint is there and damaged.
bool has_run(Env& env, const std::string& folder) {
  StateFolder state(env, folder);
  const auto taken = state.taken();
  const auto saved = state.saved(taken ? taken->last_epoch : 0);
  return !taken || taken->last_epoch > 0 || !saved || saved->newest || !saved->damaged.empty();
}

/// The parts that each have epochs of their own, where there are several.
std::vector<CommitGroup> groups_of(Session& session, const Pipeline& pipeline, const Plan& plan, Problems& problems) {
  auto known = read_known_groups(session.env, plan.state_folder);
  if (!known) return {};  // the run says so
  auto groups = commit_groups(plan, pipeline, has_run(session.env, plan.state_folder), *known, problems);
  return groups.size() > 1 ? groups : std::vector<CommitGroup>{};
}

std::string groups_text(Session& session, const Plan& plan, const std::vector<CommitGroup>& groups) {
  if (groups.empty()) return "";
  std::string out = "\n" + session.out_terminal.paint("commit groups: ", Colour::bold) +
                    "parts with epochs of their own, none of which waits for another\n";
  for (const CommitGroup& group : groups) {
    out += fmt::format("  {}: {}\n", group.name, fmt::join(names_of(plan, group.nodes), ", "));
  }
  return out;
}

std::string groups_json(const Plan& plan, const std::vector<CommitGroup>& groups) {
  if (groups.empty()) return "";
  std::string out;
  for (const CommitGroup& group : groups) {
    out += fmt::format("{}{{\"name\":{},\"nodes\":{}}}", out.empty() ? "" : ",", json_text(group.name),
                       text_list(names_of(plan, group.nodes)));
  }
  return "\"commit_groups\":[" + out + "],";
}

int plan_verb(Session& session, const Options& options) {
  session.set_variables(options.variables);
  Problems problems;
  const Pipeline pipeline = session.load(options.file, problems);
  if (!problems.empty()) return session.fail(problems);
  auto plan = make_plan(pipeline, session.components, session.env, problems);
  if (!problems.empty()) return session.fail(problems);
  if (!plan) return session.fail(plan.error());
  const auto bound = endpoints::bind_endpoints(pipeline, *plan, session.components, session.env, problems);
  if (!problems.empty()) return session.fail(problems);
  if (!bound) return session.fail(bound.error());
  const auto groups = groups_of(session, pipeline, *plan, problems);
  if (!problems.empty()) return session.fail(problems);
  auto samples = sample_plan(*plan);
  if (!samples) return session.fail(samples.error());
  std::string nodes;
  for (size_t i = 0; i < plan->nodes.size(); ++i) {
    const NodeSample& sample = (*samples)[i];
    nodes += options.json ? (i > 0 ? "," : "") + node_json(*plan, i, sample, options.rows)
                          : "\n" + node_text(session, *plan, i, sample, options.rows);
  }
  const std::string budget = plan->max_rejects.text();
  const auto& schedule = pipeline.settings.schedule;
  if (options.json) {
    session.out(fmt::format(
        "{{\"pipeline\":{},\"lanes\":{},\"memory_bytes\":{},\"max_rejects\":{},{}\"nodes\":[{}]}}\n",
        json_text(plan->pipeline), plan->lanes, plan->memory_bytes, json_text(budget),
        (schedule ? schedule_json(session, *schedule) : "") + groups_json(*plan, groups) + stores_json(*plan, *bound),
        nodes));
    return done;
  }
  session.out(fmt::format("{}: {} {}, {} of memory, {} rejects allowed; nothing was written\n{}", plan->pipeline,
                          plan->lanes, plan->lanes == 1 ? "lane" : "lanes", bytes_text(plan->memory_bytes), budget,
                          (schedule ? "\n" + schedule_text(session, *schedule) : "") +
                              groups_text(session, *plan, groups) + nodes +
                              stores_text(session.out_terminal, *plan, *bound)));
  return done;
}

}  // namespace

void add_plan(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb = add_verb(
      app, "plan",
      "Show what a pipeline would do: guesses, schemas, DDL, sample rows, would-be rejects; writes nothing",
      "  trommel plan pipeline.yaml\n  trommel plan pipeline.yaml --rows 20\n  trommel plan pipeline.yaml --json");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->file, "Pipeline file")->required()->type_name("");
  verb->add_option("--rows", options->rows, "Sample rows shown per sink, 20 at most")
      ->capture_default_str()
      ->check(CLI::Range(0, 20))
      ->type_name("N");
  verb->add_flag("--json", options->json, "As one JSON object");
  add_variables(*verb, options->variables);
  verb->callback(
      [&session, &action, options] { action = [&session, options] { return plan_verb(session, *options); }; });
}

}  // namespace trommel::cli
