#include <fmt/format.h>

#include <condition_variable>
#include <mutex>

#include "cli/stopping.h"
#include "cli/verb.h"
#include "endpoints/serving.h"
#include "server/http_server.h"

namespace trommel::cli {

namespace {

struct Options {
  std::string file, listen = "127.0.0.1:8080";
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

/// `host:port`, of this machine alone: who asks is not looked at.
std::optional<server::ServerOptions> address_of(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  const auto port = colon == listen.npos ? std::nullopt : parse_integer(std::string_view(listen).substr(colon + 1));
  if (!port || *port < 0 || *port > 65535) return std::nullopt;
  server::ServerOptions options;
  options.host = listen.substr(0, colon);
  options.port = static_cast<int>(*port);
  if (options.host != "localhost" && options.host != "::1" && !options.host.starts_with("127.")) return std::nullopt;
  return options;
}

int serve(Session& session, const Options& options) {
  session.set_variables(options.variables);
  Problems problems;
  const Pipeline pipeline = session.load(options.file, problems);
  if (!problems.empty()) return session.fail(problems);
  if (pipeline.endpoints.empty())
    return session.wrong(options.file + " has no `endpoints`", "trommel describe endpoint");
  const auto address = address_of(options.listen);
  if (!address)
    return session.wrong("--listen " + options.listen + " is no address and port of this machine alone",
                         "such as 127.0.0.1:8080");
  Stopping stopping([] {});
  auto bound = endpoints::bind_endpoints(pipeline, stores_alone(pipeline), session.components, session.env, problems);
  if (!problems.empty()) return session.fail(problems);
  if (!bound) return session.fail(bound.error());
  const auto routes = std::make_shared<server::Routes>();
  const auto served = endpoints::serve(*bound, {pipeline.name, session.version, false}, routes);
  if (!served) return session.fail(served.error());
  const auto server = server::Server::start(session.env, *address, routes);
  if (!server) return session.fail(server.error());
  const auto noted = endpoints::ServedAddress::write(session.env, pipeline.settings.state, (*server)->address());
  if (!noted) return session.fail(noted.error());
  session.note("listening at " + (*server)->address());
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, stopping.token(), [] { return false; });
  (*server)->stop();
  return done;
}

}  // namespace

void add_serve(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb = add_verb(app, "serve", "Answer a pipeline's endpoints from what its stores hold; nothing is read",
                            "  trommel serve pipeline.yaml\n  trommel serve pipeline.yaml --listen 127.0.0.1:9000");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->file, "Pipeline file")->required()->type_name("");
  verb->add_option("--listen", options->listen, "Address and port of this machine; port 0: any that is free")
      ->capture_default_str()
      ->type_name("HOST:PORT");
  add_variables(*verb, options->variables);
  verb->callback([&session, &action, options] { action = [&session, options] { return serve(session, *options); }; });
}

}  // namespace trommel::cli
