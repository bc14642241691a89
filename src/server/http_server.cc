// Boost.Asio moves the bytes, Boost.Beast reads the messages; neither is seen outside of this folder. One coroutine a
// connection, all on one thread, so nothing of theirs needs a lock; handlers run on threads of their own while the
// coroutine waits. Deadlines are numbers that one timer looks at ten times a second: no timer is set for a request.
#include "server/http_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>

#include "server/connection.h"

namespace trommel::server {

namespace {

constexpr int64_t kSweep_us = 100'000;

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(Socket socket) : socket_(std::move(socket)) {}
  Socket& socket() override { return socket_; }
  Task<Moved> read(net::mutable_buffer into) override {
    const auto [error, bytes] = co_await socket_.async_read_some(into, told);
    co_return Moved{error, bytes};
  }
  Task<Moved> write(const Buffers& buffers) override {
    const auto [error, bytes] = co_await net::async_write(socket_, buffers, told);
    co_return Moved{error, bytes};
  }

 private:
  Socket socket_;
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(Socket socket, net::ssl::context& context) : stream_(std::move(socket), context) {}
  Socket& socket() override { return stream_.next_layer(); }
  Task<bool> greet() override {
    const auto [error] = co_await stream_.async_handshake(net::ssl::stream_base::server, told);
    co_return !error;
  }
  Task<Moved> read(net::mutable_buffer into) override {
    const auto [error, bytes] = co_await stream_.async_read_some(into, told);
    co_return Moved{error, bytes};
  }
  Task<Moved> write(const Buffers& buffers) override {
    const auto [error, bytes] = co_await net::async_write(stream_, buffers, told);
    co_return Moved{error, bytes};
  }
  Task<> say_goodbye() override { co_await stream_.async_shutdown(told); }

 private:
  net::ssl::stream<Socket> stream_;
};

Task<> sweep(std::shared_ptr<Shared> shared) {
  for (;;) {
    shared->sweeper.expires_after(std::chrono::microseconds(kSweep_us));
    const auto [error] = co_await shared->sweeper.async_wait(told);
    if (error || shared->ended) co_return;
    const int64_t now = shared->env.steady_us();
    for (Client* connection : shared->connections) connection->end_if_late(now);
  }
}

// ---- the server ---------------------------------------------------------------------------------------------------

using Acceptor = net::basic_socket_acceptor<tcp, Executor>;

class BeastServer final : public Server {
 public:
  BeastServer(Env& env, ServerOptions options, std::shared_ptr<Routes> routes)
      : shared_(std::make_shared<Shared>(env, std::move(options), std::move(routes))),
        acceptor_(shared_->io),
        tls_(net::ssl::context::tls_server) {
    shared_->id_prefix = fmt::format("{:x}", env.now_us());
  }
  ~BeastServer() override { stop(); }

