#include <fmt/format.h>

#include <condition_variable>
#include <mutex>

#include "cli/stopping.h"
#include "cli/verb.h"
#include "endpoints/serving.h"
#include "service/service.h"

namespace trommel::cli {

namespace {

struct Options {
  std::string file, listen;
  std::vector<std::string> variables;
};

/// The stores as they are, and nothing of sources: their inputs need not be there.
Plan stores_alone(const Pipeline& pipeline) {
  Plan plan;
  plan.pipeline = pipeline.name;
  plan.file = pipeline.file;
  plan.folder = pipeline.folder;
  plan.state_folder = pipeline.settings.state;
  plan.memory = share_memory(
      pipeline.settings.memory_bytes > 0 ? pipeline.settings.memory_bytes : real_env().memory_bytes() / 4, 1);
  for (const Endpoint& endpoint : pipeline.endpoints) {
    const std::string kind = endpoint.store.substr(0, endpoint.store.find(':'));
    plan.stores.push_back({endpoint.store_name, kind, {endpoint.store, {}, {}}});
  }
  return plan;
}

/// Where to listen, as the option says it in place of the pipeline. An error: for other machines it is not safe.
Result<> listen_at(const std::string& listen, Pipeline& pipeline) {
  const auto address = parse_server_address(listen);
  if (!address) return config_error("--listen", listen + " is no address and port", "such as 127.0.0.1:8080");
  ServerSettings settings = pipeline.settings.server.value_or(ServerSettings{});
  settings.listen = *address;
  const std::string missing = missing_safety(settings);
  if (!missing.empty()) {
    return config_error("--listen", "other machines reach " + listen + ", and " + pipeline.file + " has no " + missing,
                        "add it to its `server:`, listen at 127.0.0.1, or say `insecure: true` there");
  }
  pipeline.settings.server = std::move(settings);
  return {};
}

int serve(Session& session, const Options& options) {
  session.set_variables(options.variables);
  Problems problems;
  Pipeline pipeline = session.load(options.file, problems);
  if (!problems.empty()) return session.fail(problems);
  if (pipeline.endpoints.empty())
    return session.wrong(options.file + " has no `endpoints`", "trommel describe endpoint");
  if (!options.listen.empty()) {
    if (const auto listening = listen_at(options.listen, pipeline); !listening)
      return session.wrong(listening.error().where + ": " + listening.error().what, listening.error().hint);
  }
  Stopping stopping([] {});
  auto bound = endpoints::bind_endpoints(pipeline, stores_alone(pipeline), session.components, session.env, problems);
  if (!problems.empty()) return session.fail(problems);
  if (!bound) return session.fail(bound.error());
  const auto service = Service::start(session.env, pipeline, {});
  if (!service) return session.fail(service.error());
  const auto served = endpoints::serve(*bound, endpoints::api_info(pipeline, session.version), (*service)->routes());
  if (!served) return session.fail(served.error());
  const auto noted = endpoints::ServedAddress::write(session.env, pipeline.settings.state, (*service)->address());
  if (!noted) return session.fail(noted.error());
  (*service)->set_ready(true);
  session.note("listening at " + (*service)->address());
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, stopping.token(), [] { return false; });
  (*service)->stop();
  return done;
}

}  // namespace

void add_serve(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb = add_verb(app, "serve", "Answer a pipeline's endpoints from what its stores hold; nothing is read",
                            "  trommel serve pipeline.yaml\n  trommel serve pipeline.yaml --listen 127.0.0.1:9000");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->file, "Pipeline file")->required()->type_name("");
  verb->add_option("--listen", options->listen,
                   "Address and port, in place of those of the pipeline's `server:` (127.0.0.1:8080 where it has "
                   "none); port 0: any that is free")
      ->type_name("HOST:PORT");
  add_variables(*verb, options->variables);
  verb->callback([&session, &action, options] { action = [&session, options] { return serve(session, *options); }; });
}

}  // namespace trommel::cli
