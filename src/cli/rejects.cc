#include "engine/rejects.h"

#include <fmt/format.h>

#include "cli/verb.h"
#include "telemetry/log.h"
#include "telemetry/numbers.h"
#include "telemetry/table.h"

namespace trommel::cli {

namespace {

struct Options {
  std::string of, reason, stage;
  std::vector<std::string> variables;
  int64_t limit = 20;
  bool json = false;
};

/// The state folder of a pipeline file, of a pipeline's name (`.trommel/NAME`), or the folder itself.
Result<std::string> state_folder(Session& session, const Options& options, Problems& problems) {
  const std::string& of = options.of;
  if (of.ends_with(".yaml") || of.ends_with(".yml")) return session.load(of, problems).settings.state;
  for (const std::string& folder : {of, join_path(".trommel", of)}) {
    const auto info = session.env.info(folder);
    if (info && info->is_directory) return folder;
  }
  return external_error(of, "no pipeline of this name has run here",
                        "give the pipeline file, or a name below .trommel");
}

std::string where_published(const Reject& reject) {
  return reject.published ? "" : "  (of a run that published nothing)";
}

int list(Session& session, const std::string& folder, const Options& options) {
  auto groups = group_rejects(session.env, folder);
  if (!groups) return session.fail(groups.error());
  if (options.json) {
    for (const RejectGroup& group : *groups) {
      session.out(fmt::format("{{\"stage\":{},\"reason\":{},\"column\":{},\"rows\":{},\"example\":{}}}\n",
                              json_text(group.stage), json_text(group.code), json_text(group.column), group.rows,
                              reject_line(group.example)));
    }
    return done;
  }
  if (groups->empty()) {
    session.out("no rejects\n");
    return done;
  }
  Table table({{"rows", Table::Align::right},
               {"stage"},
               {"reason"},
               {"column"},
               {"example"},
               {"where", Table::Align::left, true}});
  for (const RejectGroup& group : *groups) {
    table.add(
        {count_text(group.rows), group.stage, group.code, group.column, group.example.reason, group.example.place()});
  }
  session.out(table.text(session.out_terminal.width));
  return done;
}

void show_one(Session& session, const Reject& reject) {
  const Terminal& terminal = session.out_terminal;
  std::string text = terminal.paint(reject.place(), Colour::bold) + where_published(reject) + "\n";
  text += fmt::format("  {} at {}{}\n", reject.code, reject.stage,
                      reject.column.empty() ? "" : ", column " + printable(reject.column));
  text += fmt::format("  {}\n", printable(reject.reason));
  if (!reject.raw.empty()) text += fmt::format("  | {}{}\n", printable(reject.raw), reject.raw_cut ? " … (cut)" : "");
  session.out(text);
}

int show(Session& session, const std::string& folder, const Options& options) {
  int64_t shown = 0, more = 0;
  auto read = for_each_reject(session.env, folder, [&](const Reject& reject) {
    if (!options.reason.empty() && reject.code != options.reason) return true;
    if (!options.stage.empty() && reject.stage != options.stage) return true;
    if (options.limit > 0 && shown == options.limit) {
      ++more;
      return true;
    }
    ++shown;
    if (options.json) {
      session.out(reject_line(reject) + "\n");
    } else {
      show_one(session, reject);
    }
    return true;
  });
  if (!read) return session.fail(read.error());
  if (more > 0 && !options.json) session.out(fmt::format("… and {} more (--limit 0 shows all)\n", count_text(more)));
  if (shown == 0 && !options.json) session.out("no rejects\n");
  return done;
}

int rejects(Session& session, const Options& options, int (*verb)(Session&, const std::string&, const Options&)) {
  session.set_variables(options.variables);
  Problems problems;
  auto folder = state_folder(session, options, problems);
  if (!problems.empty()) return session.fail(problems);
  if (!folder) return session.fail(folder.error());
  return verb(session, *folder, options);
}

void common_options(CLI::App* verb, Options& options) {
  verb->add_option("PIPELINE", options.of, "Pipeline file, or name of a pipeline that ran in this folder")
      ->required()
      ->type_name("");
  verb->add_flag("--json", options.json, "One JSON object a line");
  add_variables(*verb, options.variables);
}

}  // namespace

void add_rejects(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb = add_verb(app, "rejects", "Look at the rows that were refused",
                            "  trommel rejects list pipeline.yaml              # grouped by reason\n"
                            "  trommel rejects show pipeline.yaml --limit 5    # raw line and its place in the file");
  verb->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* list_verb = add_verb(*verb, "list", "Rejects by stage, reason and column, with an example of each",
                                 "  trommel rejects list pipeline.yaml\n  trommel rejects list flights --json");
  common_options(list_verb, *options);
  list_verb->callback(
      [&session, &action, options] { action = [&session, options] { return rejects(session, *options, list); }; });
  CLI::App* show_verb = add_verb(
      *verb, "show", "Rejected rows one by one: why, the line as it came, and where it lies",
      "  trommel rejects show pipeline.yaml\n  trommel rejects show pipeline.yaml --reason cast --limit 0 --json");
  common_options(show_verb, *options);
  show_verb->add_option("--limit", options->limit, "Rows shown; 0: all")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber)
      ->type_name("ROWS");
  show_verb->add_option("--reason", options->reason, "Only this reason, such as cast")->type_name("REASON");
  show_verb->add_option("--stage", options->stage, "Only of this part of the pipeline")->type_name("NAME");
  show_verb->callback(
      [&session, &action, options] { action = [&session, options] { return rejects(session, *options, show); }; });
}

}  // namespace trommel::cli
