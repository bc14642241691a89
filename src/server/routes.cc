#include "server/routes.h"

#include <algorithm>
#include <atomic>
#include <mutex>

namespace trommel::server {

struct Reply::Once {
  explicit Once(std::function<void(Response)> to) : send(std::move(to)) {}
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;
  ~Once() {
    if (!sent) send(problem(500, "the request was dropped without an answer"));
  }
  std::function<void(Response)> send;
  std::atomic<bool> sent{false};
};

Reply::Reply(std::function<void(Response)> send) : once_(std::make_shared<Once>(std::move(send))) {}

void Reply::send(Response response) const {
  if (!once_->sent.exchange(true)) once_->send(std::move(response));
}

struct Routes::Table {
  std::mutex mutex;
  std::vector<std::shared_ptr<const Route>> routes;  ///< the latest first
};

Routes::Routes() : table_(std::make_shared<Table>()) {}

Routes::Registration Routes::add(std::vector<Route> routes) {
  const auto to = table_;
  std::vector<std::shared_ptr<const Route>> added;
  for (Route& route : routes) added.push_back(std::make_shared<const Route>(std::move(route)));
  {
    const std::lock_guard lock(to->mutex);
    to->routes.insert(to->routes.begin(), added.begin(), added.end());
  }
  Registration registration;
  registration.keeps_ = std::shared_ptr<void>(nullptr, [to, added](void*) {
    const std::lock_guard lock(to->mutex);
    std::erase_if(to->routes,
                  [&](const auto& route) { return std::find(added.begin(), added.end(), route) != added.end(); });
  });
  return registration;
}

Routes::Found Routes::find(std::string_view method, std::string_view path) const {
  const std::string_view asked = method == "HEAD" ? "GET" : method;
  const std::lock_guard lock(table_->mutex);
  const auto reaches = [&](const Route& route) {
    return route.below ? path.starts_with(route.path) : path == route.path;
  };
  // How closely a route names the path; its own name more closely than any above it.
  const auto closeness = [](const Route& route) { return route.path.size() + (route.below ? 0 : 1); };
  size_t closest = 0;
  for (const auto& route : table_->routes) {
    if (reaches(*route)) closest = std::max(closest, closeness(*route));
  }
  Found found;
  for (const auto& route : table_->routes) {
    if (!reaches(*route) || closeness(*route) != closest) continue;
    if (route->method == asked) return {route, {}};
    found.methods.push_back(route->method);
    if (route->method == "GET") found.methods.push_back("HEAD");
  }
  return found;
}

std::vector<std::shared_ptr<const Route>> Routes::all() const {
  const std::lock_guard lock(table_->mutex);
  return table_->routes;
}

}  // namespace trommel::server
