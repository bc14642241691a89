#include "cli/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "engine/plan.h"

namespace trommel::cli {

namespace {

template <class Kinds>
void check_parts(const Kinds& kinds, const std::vector<Part>& parts, Problems& problems) {
  for (const Part& part : parts) {
    for (const auto& kind : kinds) {
      if (kind.spec->name == part.component) check_settings(*kind.spec, part.settings, problems);
    }
  }
}

}  // namespace

Session::Session(Env& the_env, const Components& the_components, std::string the_version)
    : env(the_env),
      components(the_components),
      version(std::move(the_version)),
      err(terminal_of(2)),
      out_terminal(terminal_of(1)) {}

void Session::out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(1, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EPIPE) std::_Exit(done);
    if (written <= 0) {
      fail(Error{Error::Domain::external,
                 "standard output",
                 std::string("cannot be written: ") + std::strerror(errno),
                 {},
                 false});
      std::_Exit(refused);
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
}

int exit_code(const Error& error) {
  switch (error.domain) {
    case Error::Domain::config:
      return wrong_config;
    case Error::Domain::data:
    case Error::Domain::external:
      return refused;
    case Error::Domain::internal:
      return internal_mistake;
  }
  return internal_mistake;
}

int Session::fail(const Error& error) {
  err.end_live();
  const std::string kind = error.domain == Error::Domain::internal ? "internal error:" : "error:";
  err.print(fmt::format("{} {}", err.terminal().paint(kind, Colour::red), error.text()));
  return exit_code(error);
}

int Session::fail(const Problems& problems) {
  err.end_live();
  auto sorted = problems.sorted();
  const auto typed = std::stable_partition(
      sorted.begin(), sorted.end(), [](const Problem& problem) { return problem.place.file == on_command_line; });
  for (auto problem = sorted.begin(); problem != typed; ++problem) wrong(problem->what, problem->hint);
  sorted.erase(sorted.begin(), typed);
  if (sorted.empty()) return wrong_usage;
  for (const Problem& problem : sorted) {
    const std::string place = problem.place.text();
    const std::string hint =
        problem.hint.empty() ? "" : " " + err.terminal().paint("(" + problem.hint + ")", Colour::cyan);
    err.print(fmt::format("{}{}{}{}", err.terminal().paint(place, Colour::bold), place.empty() ? "" : ": ",
                          problem.what, hint));
  }
  const char* what = problems.only_outside() ? "problem" : "mistake";
  err.print(fmt::format("{} {} {}{}", err.terminal().paint("error:", Colour::red), sorted.size(), what,
                        sorted.size() == 1 ? "" : "s"));
  return problems.only_outside() ? refused : wrong_config;
}

std::optional<Error> Session::missing_data(const Pipeline& pipeline) {
  BindContext context;
  context.env = &env;
  context.folder = pipeline.folder;
  context.state_folder = pipeline.settings.state;
  for (const auto* parts : {&pipeline.sources, &pipeline.tables}) {
    for (const Part& part : *parts) {
      context.name = part.name;
      context.days = parts == &pipeline.sources ? pipeline.settings.days : std::nullopt;
      for (const SourceKind& kind : components.sources) {
        if (kind.spec->name != part.component) continue;
        Problems ignored;  // binding the whole plan says them
        auto source = kind.bind(part.settings, part.contract, context, ignored);
        if (!source && source.error().domain != Error::Domain::config) return source.error();
      }
    }
  }
  return std::nullopt;
}

int Session::wrong(const std::string& what, const std::string& hint) {
  err.print(
      fmt::format("{} {}{}", err.terminal().paint("error:", Colour::red), what, hint.empty() ? "" : " (" + hint + ")"));
  return wrong_usage;
}

void Session::note(const std::string& text) { err.print(text); }

void Session::warn(const std::string& text) {
  err.print(fmt::format("{} {}", err.terminal().paint("warning:", Colour::yellow), text));
}

Variables Session::variables() const {
  return [definitions = definitions_,
          environment = process_environment()](const std::string& name) -> std::optional<std::string> {
    for (auto at = definitions.rbegin(); at != definitions.rend(); ++at) {
      if (at->starts_with(name + "=")) return at->substr(name.size() + 1);
    }
    return environment(name);
  };
}

Pipeline Session::load(const std::string& path, Problems& problems) {
  Pipeline pipeline = load_pipeline(env, path, variables(), component_names(components), problems);
  // Binding stops at the first part that is wrong, and what hangs on it stays unseen; this looks at every part.
  check_parts(components.sources, pipeline.sources, problems);
  check_parts(components.sources, pipeline.tables, problems);
  check_parts(components.transforms, pipeline.transforms, problems);
  check_parts(components.sinks, pipeline.sinks, problems);
  check_graph(pipeline, components, problems);
  return pipeline;
}

}  // namespace trommel::cli