  Result<> open() {
    if (shared_->options.tls) TRY(load_tls(*shared_->options.tls));
    const std::string& host = shared_->options.host;
    error_code error;
    const auto address = net::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
    if (error) return config_error(host, "is no address to listen at", "such as 127.0.0.1, or 0.0.0.0 for all");
    const tcp::endpoint endpoint(address, static_cast<uint16_t>(shared_->options.port));
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(net::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(1024, error);
    if (error) {
      return external_error(fmt::format("{}:{}", host, shared_->options.port), "cannot listen: " + error.message(),
                            "is another program there already?");
    }
    endpoint_ = acceptor_.local_endpoint(error);
    start_threads();
    return {};
  }

  int port() const override { return endpoint_.port(); }

  std::string address() const override {
    const auto host = endpoint_.address().to_string();
    return fmt::format(fmt::runtime(endpoint_.address().is_v6() ? "{}://[{}]:{}" : "{}://{}:{}"),
                       shared_->options.tls ? "https" : "http", host, port());
  }

  void stop() override {
    if (stopped_ || threads_.empty()) return;
    stopped_ = true;
    net::post(shared_->io, [this] {
      error_code ignored;
      shared_->stopping = true;
      acceptor_.close(ignored);
      for (Client* connection : shared_->connections) {
        connection->end_if_idle();
        connection->end_stream();
      }
    });
    if (!wait_until_empty(shared_->options.limits.stop_us)) {
      net::post(shared_->io, [this] {
        for (Client* connection : shared_->connections) connection->abandon();
      });
      wait_until_empty(kNever);
    }
    io_work_.reset();
    handlers_work_.reset();
    net::post(shared_->io, [this] {
      shared_->ended = true;
      shared_->sweeper.cancel();
    });
    threads_.clear();
  }

 private:
  Result<> load_tls(const Tls& tls) {
    error_code error;
    tls_.set_options(net::ssl::context::default_workarounds | net::ssl::context::no_sslv2 |
                     net::ssl::context::no_sslv3 | net::ssl::context::no_tlsv1 | net::ssl::context::no_tlsv1_1);
    tls_.use_certificate_chain_file(tls.certificate, error);
    if (error)
      return external_error(tls.certificate, "cannot be used as a certificate: " + error.message(), "a PEM file");
    tls_.use_private_key_file(tls.key, net::ssl::context::pem, error);
    if (error) {
      return external_error(tls.key, "cannot be used as the key of " + tls.certificate + ": " + error.message(),
                            "a PEM file that belongs to the certificate");
    }
    return {};
  }

  void start_threads() {
    net::co_spawn(shared_->io, accept(), net::detached);
    net::co_spawn(shared_->io, sweep(shared_), net::detached);
    io_work_.emplace(shared_->io.get_executor());
    handlers_work_.emplace(shared_->handlers.get_executor());
    Env& env = shared_->env;
    threads_.push_back(env.start_thread("http", [shared = shared_](const std::stop_token&) { shared->io.run(); }));
    for (int i = 0; i < std::max(1, shared_->options.limits.handlers); ++i) {
      threads_.push_back(
          env.start_thread("http handler", [shared = shared_](const std::stop_token&) { shared->handlers.run(); }));
    }
  }

  Task<> accept() {
    for (;;) {
      Socket socket(shared_->io);
      tcp::endpoint peer;
      const auto [error] = co_await acceptor_.async_accept(socket, peer, told);
      if (!acceptor_.is_open()) co_return;
      if (error) {  // no more files can be opened just now
        Timer pause(shared_->io, std::chrono::milliseconds(50));
        co_await pause.async_wait(told);
        continue;
      }
      if (shared_->connections.size() >= static_cast<size_t>(shared_->options.limits.connections) && !make_room()) {
        turn_away(socket);
        continue;
      }
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      std::unique_ptr<Transport> transport;
      if (shared_->options.tls) {
        transport = std::make_unique<TlsTransport>(std::move(socket), tls_);
      } else {
        transport = std::make_unique<PlainTransport>(std::move(socket));
      }
      {
        const std::lock_guard lock(shared_->mutex);
        ++shared_->live;
      }
      net::co_spawn(shared_->io, serve(shared_, std::move(transport), peer.address().to_string()), net::detached);
    }
  }

  /// Ends the connection that has been idle for longest. False: none is.
  bool make_room() {
    const auto longest =
        std::min_element(shared_->connections.begin(), shared_->connections.end(),
                         [](const Client* a, const Client* b) { return a->idle_since() < b->idle_since(); });
    if (longest == shared_->connections.end() || (*longest)->idle_since() == kNever) return false;
    (*longest)->end_if_idle();
    return true;
  }

  void turn_away(Socket& socket) const {
    if (shared_->options.tls) return;  // no words before the greeting
    static constexpr std::string_view line =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.send(net::buffer(line), 0, ignored);
  }

  bool wait_until_empty(int64_t us) {
    std::unique_lock lock(shared_->mutex);
    const auto empty = [this] { return shared_->live == 0; };
    if (us != kNever) return shared_->changed.wait_for(lock, std::chrono::microseconds(us), empty);
    shared_->changed.wait(lock, empty);
    return true;
  }

  std::shared_ptr<Shared> shared_;
  Acceptor acceptor_;
  net::ssl::context tls_;
  tcp::endpoint endpoint_;
  std::optional<net::executor_work_guard<Executor>> io_work_, handlers_work_;
  std::vector<std::unique_ptr<Thread>> threads_;
  bool stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(Env& env, ServerOptions options, std::shared_ptr<Routes> routes) {
  auto server = std::make_unique<BeastServer>(env, std::move(options), std::move(routes));
  TRY(server->open());
  return server;
}

}  // namespace trommel::server
