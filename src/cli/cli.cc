#include "cli/cli.h"

#include <fmt/format.h>

#include <csignal>

#include "cli/verb.h"
#include "config/parts.h"

namespace trommel {

namespace cli {

namespace {

/// `trommel run [OPTIONS] FILE`, blocks set apart by one empty line, text within a hundred columns.
class Help : public CLI::Formatter {
 public:
  Help() {
    label("SUBCOMMAND", "VERB");
    label("Subcommands", "Verbs");
    label("Positionals", "Arguments");
    label("REQUIRED", "");
    column_width(26);
  }
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    for (size_t at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n")) text.erase(at, 1);
    while (text.ends_with('\n')) text.pop_back();
    return text + '\n';
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text;
    const std::string type = option->get_type_name();  // CLI11 writes its checks after a colon
    if (!type.empty()) text += " " + type.substr(0, type.find(':'));
    if (!option->get_default_str().empty()) text += " = " + option->get_default_str();
    return text;
  }
};

}  // namespace

CLI::App* add_verb(CLI::App& app, const std::string& name, const std::string& help, const std::string& examples) {
  CLI::App* verb = app.add_subcommand(name, help);
  verb->group("Verbs");
  verb->footer("\nExamples:\n" + examples);
  return verb;
}

void add_variables(CLI::App& verb, std::vector<std::string>& definitions) {
  verb.add_option("-D,--set", definitions, "NAME=value for ${NAME} in the pipeline file; may be given again")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->check([](const std::string& text) {
        return text.find('=') == std::string::npos || text.front() == '=' ? "NAME=value is wanted, not " + text
                                                                          : std::string();
      });
}

std::string byte_size_option(const std::string& text) {
  return parse_byte_size(text) ? "" : text + " is no number of bytes, such as 512MB or 2GB";
}

std::string reject_budget_option(const std::string& text) {
  return parse_reject_budget(text) ? "" : text + " is neither a number of rows nor a share, such as 100 or 0.1%";
}

namespace {

constexpr const char* examples =
    "\nExamples:\n"
    "  trommel convert flights.csv.zip flights.parquet   a file as another format\n"
    "  trommel query flights.parquet 'select count(*) from data'\n"
    "  trommel plan pipeline.yaml                        what a pipeline would do\n"
    "  trommel run pipeline.yaml                         do it\n"
    "\nExit codes: 0 done, 1 refused by the data or the outside, 2 internal error, 64 wrong command line, 78 wrong "
    "configuration.\n"
    "`trommel VERB --help` says more about each.";

std::vector<std::string> verb_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(verb->get_name());
  return names;
}

// The innermost verb that was typed: its help is the one to point to.
std::string typed(const CLI::App& app) {
  std::string words = "trommel";
  for (const CLI::App* verb = &app; !verb->get_subcommands().empty();) {
    verb = verb->get_subcommands().front();
    words += " " + verb->get_name();
  }
  return words;
}

int usage_error(Session& session, const CLI::App& app, const CLI::ParseError& error) {
  std::string what = error.what();
  if (what == "A subcommand is required") what = typed(app) + " needs one verb more";
  return session.wrong(what, fmt::format("see `{} --help`", typed(app)));
}

// A first word that is no verb; CLI11 alone would call it an unexpected argument.
int unknown_verb(Session& session, const CLI::App& app, const std::string& word) {
  const std::vector<std::string> names = verb_names(app);
  const std::string near = did_you_mean(word, names);
  return session.wrong(
      fmt::format("there is no verb `{}`", printable(word)),
      near.empty() ? fmt::format("verbs: {}", fmt::join(names, ", ")) : fmt::format("did you mean `{}`?", near));
}

bool is_verb(const CLI::App& app, const std::string& word) {
  const std::vector<std::string> names = verb_names(app);
  return std::find(names.begin(), names.end(), word) != names.end();
}

}  // namespace
}  // namespace cli

int run_command(int argc, char** argv, const Components& components, const std::string& version_text) {
  using namespace cli;
  std::signal(SIGPIPE, SIG_IGN);
  Session session(real_env(), components, version_text);
  CLI::App app("trommel: takes raw data in, cleans and checks it, and delivers every row or says why not.", "trommel");
  Action action;
  bool version = false;
  app.add_flag("--version", version, "Print the version");
  app.formatter(std::make_shared<Help>());
  app.footer(examples);
  app.require_subcommand(0, 1);
  app.failure_message(CLI::FailureMessage::simple);
  add_convert(app, session, action);
  add_preview(app, session, action);
  add_profile(app, session, action);
  add_query(app, session, action);
  add_init(app, session, action);
  add_lint(app, session, action);
  add_plan(app, session, action);
  add_run(app, session, action);
  add_serve(app, session, action);
  add_status(app, session, action);
  add_rejects(app, session, action);
  add_export(app, session, action);
  add_describe(app, session, action);
  add_completion(app, session, action);
  add_version(app, session, action);

  if (argc > 1 && argv[1][0] != '-' && !is_verb(app, argv[1])) return unknown_verb(session, app, argv[1]);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const CLI::App* verb = &app;
    std::string before;
    while (!verb->get_subcommands().empty()) {
      before += (before.empty() ? "" : " ") + verb->get_name();
      verb = verb->get_subcommands().front();
    }
    session.out(verb->help(before));
    return done;
  } catch (const CLI::ParseError& error) {
    return usage_error(session, app, error);
  }
  if (version) {
    session.out("trommel " + session.version + "\n");
    return done;
  }
  if (!action) {
    session.err.print(app.help());
    return wrong_usage;
  }
  return action();
}

}  // namespace trommel
