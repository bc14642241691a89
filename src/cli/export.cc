// A schedule for those who keep it outside: units of systemd, lines of a crontab.
#include <fmt/format.h>

#include <filesystem>

#include "cli/verb.h"
#include "endpoints/serving.h"
#include "schedule/outside.h"

namespace trommel::cli {

namespace {

struct Options {
  std::string file, to, program;
  std::vector<std::string> variables;
};

std::string absolute(const std::string& path) {
  std::error_code error;
  const auto full = std::filesystem::absolute(path, error);
  return error ? path : full.lexically_normal().string();
}

std::string own_path() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "trommel" : path.string();
}

/// What is the same for all of them.
struct Exported {
  std::string name, file, folder, note;
  std::vector<std::string> words;  ///< of the command, without `--once`
  const ScheduleSettings* settings = nullptr;
};

Result<Exported> exported(const Pipeline& pipeline, const Options& options, int64_t now_us) {
  if (!pipeline.settings.schedule) {
    return config_error(pipeline.file, "has no `schedule`",
                        "write one, such as schedule: { cron: \"0 6 * * *\", zone: Europe/Berlin }");
  }
  Exported out;
  out.name = pipeline.name;
  out.file = pipeline.file;
  out.folder = absolute(pipeline.folder);
  out.settings = &*pipeline.settings.schedule;
  out.words = {options.program.empty() ? own_path() : options.program, "run", absolute(options.file), "--quiet"};
  for (const std::string& variable : options.variables) out.words.insert(out.words.end(), {"-D", variable});
  const auto& schedule = out.settings->schedule;
  const auto* every = std::get_if<schedule::Every>(&schedule.rule());
  if (every != nullptr && schedule.zone().shown(every->from, every->at).first_us > now_us)
    out.note = fmt::format("to begin on {}, which cannot be said: it runs before too", schedule::day_text(every->from));
  return out;
}

// ---- systemd -----------------------------------------------------------------------------------------------------

/// systemd.service(5), "Command lines": `%` and `$` stand for themselves when doubled.
std::string systemd_word(const std::string& word) {
  std::string out;
  bool plain = !word.empty();
  for (const char c : word) {
    if (c == '%' || c == '$') out += c;
    if (c == '"' || c == '\\') out += '\\';
    out += c;
    plain = plain && std::string_view(" \t\"'\\;").find(c) == std::string_view::npos;
  }
  return plain ? out : "\"" + out + "\"";
}

std::string systemd_command(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + systemd_word(word);
  return out;
}

std::string in_path(const std::string& path) {
  std::string out;
  for (const char c : path) out += c == '%' ? std::string("%%") : std::string(1, c);
  return out;
}

struct Unit {
  std::string file, text;
};

std::vector<Unit> units_of(const Exported& of) {
  const std::string unit = "trommel-" + of.name;
  const std::string head = fmt::format("[Unit]\nDescription=trommel pipeline {}\n", of.name);
  const auto& schedule = of.settings->schedule;
  const auto calendar = schedule::on_calendar(schedule);
  const std::string where = fmt::format("WorkingDirectory={}\n", in_path(of.folder));
  if (!calendar) {
    return {{unit + ".service",
             fmt::format("# OnCalendar has no words for {}: the service stays, and keeps the schedule itself.\n"
                         "# To be put into /etc/systemd/system, then: systemctl enable --now {}.service\n"
                         "{}\n[Service]\n{}ExecStart={}\nRestart=on-failure\nRestartSec=60\n\n"
                         "[Install]\nWantedBy=multi-user.target\n",
                         schedule.text(), unit, head, where, systemd_command(of.words))}};
  }
  auto once = of.words;
  once.emplace_back("--once");
  std::string when;
  for (const std::string& line : *calendar) when += "OnCalendar=" + line + "\n";
  std::string notes = fmt::format("# {}.\n", schedule.text());
  if (of.settings->missed == Missed::all)
    notes += "# `missed: all` cannot be said: systemd makes up for all with one run.\n";
  if (!of.note.empty()) notes += "# It is " + of.note + ".\n";
  if (schedule.zone().name() != "UTC") notes += "# Where clocks change systemd goes by rules of its own.\n";
  return {
      {unit + ".service", head + "\n[Service]\nType=oneshot\n" + where + "ExecStart=" + systemd_command(once) + "\n"},
      {unit + ".timer",
       fmt::format("{}# To be put into /etc/systemd/system beside {}.service, then: systemctl enable --now "
                   "{}.timer\n{}\n[Timer]\n{}Persistent={}\nAccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n",
                   notes, unit, unit, head, when, of.settings->missed == Missed::skip ? "false" : "true")}};
}

int systemd(Session& session, const Exported& of, const Options& options) {
  for (const Unit& unit : units_of(of)) {
    if (options.to.empty()) {
      session.out(fmt::format("# ---- {}\n{}\n", unit.file, unit.text));
      continue;
    }
    const std::string path = join_path(options.to, unit.file);
    if (auto made = session.env.make_directories(options.to); !made) return session.fail(made.error());
    if (auto written = session.env.write_text(path, unit.text); !written) return session.fail(written.error());
    session.note(path);
  }
  return done;
}

// ---- cron --------------------------------------------------------------------------------------------------------

/// For the shell, and for cron, to which `%` is a line feed unless a backslash stands before it.
std::string cron_word(const std::string& word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  out += "'";
  std::string escaped;
  for (const char c : out) escaped += c == '%' ? std::string("'\\%'") : std::string(1, c);
  return escaped;
}

int cron(Session& session, const Exported& of, const Options&) {
  const auto& schedule = of.settings->schedule;
  const auto table = schedule::cron_table(schedule);
  if (!table) {
    return session.fail(Error{Error::Domain::config, of.file, fmt::format("cron has no words for {}", schedule.text()),
                              "`trommel run` keeps it itself, as a service too: `trommel export systemd`", false});
  }
  std::string out = fmt::format("# trommel pipeline {}: {}.\n", of.name, schedule.text());
  out += "# CRON_TZ is understood by cronie; Debian's cron ignores it and goes by the clock of the system.\n";
  if (of.settings->missed != Missed::skip) out += "# What is missed while the machine is off is not made up for.\n";
  if (!of.note.empty()) out += "# It is " + of.note + ".\n";
  out += "CRON_TZ=" + table->zone + "\n";
  std::string command = "cd " + cron_word(of.folder) + " &&";
  for (const std::string& word : of.words) command += " " + cron_word(word);
  for (const std::string& fields : table->fields) out += fields + " " + command + " --once\n";
  session.out(out);
  return done;
}

/// Loads the pipeline, and hands its schedule to `write`.
int export_as(Session& session, const Options& options,
              int (*write)(Session& session, const Exported& of, const Options& options)) {
  session.set_variables(options.variables);
  Problems problems;
  const Pipeline pipeline = session.load(options.file, problems);
  if (!problems.empty()) return session.fail(problems);
  const auto of = exported(pipeline, options, session.env.now_us());
  return of ? write(session, *of, options) : session.fail(of.error());
}

// ---- OpenAPI -----------------------------------------------------------------------------------------------------

int openapi(Session& session, const Options& options) {
  session.set_variables(options.variables);
  Problems problems;
  const Pipeline pipeline = session.load(options.file, problems);
  if (!problems.empty()) return session.fail(problems);
  const auto plan = make_plan(pipeline, session.components, session.env, problems);
  if (!problems.empty()) return session.fail(problems);
  if (!plan) return session.fail(plan.error());
  const auto bound = endpoints::bind_endpoints(pipeline, *plan, session.components, session.env, problems);
  if (!problems.empty()) return session.fail(problems);
  if (!bound) return session.fail(bound.error());
  const auto routes = std::make_shared<server::Routes>();
  const auto added = routes->add(endpoints::endpoint_routes(*bound));
  session.out(endpoints::openapi_json(endpoints::api_info(pipeline, session.version), routes->all()));
  return done;
}

CLI::App* add_export_verb(CLI::App& parent, const std::string& name, const std::string& help,
                          const std::string& examples, Options& options) {
  CLI::App* verb = add_verb(parent, name, help, examples);
  verb->add_option("FILE", options.file, "Pipeline file")->required()->type_name("");
  verb->add_option("--program", options.program, "The trommel that is to be called; left out, this one")
      ->type_name("FILE");
  add_variables(*verb, options.variables);
  return verb;
}

}  // namespace

