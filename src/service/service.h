// Service: the HTTP server of a pipeline that runs, and what every such server answers.
//
// Everything that answers requests is registered with `routes()`: sources in Source::serve, endpoints when the plan is
// known. `/health`, `/ready` and `/metrics` are its own.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "base/env.h"
#include "component/component.h"
#include "config/pipeline.h"
#include "server/http_server.h"

namespace trommel {

class RequestTimes;

/// Whether running the pipeline needs a server.
bool needs_service(const Pipeline& pipeline, const Components& components);

class Service {
 public:
  /// A request that is over, for the access log: one line, with no parameter, header or body of it.
  using AccessLog = std::function<void(const std::string& line)>;

  static Result<std::unique_ptr<Service>> start(Env& env, const Pipeline& pipeline, AccessLog log);
  ~Service();

  std::shared_ptr<server::Routes> routes() const { return routes_; }
  std::string address() const;
  /// Whether what it serves can be used: `/ready`.
  void set_ready(bool ready) { ready_ = ready; }
  /// No more requests; returns when those under way are answered, or have had their time.
  void stop();

 private:
  Service(Env& env, const Pipeline& pipeline);
  void add_own_routes();

  Env& env_;
  const std::string pipeline_, state_folder_;
  std::shared_ptr<server::Routes> routes_;
  std::shared_ptr<RequestTimes> times_;
  std::atomic<bool> ready_{false};
  server::Routes::Registration own_;
  std::unique_ptr<server::Server> server_;
};

}  // namespace trommel
