#include "endpoints/serving.h"

#include <set>

#include "config/own_paths.h"
#include "endpoints/answer.h"
#include "endpoints/pages.h"

namespace trommel::endpoints {

std::vector<server::Route> endpoint_routes(const std::vector<BoundEndpoint>& endpoints) {
  std::vector<server::Route> routes;
  for (const BoundEndpoint& endpoint : endpoints) {
    const auto shared = std::make_shared<const BoundEndpoint>(endpoint);
    routes.push_back({.method = "GET",
                      .path = endpoint.settings.path,
                      .scope = "query",
                      .operation = operation_json(endpoint),
                      .handle = [shared](const server::Request& request) { return answer(*shared, request); }});
  }
  return routes;
}

ApiInfo api_info(const Pipeline& pipeline, const std::string& version) {
  const auto& server = pipeline.settings.server;
  return {pipeline.name, version, server && !server->tokens.empty()};
}

Result<server::Routes::Registration> serve(const std::vector<BoundEndpoint>& endpoints, const ApiInfo& info,
                                           const std::shared_ptr<server::Routes>& routes) {
  std::set<QueryStore*> opened;
  for (const BoundEndpoint& endpoint : endpoints) {
    if (opened.insert(endpoint.store.get()).second) TRY(endpoint.store->open());
  }
  auto all = endpoint_routes(endpoints);
  for (auto& route : page_routes(info.title)) all.push_back(std::move(route));
  const std::weak_ptr<server::Routes> known = routes;  // the routes hold this one
  all.push_back(
      {.method = "GET", .path = std::string(own_path::openapi), .handle = [known, info](const server::Request&) {
         const auto there = known.lock();
         return server::json_response(
             200, openapi_json(info, there ? there->all() : std::vector<std::shared_ptr<const server::Route>>()));
       }});
  return routes->add(std::move(all));
}

namespace {

std::string address_file(const std::string& state_folder) { return join_path(state_folder, "served_at"); }

}  // namespace

Result<std::unique_ptr<ServedAddress>> ServedAddress::write(Env& env, const std::string& state_folder,
                                                            const std::string& address) {
  TRY(env.make_directories(state_folder));
  const auto path = address_file(state_folder);
  TRY(env.write_text(path, address));
  return std::unique_ptr<ServedAddress>(new ServedAddress(env, path));
}

ServedAddress::~ServedAddress() { (void)env_.remove(path_); }

std::string ServedAddress::read(Env& env, const std::string& state_folder) {
  return env.read_text(address_file(state_folder)).value_or("");
}

}  // namespace trommel::endpoints
