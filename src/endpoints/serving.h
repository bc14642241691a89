// The endpoints of a pipeline behind a server's routes.
#pragma once

#include <memory>
#include <vector>

#include "endpoints/endpoint.h"
#include "endpoints/openapi.h"
#include "server/routes.h"

namespace trommel::endpoints {

/// A route for each endpoint; a token has to allow `query`.
std::vector<server::Route> endpoint_routes(const std::vector<BoundEndpoint>& endpoints);

/// Opens the stores, and answers the endpoints, `/openapi.json`, `/docs` and `/redoc` until the result goes. The
/// document is of all routes that there are when it is asked for.
Result<server::Routes::Registration> serve(const std::vector<BoundEndpoint>& endpoints, const ApiInfo& info,
                                           const std::shared_ptr<server::Routes>& routes);

}  // namespace trommel::endpoints
