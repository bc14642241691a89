// The HTTP/1.1 server (RFC 9112), over TLS where it has a certificate. One thread moves bytes, a few more run handlers;
// what is slow (a client, a handler, a disk) holds up only itself. Memory is a function of the limits: a body goes to
// its sink piece by piece, and is not read faster than that takes it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/env.h"
#include "server/routes.h"

namespace trommel::server {

struct Limits {
  int64_t header_bytes = 16 << 10;  ///< request line and fields together; more is answered with 431
  int64_t header_us = 10'000'000;   ///< from a request's first byte to the end of its header; also a TLS greeting
  int64_t idle_us = 60'000'000;     ///< between requests of a connection
  int64_t body_rate = 1'000;        ///< bytes a second that a body has to come at, at least
  int64_t body_rate_over_us = 20'000'000;  ///< on average over so long a wait for it
  int64_t write_us = 30'000'000;           ///< for a client to take 64 KiB of an answer
  int64_t stop_us = 60'000'000;            ///< for requests in flight, once the server is to end
  int connections = 1'000;                 ///< more make the longest idle one end; where none is, they get a 503
  int handlers = 8;                        ///< threads for handlers
};

/// Files in PEM: the certificate with its chain, and its key.
struct Tls {
  std::string certificate, key;
};

/// A request that is over, for the access log and the metrics.
struct Served {
  const Request* request = nullptr;
  const Route* route = nullptr;         ///< null: none was found
  int status = 0;                       ///< 0: no answer was sent
  int64_t bytes_in = 0, bytes_out = 0;  ///< of the bodies
  int64_t elapsed_us = 0;               ///< from the end of the header to the end of the answer
};

struct ServerOptions {
  std::string host = "127.0.0.1";  ///< an address of this machine, or `localhost`
  int port = 0;                    ///< 0: any that is free
  std::optional<Tls> tls;
  Limits limits;
  /// Asked before a body is read. An answer means: not for this client. It may name the request's token.
  std::function<std::optional<Response>(Request&, const Route&)> admit;
  /// False: routes may still come, and a path without one is answered with 503. Left out: all are there.
  std::function<bool()> complete;
  /// Told of each request when it is over, on the thread that moves bytes: to be quick.
  std::function<void(const Served&)> served;
};

class Server {
 public:
  /// Listens from then on. `external`: the address is taken, or a file of TLS cannot be read.
  static Result<std::unique_ptr<Server>> start(Env& env, ServerOptions options, std::shared_ptr<Routes> routes);
  virtual ~Server() = default;  ///< stops it
  virtual int port() const = 0;
  /// `http://127.0.0.1:8080`
  virtual std::string address() const = 0;
  /// Takes no more connections and no more requests, waits for those in flight, and returns when the last connection is
  /// closed. Streams that wait for something to say are ended.
  virtual void stop() = 0;
};

}  // namespace trommel::server
