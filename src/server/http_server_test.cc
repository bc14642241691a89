#include "server/http_server.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "server/testing.h"

namespace trommel::server {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

double seconds_of(const std::function<void()>& work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

/// What became of bodies.
struct Seen {
  std::atomic<int64_t> bytes{0}, ended{0}, dropped{0};
  std::atomic<int64_t> pause_us{0};
};

class CountingSink final : public BodySink {
 public:
  explicit CountingSink(std::shared_ptr<Seen> seen) : seen_(std::move(seen)) {}
  ~CountingSink() override {
    if (!ended_) ++seen_->dropped;
  }
  std::optional<Response> write(std::string_view piece) override {
    seen_->bytes += static_cast<int64_t>(piece.size());
    if (piece.find("STOP") != std::string_view::npos) return problem(422, "no more");
    std::this_thread::sleep_for(std::chrono::microseconds(seen_->pause_us));
    return std::nullopt;
  }
  void end(Reply reply) override {
    ended_ = true;
    ++seen_->ended;
    reply.send(text_response(200, std::to_string(seen_->bytes)));
  }

 private:
  std::shared_ptr<Seen> seen_;
  bool ended_ = false;
};

class Numbers final : public Producer {
 public:
  explicit Numbers(int count) : count_(count) {}
  Piece next() override {
    if (at_ == count_) return {"", Then::ended, 0};
    return {event_text("number", std::to_string(at_++)), Then::wait, 1'000};
  }

 private:
  int count_, at_ = 0;
};

class HttpServer : public testing::Test {
 protected:
  void SetUp() override {
    options.limits.header_us = options.limits.idle_us = 2'000'000;
    options.limits.handlers = 4;
    add({.method = "GET", .path = "/hello", .handle = [](const Request& request) {
           const std::string* name = request.parameter("name");
           return text_response(200, "hello " + (name != nullptr ? *name : "you"));
         }});
    add({.method = "POST", .path = "/echo", .max_body = 1'000, .handle = [](const Request& request) {
           return text_response(200, request.body);
         }});
    add({.method = "GET", .path = "/below/", .below = true, .handle = [](const Request& request) {
           return text_response(200, request.rest);
         }});
    add({.method = "POST", .path = "/sink", .max_body = int64_t{1} << 40, .receive = [this](const Request&) {
           return std::make_unique<CountingSink>(seen);
         }});
    add({.method = "GET", .path = "/events", .handle = [](const Request&) {
           return event_stream(std::make_shared<Numbers>(3));
         }});
    add({.method = "GET", .path = "/for_ever", .handle = [](const Request&) {
           return event_stream(std::make_shared<Numbers>(1 << 30));
         }});
    add({.method = "GET", .path = "/later", .handle_later = [this](const Request&, Reply reply) {
           const std::lock_guard lock(mutex);
           replies.push_back(std::move(reply));
         }});
    add({.method = "GET", .path = "/forgotten", .handle_later = [](const Request&, Reply) {}});
    add({.method = "GET", .path = "/throws", .handle = [](const Request&) -> Response {
           throw std::runtime_error("broken");
         }});
    add({.method = "GET", .path = "/slow", .handle = [](const Request&) {
           std::this_thread::sleep_for(500ms);
           return text_response(200, "at last");
         }});
    add({.method = "GET", .path = "/split", .handle = [](const Request&) {
           Response response = text_response(200, "x");
           response.headers.add("X-Evil", "a\r\nX-Injected: yes");
           return response;
         }});
  }
  void add(Route route) { registrations.push_back(routes->add({std::move(route)})); }
  void start() {
    auto started = Server::start(real_env(), options, routes);
    ASSERT_TRUE(started.has_value()) << started.error().text();
    server = std::move(*started);
  }
  RawClient::Answer ask(const std::string& text) const {
    RawClient client(server->port());
    client.send(text);
    return client.answer();
  }
  RawClient::Answer get(const std::string& target) const {
    return ask("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }

  ServerOptions options;
  std::shared_ptr<Routes> routes = std::make_shared<Routes>();
  std::vector<Routes::Registration> registrations;
  std::shared_ptr<Seen> seen = std::make_shared<Seen>();
  std::mutex mutex;
  std::vector<Reply> replies;
  std::unique_ptr<Server> server;
};

TEST_F(HttpServer, SaysThatRoutesMayStillCome) {
  auto complete = std::make_shared<std::atomic<bool>>(false);
  options.complete = [complete] { return complete->load(); };
  start();
  EXPECT_EQ(get("/nowhere").status, 503);
  EXPECT_THAT(get("/nowhere").head, HasSubstr("Retry-After: 1"));
  EXPECT_EQ(get("/hello?name=x").status, 200);
  *complete = true;
  EXPECT_EQ(get("/nowhere").status, 404);
}

TEST_F(HttpServer, AnswersByMethodAndPath) {
  start();
  EXPECT_EQ(get("/hello?name=a%20b").body, "hello a b");
  EXPECT_EQ(get("/below/the/line").body, "the/line");
  EXPECT_EQ(get("/nowhere").status, 404);
  const auto wrong = get("/echo");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_THAT(wrong.head, HasSubstr("Allow: POST"));
  EXPECT_THAT(wrong.head, HasSubstr("application/problem+json"));
  RawClient client(server->port());
  client.send("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string head = client.read_to_end();
  EXPECT_THAT(head, HasSubstr("Content-Length: 9"));
  EXPECT_THAT(head, Not(HasSubstr("hello")));
}

TEST_F(HttpServer, RoutesComeAndGo) {
  start();
  {
    const auto kept = routes->add(
        {{.method = "GET", .path = "/hello", .handle = [](const Request&) { return text_response(200, "new"); }}});
    EXPECT_EQ(get("/hello").body, "new");
  }
  EXPECT_EQ(get("/hello").body, "hello you");
}

TEST_F(HttpServer, KeepsAConnectionForManyRequests) {
  start();
  RawClient client(server->port());
  for (int i = 0; i < 100; ++i) {
    client.send("GET /hello?name=" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(client.answer().body, "hello " + std::to_string(i));
  }
}

TEST_F(HttpServer, AnswersPipelinedRequestsInOrder) {
  start();
  std::string all;
  for (int i = 0; i < 20; ++i) {
    all += "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n" + std::string(i < 10 ? "0" : "") +
           std::to_string(i);
    all += "\r\n";  // some clients send a line end too many
  }
  RawClient client(server->port());
  client.send(all);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(std::stoi("0" + client.answer().body), i);
}

TEST_F(HttpServer, ReadsAMessageWhateverItsPieces) {
  start();
  const std::string text =
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "3;a=b\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nTrailer: x\r\n\r\n";
  for (size_t cut = 1; cut < text.size(); ++cut) {
    RawClient client(server->port());
    client.send(text.substr(0, cut));
    std::this_thread::sleep_for(1ms);
    client.send(text.substr(cut));
    EXPECT_EQ(client.answer().body, "abc0123456789abcdef") << cut;
  }
}

TEST_F(HttpServer, SaysContinueOnlyToAWelcomeBody) {
  start();
  RawClient client(server->port());
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  EXPECT_EQ(client.answer().body, "abc");
  const auto large = ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(large.status, 413);
}

TEST_F(HttpServer, RefusesBodiesThatAreTooLarge) {
  start();
  const std::string body(1'001, 'x');
  EXPECT_EQ(ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" + body).status, 413);
  EXPECT_EQ(ask("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + body + "\r\n0\r\n\r\n")
                .status,
            413);
  const std::string fits(1'000, 'x');
  EXPECT_EQ(ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + fits).body, fits);
}

TEST_F(HttpServer, RefusesHeadersThatAreTooLong) {
  start();
  EXPECT_EQ(get("/hello?" + std::string(20'000, 'x')).status, 431);
  EXPECT_EQ(ask("GET /hello HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n").status, 431);
}

TEST_F(HttpServer, RefusesWhatCouldBeReadInTwoWays) {
  start();
  const auto status = [&](const std::string& lines, const std::string& version = "1.1") {
    return ask("POST /echo HTTP/" + version + "\r\n" + lines + "\r\n\r\n3\r\nabc\r\n0\r\n\r\n").status;
  };
  EXPECT_EQ(status("Content-Length: 3"), 400);  // no Host
  EXPECT_EQ(status("Host: x\r\nHost: y\r\nContent-Length: 3"), 400);
  EXPECT_EQ(status("Host: x\r\nContent-Length: 3\r\nContent-Length: 4"), 400);
  EXPECT_EQ(status("Host: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked"), 400);
  EXPECT_EQ(status("Host: x\r\nContent-Length: -3"), 400);
  EXPECT_EQ(status("Host: x\r\nTransfer-Encoding: gzip, chunked"), 501);
  EXPECT_EQ(status("Host: x\r\nTransfer-Encoding: chunked", "1.0"), 400);
  EXPECT_EQ(status("Host : x\r\nContent-Length: 3"), 400);
  EXPECT_EQ(status("Host: x\r\nContent-Length: 3\r\n folded"), 400);
  EXPECT_EQ(ask("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n").status, 400);
  EXPECT_EQ(ask("nonsense\r\n\r\n").status, 400);
}

TEST_F(HttpServer, ClosesOnASlowHeader) {
  options.limits.header_us = 500'000;
  start();
  RawClient client(server->port());
  std::string answer;
  const double seconds = seconds_of([&] {
    client.send("GET /hello HTTP/1.1\r\n");
    for (int i = 0; i < 30; ++i) {
      if (!client.send("X: y\r\n")) break;
      std::this_thread::sleep_for(50ms);
    }
    answer = client.read_to_end();
  });
  EXPECT_THAT(answer, HasSubstr("408"));
  EXPECT_LT(seconds, 3);
}

TEST_F(HttpServer, ClosesIdleConnections) {
  options.limits.idle_us = 300'000;
  start();
  RawClient client(server->port());
  EXPECT_LT(seconds_of([&] { EXPECT_EQ(client.read_to_end(), ""); }), 2);
}

TEST_F(HttpServer, ClosesOnABodyThatDrips) {
  options.limits.body_rate_over_us = 500'000;
  start();
  RawClient client(server->port());
  client.send("POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
  const double seconds = seconds_of([&] {
    for (int i = 0; i < 40 && client.send("x"); ++i) std::this_thread::sleep_for(50ms);
    EXPECT_EQ(client.answer().status, 408);
  });
  EXPECT_LT(seconds, 5);
  server->stop();
  EXPECT_EQ(seen->dropped, 1);
  EXPECT_EQ(seen->ended, 0);
}

TEST_F(HttpServer, BearsABodyThatComesInBursts) {
  options.limits.body_rate_over_us = 500'000;
  start();
  RawClient client(server->port());
  client.send("POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n");
  for (int i = 0; i < 4; ++i) {
    client.send(std::string(1'000, 'x'));
    std::this_thread::sleep_for(200ms);
  }
  EXPECT_EQ(client.answer().body, "4000");
}

TEST_F(HttpServer, ASinkMayEndABodyEarly) {
  start();
  RawClient client(server->port());
  client.send("POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\nSTOP");
  for (int i = 0; i < 200 && client.send(std::string(10'000, 'x')); ++i) {
  }
  EXPECT_EQ(client.answer().status, 422);
}

TEST_F(HttpServer, ASinkThatIsSlowIsNotOverrun) {
  seen->pause_us = 10'000;
  start();
  const int64_t before = real_env().process().peak_memory_bytes;
  RawClient client(server->port());
  const size_t size = 64 << 20;
  client.send("POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
  std::thread sender([&] {
    const std::string piece(1 << 20, 'x');
    for (size_t i = 0; i < size / piece.size(); ++i) client.send(piece);
  });
  std::this_thread::sleep_for(200ms);
  EXPECT_LT(seen->bytes, 8 << 20);
  EXPECT_EQ(get("/hello").body, "hello you");  // others are not held up
  seen->pause_us = 0;
  sender.join();
  EXPECT_EQ(client.answer().body, std::to_string(size));
  EXPECT_LT(real_env().process().peak_memory_bytes - before, 16 << 20);
}

TEST_F(HttpServer, ABodyThatBreaksOffIsDropped) {
  start();
  {
    RawClient client(server->port());
    client.send("POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
    std::this_thread::sleep_for(100ms);
  }
  for (int i = 0; i < 100 && seen->dropped == 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(seen->dropped, 1);
  EXPECT_EQ(seen->ended, 0);
}

TEST_F(HttpServer, StreamsEvents) {
  start();
  RawClient client(server->port());
  client.send("GET /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string all = client.read_to_end();
  EXPECT_THAT(all, HasSubstr("text/event-stream"));
  EXPECT_THAT(all, HasSubstr("data: 2\n\n"));
  EXPECT_THAT(all, testing::EndsWith("0\r\n\r\n"));
}

TEST_F(HttpServer, AnswersLaterFromAnywhere) {
  start();
  std::thread other([&] {
    for (;;) {
      std::this_thread::sleep_for(10ms);
      const std::lock_guard lock(mutex);
      if (replies.empty()) continue;
      replies.front().send(text_response(200, "later"));
      replies.front().send(text_response(200, "twice"));
      return;
    }
  });
  EXPECT_EQ(get("/later").body, "later");
  other.join();
  EXPECT_EQ(get("/forgotten").status, 500);
  EXPECT_EQ(get("/throws").status, 500);
}

TEST_F(HttpServer, AReplyMayOutliveItsServer) {
  start();
  RawClient client(server->port());
  options.limits.stop_us = 0;
  client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  for (int i = 0; i < 100; ++i) {
    std::this_thread::sleep_for(10ms);
    const std::lock_guard lock(mutex);
    if (!replies.empty()) break;
  }
  client.hang_up();
  replies.front().send(text_response(200, "x"));
  server.reset();
  replies.clear();
}

TEST_F(HttpServer, ManyWaitingClientsHoldNobody) {
  start();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->send(i % 3 == 0   ? "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
                         : i % 3 == 1 ? "GET /for_ever HTTP/1.1\r\nHost: x\r\n\r\n"
                                      : "POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
  }
  EXPECT_LT(seconds_of([&] { EXPECT_EQ(get("/hello").body, "hello you"); }), 1);
  for (auto& client : clients) client->hang_up();
  const std::lock_guard lock(mutex);
  for (const Reply& reply : replies) reply.send(text_response(200, ""));
}

TEST_F(HttpServer, MakesRoomByEndingIdleConnections) {
  options.limits.connections = 4;
  options.limits.idle_us = 60'000'000;
  start();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(std::make_unique<RawClient>(server->port()));
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(get("/hello").status, 200);
  EXPECT_EQ(clients.front()->read_to_end(), "");
}

TEST_F(HttpServer, TurnsAwayWhoFindsNoRoom) {
  options.limits.connections = 2;
  start();
  RawClient one(server->port()), two(server->port());
  for (RawClient* client : {&one, &two}) client->send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(get("/hello").status, 503);
  const std::lock_guard lock(mutex);
  for (const Reply& reply : replies) reply.send(text_response(200, ""));
}

TEST_F(HttpServer, EndsAfterRequestsInFlight) {
  start();
  RawClient busy(server->port()), idle(server->port()), events(server->port());
  events.send("GET /for_ever HTTP/1.1\r\nHost: x\r\n\r\n");
  events.read_until("data: 1\n");
  busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(100ms);
  const double seconds = seconds_of([&] { server->stop(); });
  EXPECT_LT(seconds, 2);
  const auto answer = busy.answer();
  EXPECT_EQ(answer.body, "at last");
  EXPECT_THAT(answer.head, HasSubstr("Connection: close"));
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_THAT(events.read_to_end(), testing::EndsWith("0\r\n\r\n"));
  EXPECT_FALSE(RawClient(server->port()).connected());
}

TEST_F(HttpServer, DoesNotWaitForEverToEnd) {
  options.limits.stop_us = 200'000;
  start();
  RawClient client(server->port());
  client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(50ms);
  EXPECT_LT(seconds_of([&] { server->stop(); }), 2);
}

TEST_F(HttpServer, AHeaderCannotBeSplit) {
  start();
  EXPECT_THAT(get("/split").head, Not(HasSubstr("\nX-Injected")));
}

TEST_F(HttpServer, WhoIsNotAdmittedSendsNoBody) {
  options.admit = [](Request& request, const Route&) -> std::optional<Response> {
    if (request.headers.get("Authorization") == "Bearer good") return std::nullopt;
    return problem(401, "no");
  };
  std::vector<std::string> log;
  options.served = [&](const Served& served) {
    log.push_back(served.request->method + " " + served.request->path + " " + std::to_string(served.status));
  };
  start();
  EXPECT_EQ(ask("POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc").status, 401);
  EXPECT_EQ(ask("POST /sink HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Length: 3\r\n\r\nabc").status,
            200);
  server->stop();
  EXPECT_EQ(seen->bytes, 3);
  EXPECT_THAT(log, testing::ElementsAre("POST /sink 401", "POST /sink 200"));
}

TEST_F(HttpServer, SaysWhenItCannotListen) {
  start();
  ServerOptions same;
  same.port = server->port();
  const auto second = Server::start(real_env(), same, routes);
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error().text(), HasSubstr("cannot listen"));
  ServerOptions tls;
  tls.tls = Tls{"no.pem", "no.pem"};
  EXPECT_THAT(Server::start(real_env(), tls, routes).error().text(), HasSubstr("no.pem"));
  ServerOptions host;
  host.host = "nowhere";
  EXPECT_FALSE(Server::start(real_env(), host, routes).has_value());
}

}  // namespace
}  // namespace trommel::server
