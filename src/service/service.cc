#include "service/service.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/own_paths.h"
#include "server/doorman.h"
#include "service/metrics.h"

namespace trommel {

namespace {

server::ServerOptions options_of(const ServerSettings& settings) {
  server::ServerOptions options;
  options.host = settings.listen.host;
  options.port = settings.listen.port;
  if (!settings.certificate.empty()) options.tls = server::Tls{settings.certificate, settings.key};
  options.limits.header_bytes = settings.header_bytes;
  options.limits.header_us = settings.header_us;
  options.limits.idle_us = settings.idle_us;
  options.limits.stop_us = settings.stop_us;
  options.limits.connections = static_cast<int>(settings.connections);
  return options;
}

server::Doorman doorman_of(const ServerSettings& settings) {
  std::vector<server::Token> tokens;
  for (const auto& token : settings.tokens) tokens.push_back({token.name, token.sha256, token.allow, token.paths});
  return server::Doorman(std::move(tokens));
}

/// Parameters may hold anything, and stay out.
std::string access_line(const server::Served& served) {
  const server::Request& request = *served.request;
  return fmt::format("{} {} {} {} in={} out={} {:.1f}ms{} id={}", request.peer, request.method,
                     request.path.empty() ? "-" : request.path, served.status, served.bytes_in, served.bytes_out,
                     static_cast<double>(served.elapsed_us) / 1e3,
                     request.token.empty() ? "" : " token=" + request.token, request.id);
}

}  // namespace

bool needs_service(const Pipeline& pipeline, const Components& components) {
  const auto serves = [&](const Part& source) {
    return std::any_of(components.sources.begin(), components.sources.end(),
                       [&](const SourceKind& kind) { return kind.serves && kind.spec->name == source.component; });
  };
  return pipeline.settings.server.has_value() || !pipeline.endpoints.empty() ||
         std::any_of(pipeline.sources.begin(), pipeline.sources.end(), serves);
}

Service::Service(Env& env, const Pipeline& pipeline)
    : env_(env),
      pipeline_(pipeline.name),
      state_folder_(pipeline.settings.state),
      routes_(std::make_shared<server::Routes>()),
      times_(std::make_shared<RequestTimes>()) {}

Service::~Service() { stop(); }

Result<std::unique_ptr<Service>> Service::start(Env& env, const Pipeline& pipeline, AccessLog log) {
  std::unique_ptr<Service> service(new Service(env, pipeline));
  service->add_own_routes();
  const ServerSettings settings = pipeline.settings.server.value_or(ServerSettings{});
  server::ServerOptions options = options_of(settings);
  options.admit = [doorman = doorman_of(settings)](server::Request& request, const server::Route& route) {
    return doorman.admit(request, route);
  };
  options.complete = [ready = &service->ready_] { return ready->load(); };
  options.served = [times = service->times_, log = std::move(log)](const server::Served& served) {
    times->add(served);
    if (log && served.request->path != own_path::health && served.request->path != own_path::ready)
      log(access_line(served));
  };
  ASSIGN(service->server_, server::Server::start(env, std::move(options), service->routes_));
  return service;
}

std::string Service::address() const { return server_->address(); }

void Service::stop() {
  ready_ = false;
  if (server_) server_->stop();
}

void Service::add_own_routes() {
  std::vector<server::Route> routes;
  routes.push_back({.method = "GET", .path = std::string(own_path::health), .handle = [](const server::Request&) {
                      return server::json_response(200, "{\"status\":\"ok\"}\n");
                    }});
  routes.push_back({.method = "GET", .path = std::string(own_path::ready), .handle = [this](const server::Request&) {
                      return ready_ ? server::json_response(200, "{\"status\":\"ready\"}\n")
                                    : server::problem(503, "the pipeline is starting, or ending");
                    }});
  routes.push_back({.method = "GET",
                    .path = std::string(own_path::metrics),
                    .scope = "admin",
                    .handle = [this](const server::Request&) {
                      return server::text_response(200,
                                                   times_->text() + pipeline_metrics(env_, pipeline_, state_folder_),
                                                   "text/plain; version=0.0.4; charset=utf-8");
                    }});
  own_ = routes_->add(std::move(routes));
}

}  // namespace trommel
