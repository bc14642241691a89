#include <fmt/format.h>

#include "cli/verb.h"
#include "telemetry/log.h"

namespace trommel::cli {

void add_version(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb = add_verb(app, "version", "Print the version", "  trommel version\n  trommel version --json");
  auto json = std::make_shared<bool>(false);
  verb->add_flag("--json", *json, "As JSON");
  verb->callback([&session, &action, json] {
    action = [&session, json] {
      session.out(*json ? fmt::format("{{\"name\":\"trommel\",\"version\":{}}}\n", json_text(session.version))
                        : "trommel " + session.version + "\n");
      return done;
    };
  });
}

}  // namespace trommel::cli
