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

ApiInfo api_info(const Pipeline& pipeline, const std::string& version);

/// Opens the stores, and answers the endpoints, `/openapi.json`, `/docs` and `/redoc` until the result goes. The
/// document is of all routes that there are when it is asked for.
Result<server::Routes::Registration> serve(const std::vector<BoundEndpoint>& endpoints, const ApiInfo& info,
                                           const std::shared_ptr<server::Routes>& routes);

/// Where a process serves this pipeline, for those who find the stores' files taken. Gone when it goes.
class ServedAddress {
 public:
  static Result<std::unique_ptr<ServedAddress>> write(Env& env, const std::string& state_folder,
                                                      const std::string& address);
  ~ServedAddress();
  /// Empty where nobody has written one. A process that was killed leaves its own behind.
  static std::string read(Env& env, const std::string& state_folder);

 private:
  ServedAddress(Env& env, std::string path) : env_(env), path_(std::move(path)) {}
  Env& env_;
  std::string path_;
};

}  // namespace trommel::endpoints
