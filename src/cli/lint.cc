#include <fmt/format.h>

#include "cli/verb.h"
#include "endpoints/endpoint.h"
#include "engine/plan.h"
#include "telemetry/log.h"

namespace trommel::cli {

namespace {

struct Options {
  std::vector<std::string> files, variables;
  bool json = false;
};

std::string problem_json(const Problem& problem) {
  return fmt::format("{{\"file\":{},\"line\":{},\"column\":{},\"what\":{},\"hint\":{}}}", json_text(problem.place.file),
                     problem.place.line, problem.place.column, json_text(problem.what), json_text(problem.hint));
}

/// Settings that name columns are checked by binding, which looks at the data too.
void lint_file(Session& session, const std::string& file, bool aloud, Problems& problems) {
  const size_t before = problems.size();
  const Pipeline pipeline = session.load(file, problems);
  if (aloud && pipeline.settings.schedule) {
    for (const Problem& note : pipeline.settings.schedule->notes)
      session.note(
          fmt::format("{}: note: {}{}", note.place.text(), note.what, note.hint.empty() ? "" : " (" + note.hint + ")"));
  }
  if (const auto missing = session.missing_data(pipeline)) {
    if (aloud) session.warn("columns were not checked: " + missing->text());
  } else if (auto plan = make_plan(pipeline, session.components, session.env, problems); !plan) {
    problems.add(Place{file, 0, 0}, plan.error().text());
  } else if (problems.size() == before) {
    const auto bound = endpoints::bind_endpoints(pipeline, *plan, session.components, session.env, problems);
    if (!bound) problems.add(Place{file, 0, 0}, bound.error().text());
  }
  if (problems.size() == before && aloud) session.note(fmt::format("{}: no mistake found", file));
}

int lint(Session& session, const Options& options) {
  session.set_variables(options.variables);
  Problems problems;
  for (const std::string& file : options.files) lint_file(session, file, !options.json, problems);
  if (!options.json) return problems.empty() ? static_cast<int>(done) : session.fail(problems);
  std::string list;
  for (const Problem& problem : problems.sorted()) list += (list.empty() ? "" : ",") + problem_json(problem);
  session.out("[" + list + "]\n");
  return problems.empty() ? done : wrong_config;
}

}  // namespace

void add_lint(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb = add_verb(app, "lint", "Check pipeline files and say every mistake at once, with its line",
                            "  trommel lint pipeline.yaml\n  trommel lint examples/*/pipeline.yaml\n  trommel lint "
                            "pipeline.yaml --json   # for editors");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->files, "Pipeline files")->required()->type_name("");
  verb->add_flag("--json", options->json, "The mistakes as a JSON list");
  add_variables(*verb, options->variables);
  verb->callback([&session, &action, options] { action = [&session, options] { return lint(session, *options); }; });
}

}  // namespace trommel::cli
