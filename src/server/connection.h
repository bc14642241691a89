// Connections of the server. Private to this folder: it shows Boost.
#pragma once

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <limits>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "server/http_server.h"

namespace trommel::server {

namespace net = boost::asio;
using boost::system::error_code;
using tcp = net::ip::tcp;

// Concrete executors: the type-erased one costs an allocation an operation.
using Executor = net::io_context::executor_type;
using Socket = net::basic_stream_socket<tcp, Executor>;
using Timer =
    net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, Executor>;
template <class T = void>
using Task = net::awaitable<T, Executor>;
inline constexpr net::use_awaitable_t<Executor> awaited;
inline constexpr auto told = net::as_tuple(awaited);  // errors as values

inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

struct Moved {
  error_code error;
  size_t bytes = 0;
};
using Buffers = std::array<net::const_buffer, 2>;

/// Plain, or under TLS: erased here, so that the rest is compiled once.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual Socket& socket() = 0;
  virtual Task<bool> greet() { co_return true; }
  virtual Task<Moved> read(net::mutable_buffer into) = 0;
  virtual Task<Moved> write(const Buffers& buffers) = 0;
  virtual Task<> say_goodbye() { co_return; }
};

/// A connection as its server sees it.
class Client {
 public:
  virtual ~Client() = default;
  virtual void end_if_late(int64_t now_us) = 0;
  virtual void end_if_idle() = 0;
  virtual int64_t idle_since() const = 0;  ///< never: it is not
  virtual void end_stream() = 0;           ///< that waits for something to say
  virtual void abandon() = 0;              ///< whatever it is doing
};

/// What the connections of a server share. Used on the thread that moves bytes, but for what is said to be elsewhere.
struct Shared {
  Shared(Env& its_env, ServerOptions its_options, std::shared_ptr<Routes> its_routes)
      : env(its_env), options(std::move(its_options)), routes(std::move(its_routes)), sweeper(io) {}

  Env& env;
  ServerOptions options;
  std::shared_ptr<Routes> routes;
  net::io_context io{1};
  net::io_context handlers;
  Timer sweeper;
  std::set<Client*> connections;
  std::string id_prefix;
  uint64_t requests = 0;
  bool stopping = false, ended = false;

  std::mutex mutex;  ///< of what follows, which `stop` waits for on its own thread
  std::condition_variable changed;
  size_t live = 0;
};

/// Serves a connection to its end.
Task<> serve(std::shared_ptr<Shared> shared, std::unique_ptr<Transport> transport, std::string peer);

}  // namespace trommel::server
