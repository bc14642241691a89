// Every verb adds itself to the command line and sets `action` when it was the one that was typed.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace trommel::cli {

class Session;
using Action = std::function<int()>;

void add_completion(CLI::App& app, Session& session, Action& action);
void add_convert(CLI::App& app, Session& session, Action& action);
void add_describe(CLI::App& app, Session& session, Action& action);
void add_export(CLI::App& app, Session& session, Action& action);
void add_init(CLI::App& app, Session& session, Action& action);
void add_lint(CLI::App& app, Session& session, Action& action);
void add_plan(CLI::App& app, Session& session, Action& action);
void add_preview(CLI::App& app, Session& session, Action& action);
void add_profile(CLI::App& app, Session& session, Action& action);
void add_query(CLI::App& app, Session& session, Action& action);
void add_rejects(CLI::App& app, Session& session, Action& action);
void add_run(CLI::App& app, Session& session, Action& action);
void add_serve(CLI::App& app, Session& session, Action& action);
void add_status(CLI::App& app, Session& session, Action& action);
void add_version(CLI::App& app, Session& session, Action& action);

}  // namespace trommel::cli
