// What a server answers, as an OpenAPI 3.1 document: of each route that has an operation, the endpoints' and others'.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "endpoints/endpoint.h"
#include "server/routes.h"

namespace trommel::endpoints {

/// The operation object of an endpoint, as JSON; problems are `#/components/schemas/Problem`.
std::string operation_json(const BoundEndpoint& endpoint);

struct ApiInfo {
  std::string title, version;
  bool tokens = false;  ///< requests have to carry one
};

std::string openapi_json(const ApiInfo& info, const std::vector<std::shared_ptr<const server::Route>>& routes);

}  // namespace trommel::endpoints