void add_export(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb = add_verb(app, "export", "A pipeline's schedule or API, in the words of others",
                            "  trommel export systemd pipeline.yaml --to units\n  trommel export cron pipeline.yaml\n"
                            "  trommel export openapi pipeline.yaml > openapi.json");
  verb->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* units = add_export_verb(*verb, "systemd", "A service and its timer",
                                    "  trommel export systemd pipeline.yaml\n"
                                    "  trommel export systemd pipeline.yaml --to /etc/systemd/system",
                                    *options);
  units->add_option("--to", options->to, "Folder for the unit files; left out, standard output")->type_name("DIR");
  units->callback(
      [&session, &action, options] { action = [&session, options] { return export_as(session, *options, systemd); }; });
  CLI::App* lines = add_export_verb(*verb, "cron", "Lines of a crontab",
                                    "  trommel export cron pipeline.yaml\n"
                                    "  (crontab -l; trommel export cron pipeline.yaml) | crontab -",
                                    *options);
  lines->callback(
      [&session, &action, options] { action = [&session, options] { return export_as(session, *options, cron); }; });
  CLI::App* api = add_verb(*verb, "openapi", "The OpenAPI 3.1 document of its endpoints",
                           "  trommel export openapi pipeline.yaml > openapi.json");
  api->add_option("FILE", options->file, "Pipeline file")->required()->type_name("");
  add_variables(*api, options->variables);
  api->callback([&session, &action, options] { action = [&session, options] { return openapi(session, *options); }; });
}

}  // namespace trommel::cli
