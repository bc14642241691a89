// Routes: which handler answers which request. Handlers come and go while the server runs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/message.h"

namespace trommel::server {

/// Answers one request, once, from any thread, now or later. Copies are the same reply; when the last one goes and
/// nothing was sent, the client gets a 500.
class Reply {
 public:
  explicit Reply(std::function<void(Response)> send);
  void send(Response response) const;

 private:
  struct Once;
  std::shared_ptr<Once> once_;
};

/// Takes the body of one request while it arrives; one call at a time, on threads of the handlers. The next piece is
/// read once `write` returned. Destroyed without `end` when the client broke off, was too slow, or sent too much.
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// An answer means that no more is wanted.
  virtual std::optional<Response> write(std::string_view piece) = 0;
  /// The body is complete.
  virtual void end(Reply reply) = 0;
};

struct Route {
  std::string method;  ///< `GET` answers HEAD too
  std::string path;    ///< `/health`; with `below` every path that begins with it: `/jobs/`
  bool below = false;
  std::string scope = {};      ///< what a token has to allow; empty: everybody may
  bool of_token = false;       ///< a token need not name its path: the handler looks whose it is
  std::string operation = {};  ///< in the OpenAPI document: an operation object as JSON; empty: the route is not in it
  int64_t max_body = 1 << 20;  ///< bytes; more is answered with 413
  // One of these; each is called on a thread of the handlers.
  std::function<Response(const Request&)> handle = {};           ///< with the whole body
  std::function<void(const Request&, Reply)> handle_later = {};  ///< likewise; the answer may come from elsewhere
  /// Before the body is read: who takes it, or why it is not wanted.
  std::function<std::variant<Response, std::unique_ptr<BodySink>>(const Request&)> receive = {};
};

/// Safe to use from several threads.
class Routes {
 public:
  /// Takes its routes back when it goes. Requests that were found before are still answered by them: a handler owns
  /// what it uses.
  class Registration {
   public:
    Registration() = default;
    Registration(Registration&&) = default;
    Registration& operator=(Registration&&) = default;

   private:
    friend class Routes;
    std::shared_ptr<void> keeps_;
  };

  Routes();

  /// In front of an earlier route of the same method and path, until the registration goes.
  [[nodiscard]] Registration add(std::vector<Route> routes);

  struct Found {
    std::shared_ptr<const Route> route;  ///< null: none
    std::vector<std::string> methods;    ///< where only the method is another
  };
  /// The route of this very path, else the longest one that takes all below it.
  Found find(std::string_view method, std::string_view path) const;
  std::vector<std::shared_ptr<const Route>> all() const;

 private:
  struct Table;
  std::shared_ptr<Table> table_;  ///< shared with registrations, which may live longer
};

}  // namespace trommel::server
