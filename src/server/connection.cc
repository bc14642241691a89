#include "server/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <utility>

#include "server/wire.h"

namespace trommel::server {

namespace {

namespace beast = boost::beast;

constexpr size_t kHeaderRead = 4 << 10;  // what an idle connection holds
constexpr size_t kBodyRead = 64 << 10;   // small reads cost more than the bytes in them
constexpr size_t kWrite = 64 << 10;

/// Fills a Request, and gives the body as views of what was put in.
class Parser final : public beast::http::basic_parser<true> {
 public:
  explicit Parser(Request& request) : request_(request) {}
  std::vector<std::string_view> pieces;  ///< of the body, of the last `put`
  int version = 11;

 private:
  using View = beast::string_view;
  static std::string text(View view) { return {view.data(), view.size()}; }

  void on_request_impl(beast::http::verb, View method, View target, int http_version, error_code&) override {
    request_.method = text(method);
    request_.target = text(target);
    version = http_version;
  }
  void on_response_impl(int, View, int, error_code&) override {}
  void on_field_impl(beast::http::field, View name, View value, error_code&) override {
    if (!is_header_done()) request_.headers.add(text(name), text(value));  // trailers are nobody's
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  size_t on_body_impl(View body, error_code&) override {
    pieces.emplace_back(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(uint64_t, View, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, View body, error_code&) override {
    if (!body.empty()) pieces.emplace_back(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  Request& request_;
};

Response unreadable(const error_code& error) {
  if (error == beast::http::error::header_limit) return problem(431, "the header is longer than this server takes");
  if (error == beast::http::error::bad_version) return problem(505, "HTTP/1.1 is spoken here");
  return problem(400, "no HTTP request: " + error.message());
}

/// Where a reply waits for its connection, or the other way round.
struct Slot {
  explicit Slot(net::io_context& io) : ready(io) { ready.expires_at(Timer::time_point::max()); }
  std::optional<Response> response;
  Timer ready;
};

/// Keeps a body for a route that wants it as a whole.
class Collector final : public BodySink {
 public:
  Collector(std::shared_ptr<const Route> route, Request& request) : route_(std::move(route)), request_(request) {}
  std::optional<Response> write(std::string_view piece) override {
    request_.body.append(piece);
    return std::nullopt;
  }
  void end(Reply reply) override {
    if (route_->handle_later) return route_->handle_later(request_, std::move(reply));
    reply.send(route_->handle(request_));
  }

 private:
  std::shared_ptr<const Route> route_;
  Request& request_;
};

class Connection final : public Client {
 public:
  Connection(std::shared_ptr<Shared> shared, std::unique_ptr<Transport> transport, std::string peer)
      : shared_(std::move(shared)), transport_(std::move(transport)), peer_(std::move(peer)), timer_(shared_->io) {
    shared_->connections.insert(this);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() override {
    shared_->connections.erase(this);
    const std::lock_guard lock(shared_->mutex);
    --shared_->live;
    shared_->changed.notify_all();
  }

  /// Serves it to its end.
  Task<> run() {
    allow(limits().header_us);
    const bool greeted = co_await transport_->greet();
    if (!greeted) co_return;
    while (co_await serve_one()) {
      if (in_.size() == 0) in_.shrink_to_fit();  // an idle connection holds next to nothing
    }
    co_await close();
  }

  // ---- what others do to it

  void end_if_late(int64_t now) override {
    if (now >= deadline_us_) interrupt();
  }
  void end_if_idle() override {
    if (idle_since_us_ != kNever) interrupt();
  }
  int64_t idle_since() const override { return idle_since_us_; }
  void end_stream() override { timer_.cancel(); }
  void abandon() override {
    abandoned_ = true;
    timer_.cancel();
    if (slot_) slot_->ready.cancel();
    interrupt();
  }

 private:
  const Limits& limits() const { return shared_->options.limits; }
  int64_t now() const { return shared_->env.steady_us(); }
  void allow(int64_t us) { deadline_us_ = now() + us; }
  void allow_for_ever() { deadline_us_ = kNever; }
  void interrupt() {
    error_code ignored;
    deadline_us_ = kNever;
    late_ = true;
    transport_->socket().cancel(ignored);
  }

  /// False: nothing came, or the connection is at its end.
  Task<bool> read_more(size_t bytes) {
    const Moved moved = co_await transport_->read(in_.prepare(bytes));
    allow_for_ever();
    if (moved.error) co_return false;
    in_.commit(moved.bytes);
    co_return true;
  }

  /// One request and its answer. False: no other one may follow.
  Task<bool> serve_one() {
    Request request;
    Parser parser(request);
    parser.header_limit(static_cast<uint32_t>(limits().header_bytes));
    parser.body_limit(boost::none);  // it would not hold for a Content-Length that is known by then
    body_bytes_ = sent_bytes_ = 0;
    status_ = 0;
    late_ = false;
    slot_.reset();
    error_code error;
    if (!co_await read_header(parser, error)) co_return false;
    request.id = fmt::format("{}-{}", shared_->id_prefix, ++shared_->requests);
    request.peer = peer_;
    const int64_t begun = now();
    std::shared_ptr<const Route> route;
    bool again = false;
    if (error) {
      co_await answer(request, parser, unreadable(error), false);
    } else {
      again = co_await dispatch(request, parser, route);
    }
    if (shared_->options.served)
      shared_->options.served({&request, route.get(), status_, body_bytes_, sent_bytes_, now() - begun});
    co_return again && !shared_->stopping;
  }

  /// False: there is no request. `error` is what is wrong with one that is there.
  Task<bool> read_header(Parser& parser, error_code& error) {
    bool begun = in_.size() > 0;
    if (begun) {
      allow(limits().header_us);
    } else {
      idle_since_us_ = now();
      allow(limits().idle_us);
    }
    for (;;) {
      while (in_.size() > 0 && !parser.got_some() && is_line_end()) in_.consume(1);  // RFC 9112 section 2.2
      if (in_.size() > 0) {
        const size_t used = parser.put(in_.data(), error);
        in_.consume(used);
        if (parser.is_header_done()) break;
        if (error == beast::http::error::need_more) error = {};
        if (error) break;
      }
      if (shared_->stopping && !begun) co_return false;
      const int64_t until = deadline_us_;
      const bool came = co_await read_more(kHeaderRead);
      idle_since_us_ = kNever;
      if (!came) {
        if (begun && late_) {
          Request none;
          co_await answer(none, parser, problem(408, "the header took too long to come"), false);
        }
        co_return false;
      }
      if (begun) {
        deadline_us_ = until;
      } else {
        begun = true;
        allow(limits().header_us);
      }
    }
    allow_for_ever();
    idle_since_us_ = kNever;
    co_return true;
  }

  bool is_line_end() const {
    const char first = *static_cast<const char*>(in_.data().data());
    return first == '\r' || first == '\n';
  }

  /// Finds who answers, gives them the body, and sends their answer.
  Task<bool> dispatch(Request& request, Parser& parser, std::shared_ptr<const Route>& route) {
    auto refused = header_mistake(request, parser.version);
    if (!refused) refused = find_route(request, route);
    if (!refused && shared_->options.admit) refused = shared_->options.admit(request, *route);
    if (!refused) refused = body_mistake(request, parser, *route);
    if (refused) co_return co_await answer(request, parser, std::move(*refused), parser.is_done());
    slot_ = std::make_shared<Slot>(shared_->io);
    auto given = co_await give_body(request, parser, route);
    if (broken_off_) co_return false;
    if (given) co_return co_await answer(request, parser, std::move(*given), parser.is_done());
    while (!slot_->response && !abandoned_) co_await slot_->ready.async_wait(told);
    if (!slot_->response) co_return false;
    co_return co_await answer(request, parser, std::move(*slot_->response), true);
  }

  std::optional<Response> find_route(Request& request, std::shared_ptr<const Route>& route) const {
    auto found = shared_->routes->find(request.method, request.path);
    route = std::move(found.route);
    if (route != nullptr) {
      if (route->below) request.rest = request.path.substr(route->path.size());
      return std::nullopt;
    }
    if (found.methods.empty() && shared_->options.complete && !shared_->options.complete()) {
      Response response = problem(503, "not everything is served yet, or any more");
      response.headers.add("Retry-After", "1");
      return response;
    }
    if (found.methods.empty()) return problem(404, "nothing is served at `" + request.path + "`");
    std::string allowed;
    for (const std::string& method : found.methods) allowed += (allowed.empty() ? "" : ", ") + method;
    Response response = problem(405, "`" + request.path + "` takes " + allowed);
    response.headers.add("Allow", allowed);
    return response;
  }

  static std::optional<Response> body_mistake(const Request& request, const Parser& parser, const Route& route) {
    const std::string* expects = request.headers.find("Expect");
    if (expects != nullptr && !same_ignoring_case(*expects, "100-continue"))
      return problem(417, "of expectations `100-continue` alone is known");
    if (const auto length = parser.content_length(); length && *length > static_cast<uint64_t>(route.max_body))
      return too_large(route);
    return std::nullopt;
  }

  static Response too_large(const Route& route) {
    return problem(413, fmt::format("a body may have {} bytes here", route.max_body));
  }

  /// The body to its sink, as it comes. An answer: what the sink, or the server, says before its end.
  Task<std::optional<Response>> give_body(Request& request, Parser& parser, std::shared_ptr<const Route> route) {
    std::unique_ptr<BodySink> sink;
    std::optional<Response> answer;
    bool opened = false;
    bool waits = request.headers.find("Expect") != nullptr && parser.version == 11;
    broken_off_ = false;
    waited_us_ = 0;
    waited_for_ = static_cast<int64_t>(in_.size());
    parser.eager(true);
    for (;;) {
      error_code error;
      size_t used = 0;
      parser.pieces.clear();
      if (!parser.is_done() && in_.size() > 0) used = parser.put(in_.data(), error);
      for (const std::string_view piece : parser.pieces) body_bytes_ += static_cast<int64_t>(piece.size());
      if (error && error != beast::http::error::need_more) answer = unreadable(error);
      if (used == 0 && in_.size() >= kBodyRead) answer = problem(400, "a chunk's head is too long");
      if (body_bytes_ > route->max_body) answer = too_large(*route);
      if (!answer && (!parser.pieces.empty() || parser.is_done() || (!opened && waits))) {
        auto step = [&] { answer = hand_on(request, parser, route, sink); };
        co_await on_handlers(step);
        opened = true;
      }
      in_.consume(used);
      if (answer || parser.is_done()) break;
      if (std::exchange(waits, false) && body_bytes_ == 0 && !co_await say_continue()) broken_off_ = true;
      if (!broken_off_ && !co_await read_body(answer)) broken_off_ = !answer;
      if (answer || broken_off_) break;
    }
    if (sink) {
      auto drop = [&] { sink.reset(); };  // it may have files to remove
      co_await on_handlers(drop);
    }
    co_return answer;
  }

  /// On a thread of the handlers.
  std::optional<Response> hand_on(Request& request, const Parser& parser, const std::shared_ptr<const Route>& route,
                                  std::unique_ptr<BodySink>& sink) const {
    try {
      if (!sink && route->receive) {
        auto received = route->receive(request);
        if (auto* answer = std::get_if<Response>(&received)) return std::move(*answer);
        sink = std::move(std::get<std::unique_ptr<BodySink>>(received));
      } else if (!sink) {
        sink = std::make_unique<Collector>(route, request);
      }
      for (const std::string_view piece : parser.pieces) {
        if (auto answer = sink->write(piece)) return answer;
      }
      if (parser.is_done()) {
        sink->end(reply());
        sink.reset();
      }
      return std::nullopt;
    } catch (const std::exception& error) {
      return problem(500, std::string("a handler failed: ") + error.what());
    }
  }

  Reply reply() const {
    // Whoever holds it may live longer than the connection, and longer than the server.
    return Reply([server = std::weak_ptr<Shared>(shared_), slot = std::weak_ptr<Slot>(slot_)](Response response) {
      const auto alive = server.lock();
      if (!alive) return;
      net::post(alive->io, [slot, response = std::move(response)]() mutable {
        const auto waiting = slot.lock();
        if (!waiting) return;
        waiting->response = std::move(response);
        waiting->ready.cancel();
      });
    });
  }

  Task<bool> say_continue() {
    allow(limits().write_us);
    static constexpr std::string_view line = "HTTP/1.1 100 Continue\r\n\r\n";
    const Buffers buffers{net::buffer(line), {}};
    const Moved moved = co_await transport_->write(buffers);
    allow_for_ever();
    co_return !moved.error;
  }

  /// More of the body, which has to come at a rate: what counts is the time that it was waited for.
  Task<bool> read_body(std::optional<Response>& answer) {
    const int64_t over = limits().body_rate_over_us;
    for (;;) {
      const int64_t begun = now();
      const size_t before = in_.size();
      allow(std::max<int64_t>(over - waited_us_, 0));
      const bool came = co_await read_more(kBodyRead);
      waited_us_ += now() - begun;
      waited_for_ += static_cast<int64_t>(in_.size() - before);
      if (waited_us_ < over) co_return came;
      const bool slow = waited_for_ * 1'000'000 < limits().body_rate * over;
      waited_us_ = waited_for_ = 0;
      if (slow) answer = problem(408, fmt::format("the body came slower than {} bytes a second", limits().body_rate));
      if (slow || !late_) co_return came && !slow;
      late_ = false;  // only to look at the rate
    }
  }

  template <class Work>
  Task<> on_handlers(Work& work) {
    auto initiate = [this, &work](auto done) {
      net::post(shared_->handlers, [this, &work, done = std::move(done)]() mutable {
        work();
        net::post(shared_->io, std::move(done));
      });
    };
    co_await net::async_initiate<const net::use_awaitable_t<Executor>, void()>(initiate, awaited);
  }

  // ---- answering

  /// False: no other request may follow.
  Task<bool> answer(const Request& request, const Parser& parser, Response response, bool body_was_read) {
    const bool again = body_was_read && parser.is_done() && parser.keep_alive() && !shared_->stopping && !late_;
    const bool old = parser.version == 10;
    const bool empty = request.method == "HEAD" || has_no_body(response.status);
    status_ = response.status;
    unread_ = !body_was_read;
    late_ = false;
    const bool chunked = response.stream != nullptr && !old;
    const bool keeps = again && (response.stream == nullptr || chunked);
    const std::string head = head_of(response, {keeps, chunked, request.id, shared_->env.now_us()});
    const std::string_view body = empty ? std::string_view() : std::string_view(response.body);
    if (!co_await send(head, body.substr(0, kWrite))) co_return false;
    for (size_t at = kWrite; at < body.size(); at += kWrite) {
      if (!co_await send({}, body.substr(at, kWrite))) co_return false;
    }
    sent_bytes_ += static_cast<int64_t>(body.size());
    if (response.stream != nullptr && !empty && !co_await send_stream(*response.stream, chunked)) co_return false;
    if (response.stream != nullptr) {
      auto drop = [&] { response.stream.reset(); };
      co_await on_handlers(drop);
    }
    co_return keeps;
  }

  Task<bool> send(std::string_view first, std::string_view second) {
    allow(limits().write_us);
    const Buffers buffers{net::buffer(first), net::buffer(second)};
    const Moved moved = co_await transport_->write(buffers);
    allow_for_ever();
    co_return !moved.error;
  }

  Task<bool> send_stream(Producer& producer, bool chunked) {
    for (;;) {
      Producer::Piece piece;
      auto ask = [&] {
        try {
          piece = producer.next();
        } catch (const std::exception&) {
          piece.then = Producer::Then::broken;
        }
      };
      co_await on_handlers(ask);
      if (piece.then == Producer::Then::broken || abandoned_) co_return false;
      const std::string_view bytes = piece.bytes;
      for (size_t at = 0; at < bytes.size(); at += kWrite) {
        const std::string_view part = bytes.substr(at, kWrite);
        const std::string size = chunked ? fmt::format("{:x}\r\n", part.size()) : "";
        if (!co_await send(size, part) || (chunked && !co_await send("\r\n", {}))) co_return false;
        sent_bytes_ += static_cast<int64_t>(part.size());
      }
      if (piece.then == Producer::Then::wait && !shared_->stopping) {
        timer_.expires_after(std::chrono::microseconds(std::max<int64_t>(piece.wait_us, 1)));
        co_await timer_.async_wait(told);
      }
      if (piece.then == Producer::Then::ended || (piece.then == Producer::Then::wait && shared_->stopping)) break;
    }
    co_return !chunked || co_await send("0\r\n\r\n", {});
  }

  /// A client that is still sending would lose the answer to the reset that an early close makes: it is heard out for a
  /// moment.
  Task<> close() {
    allow(2'000'000);
    co_await transport_->say_goodbye();
    error_code ignored;
    Socket& socket = transport_->socket();
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    if (!unread_ || late_) co_return;
    allow(2'000'000);
    std::string dropped(kBodyRead, '\0');
    for (;;) {
      const auto [error, bytes] = co_await socket.async_read_some(net::buffer(dropped), told);
      if (error) co_return;
    }
  }

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Transport> transport_;
  std::string peer_;
  Timer timer_;  ///< of a stream that waits
  beast::flat_buffer in_;
  std::shared_ptr<Slot> slot_;
  int64_t deadline_us_ = kNever;    ///< of the operation under way
  int64_t idle_since_us_ = kNever;  ///< waits for a request since then; never: does not
  bool late_ = false;               ///< was interrupted
  bool abandoned_ = false, broken_off_ = false, unread_ = false;
  int64_t body_bytes_ = 0, sent_bytes_ = 0;
  int64_t waited_us_ = 0, waited_for_ = 0;  ///< for the body, and the bytes that came meanwhile
  int status_ = 0;
};

}  // namespace

Task<> serve(std::shared_ptr<Shared> shared, std::unique_ptr<Transport> transport, std::string peer) {
  Connection connection(std::move(shared), std::move(transport), std::move(peer));
  co_await connection.run();
}

}  // namespace trommel::server
