#include "cli/rejects.h"

#include <fmt/format.h>

#include <algorithm>

#include "batch/text_value.h"
#include "cli/verb.h"
#include "engine/checkpoint.h"
#include "engine/commit_groups.h"
#include "engine/replay.h"
#include "spec/spec.h"
#include "telemetry/log.h"
#include "telemetry/numbers.h"
#include "telemetry/table.h"

namespace trommel::cli {

namespace {

using Options = RejectOptions;

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

/// Those that came back, unless all are wanted.
Result<std::set<std::string>> left_out(Session& session, const std::string& folder, const Options& options) {
  if (options.all) return std::set<std::string>();
  return replayed_ids(session.env, folder);
}

/// What the checkpoints say of all epochs, and whether the logs agree.
Result<std::string> life_of_rejects(Session& session, const std::string& folder, int64_t still_there) {
  int64_t rejected = 0, replayed = 0;
  Epoch since = 0;
  bool on_the_way = false;
  for (const GroupFolder& group : group_folders(session.env, folder)) {
    StateFolder state(session.env, group.folder);
    ASSIGN(const auto last, state.newest());
    if (!last || last->life.until == 0) continue;
    rejected += last->life.rejected;
    replayed += last->life.replayed;
    since = std::max(since, last->life.since);
    ASSIGN(const auto taken, state.taken());
    on_the_way = on_the_way || taken.last_epoch < last->epoch;
  }
  if (since == 0) return std::string();
  const int64_t open = rejected - replayed;
  std::string text = fmt::format("{} rejected since epoch {}, {} replayed, {} left", rows_text(rejected), since,
                                 count_text(replayed), count_text(open));
  if (on_the_way) return text + "; the last epoch is still to be published, by the next run\n";
  if (still_there < open)
    text += fmt::format(", {} of these past `rejects: max_age` or `max_size`", count_text(open - still_there));
  if (still_there > open && since == 1)
    return internal_error(folder, fmt::format("the logs hold {} rejects that were not replayed, the checkpoint says {}",
                                              still_there, open));
  return text + "\n";
}

int list(Session& session, const std::string& folder, const Options& options) {
  const auto replayed = left_out(session, folder, options);
  if (!replayed) return session.fail(replayed.error());
  auto groups = group_rejects(session.env, folder, *replayed);
  if (!groups) return session.fail(groups.error());
  if (options.json) {
    for (const RejectGroup& group : *groups) {
      session.out(fmt::format("{{\"stage\":{},\"reason\":{},\"column\":{},\"rows\":{},\"example\":{}}}\n",
                              json_text(group.stage), json_text(group.code), json_text(group.column), group.rows,
                              reject_line(group.example)));
    }
    return done;
  }
  int64_t left = 0;
  for (const RejectGroup& group : *groups) left += group.example.published ? group.rows : 0;
  const auto life = options.all ? Result<std::string>("") : life_of_rejects(session, folder, left);
  if (!life) return session.fail(life.error());
  if (groups->empty()) {
    session.out("no rejects\n" + *life);
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
  session.out(table.text(session.out_terminal.width) + *life);
  return done;
}

void show_one(Session& session, const Reject& reject) {
  const Terminal& terminal = session.out_terminal;
  std::string text = terminal.paint(reject.place(), Colour::bold) + where_published(reject) + "\n";
  text += fmt::format("  {} at {}{}, id {}\n", reject.code, reject.stage,
                      reject.column.empty() ? "" : ", column " + printable(reject.column), reject.id);
  text += fmt::format("  {}\n", printable(reject.reason));
  if (!reject.raw.empty()) text += fmt::format("  | {}{}\n", printable(reject.raw), reject.raw_cut ? " … (cut)" : "");
  session.out(text);
}

int show(Session& session, const std::string& folder, const Options& options) {
  const auto replayed = left_out(session, folder, options);
  if (!replayed) return session.fail(replayed.error());
  std::vector<std::string> others;
  const auto chosen = chosen_by(options, session.env.now_us(), others);
  if (!chosen) return session.fail(chosen.error());
  if (!others.empty()) return session.wrong("`" + others.front() + "` is not the id of a reject", "16 hex digits");
  int64_t shown = 0, more = 0;
  auto read = for_each_reject(session.env, folder, [&](const Reject& reject) {
    if (!chosen->has(reject) || replayed->contains(reject.id)) return true;
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
  verb->add_flag("--all", options.all, "Those that were replayed too");
  add_variables(*verb, options.variables);
}

void choice_options(CLI::App* verb, Options& options) {
  verb->add_option("--reason", options.reason, "Only this reason, such as cast")->type_name("REASON");
  verb->add_option("--stage", options.stage, "Only of this part of the pipeline")->type_name("NAME");
  verb->add_option("--since", options.since, "Only those of a time on (2026-11-01, in UTC), or of the last while (2d)")
      ->type_name("TIME");
}

CLI::Option* where_option(CLI::App* verb, Options& options) {
  return verb
      ->add_option("--where", options.where, "Only those for which this holds: SQL over the columns of the export")
      ->type_name("SQL");
}

void pipeline_option(CLI::App* verb, Options& options) {
  verb->add_option("PIPELINE", options.of, "Pipeline file")->required()->type_name("");
  add_variables(*verb, options.variables);
}

void add_list(CLI::App& above, Session& session, Action& action, const std::shared_ptr<Options>& options) {
  CLI::App* verb = add_verb(above, "list", "Rejects by stage, reason and column, with an example of each",
                            "  trommel rejects list pipeline.yaml\n  trommel rejects list flights --json");
  common_options(verb, *options);
  verb->callback(
      [&session, &action, options] { action = [&session, options] { return rejects(session, *options, list); }; });
}

void add_show(CLI::App& above, Session& session, Action& action, const std::shared_ptr<Options>& options) {
  CLI::App* verb = add_verb(
      above, "show", "Rejected rows one by one: why, the line as it came, and where it lies",
      "  trommel rejects show pipeline.yaml\n  trommel rejects show pipeline.yaml --reason cast --limit 0 --json");
  common_options(verb, *options);
  verb->add_option("ID", options->names, "Only these")->type_name("");
  verb->add_option("--limit", options->limit, "Rows shown; 0: all")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber)
      ->type_name("ROWS");
  choice_options(verb, *options);
  verb->callback(
      [&session, &action, options] { action = [&session, options] { return rejects(session, *options, show); }; });
}

void add_export(CLI::App& above, Session& session, Action& action, const std::shared_ptr<Options>& options) {
  CLI::App* verb = add_verb(above, "export", "Rejects as a file that a person can edit, for `rejects replay`",
                            "  trommel rejects export pipeline.yaml bad.csv\n"
                            "  trommel rejects export pipeline.yaml bad.jsonl --stage tidy --since 2d");
  pipeline_option(verb, *options);
  verb->add_option("OUT", options->out, "FILE.csv, FILE.jsonl, or - for CSV on standard output")
      ->required()
      ->type_name("");
  verb->add_option("ID", options->names, "Only these")->type_name("");
  choice_options(verb, *options);
  where_option(verb, *options);
  verb->callback(
      [&session, &action, options] { action = [&session, options] { return export_rejects(session, *options); }; });
}

void add_replay(CLI::App& above, Session& session, Action& action, const std::shared_ptr<Options>& options) {
  CLI::App* verb =
      add_verb(above, "replay", "Bring rejects back: mended, or as they are where the pipeline was mended",
               "  trommel rejects replay pipeline.yaml bad.csv             # an edited export\n"
               "  trommel rejects replay pipeline.yaml --sql \"SELECT * REPLACE (replace(amount, ',', '.') AS amount) "
               "FROM rejects\"\n"
               "  trommel rejects replay pipeline.yaml                     # the contract was corrected\n"
               "  trommel rejects replay pipeline.yaml 9f86d081884c7d65\n\n"
               "Each row enters where it was rejected, and reaches the sinks once: a second replay adds nothing.");
  pipeline_option(verb, *options);
  verb->add_option("WHAT", options->names, "An edited export, or ids; left out: all of them")->type_name("");
  choice_options(verb, *options);
  CLI::Option* where = where_option(verb, *options);
  verb->add_option("--sql", options->sql, "A SELECT over the table `rejects` that gives the rows as they come back")
      ->excludes(where)
      ->type_name("SQL");
  verb->add_option("--max-rejects", options->max_rejects,
                   "Rows that may be rejected again before nothing is published; left out: any number")
      ->check(reject_budget_option)
      ->type_name("N");
  verb->add_flag("--json", options->json, "The report on standard output in place of the balance sheet");
  verb->callback(
      [&session, &action, options] { action = [&session, options] { return replay_rejects(session, *options); }; });
}

}  // namespace

bool is_reject_id(const std::string& text) {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool Chosen::has(const Reject& reject) const {
  return (reason.empty() || reject.code == reason) && (stage.empty() || reject.stage == stage) &&
         reject.at_us >= since_us && (ids.empty() || ids.contains(reject.id));
}

Result<Chosen> chosen_by(const RejectOptions& options, int64_t now_us, std::vector<std::string>& others) {
  Chosen chosen{options.reason, options.stage, 0, {}};
  for (const std::string& name : options.names) {
    if (is_reject_id(name)) {
      chosen.ids.insert(name);
    } else {
      others.push_back(name);
    }
  }
  if (options.since.empty()) return chosen;
  if (const auto ago = parse_duration(options.since)) {
    chosen.since_us = now_us - ago->us;
  } else if (const auto day = date_from_text(options.since)) {
    chosen.since_us = int64_t{*day} * 86'400'000'000;
  } else if (const auto time = timestamp_from_text(options.since, 1'000'000)) {
    chosen.since_us = time->value;
  } else {
    return config_error("--since", "`" + options.since + "` is neither a time nor a while",
                        "such as 2026-11-01, 2026-11-01T06:00 or 2d");
  }
  return chosen;
}

void add_rejects(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb = add_verb(app, "rejects", "Look at the rows that were refused, mend them, and bring them back",
                            "  trommel rejects list pipeline.yaml              # grouped by reason\n"
                            "  trommel rejects show pipeline.yaml --limit 5    # raw line and its place in the file\n"
                            "  trommel rejects export pipeline.yaml bad.csv    # to be edited\n"
                            "  trommel rejects replay pipeline.yaml bad.csv    # and back they come");
  verb->require_subcommand(1);
  auto options = std::make_shared<Options>();
  add_list(*verb, session, action, options);
  add_show(*verb, session, action, options);
  add_export(*verb, session, action, options);
  add_replay(*verb, session, action, options);
}

}  // namespace trommel::cli
