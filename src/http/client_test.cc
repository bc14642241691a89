#include "http/client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace trommel::http {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A port of this machine that connections come to; from the end of its life on `accept` gives none.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(socket_, 4), 0);
    socklen_t size = sizeof(address);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { ::close(socket_); }
  int accept() const { return ::accept(socket_, nullptr, nullptr); }  ///< negative: none comes any more
  void end() const { ::shutdown(socket_, SHUT_RDWR); }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }

 private:
  int socket_;
  int port_ = 0;
};

/// Answers each connection in turn with the next of its texts, and keeps what it was asked.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer, bool close_at_once = true)
      : answer_(std::move(answer)), close_(close_at_once) {
    thread_ = std::thread([this] { serve(); });
  }
  ~OneAnswer() {
    listener_.end();
    thread_.join();
  }
  std::string url(const std::string& path) const { return listener_.url(path); }
  /// What was asked, once it was answered.
  std::string asked() {
    if (thread_.joinable()) thread_.join();
    thread_ = std::thread([] {});
    return asked_;
  }

 private:
  bool complete() const {
    const size_t head = asked_.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    if (asked_.find("chunked") != std::string::npos) return asked_.ends_with("0\r\n\r\n");
    const size_t length = asked_.find("Content-Length: ");
    const size_t body = length == std::string::npos ? 0 : std::stoul(asked_.substr(length + 16));
    return asked_.size() >= head + 4 + body;
  }
  void serve() {
    const int connection = listener_.accept();
    if (connection < 0) return;
    char piece[4096];
    while (!complete()) {
      const ssize_t count = ::recv(connection, piece, sizeof(piece), 0);
      if (count <= 0) break;
      asked_.append(piece, static_cast<size_t>(count));
    }
    (void)::send(connection, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    if (!close_) (void)::recv(connection, piece, sizeof(piece), 0);  // until the other side has enough
    ::close(connection);
  }

  const Listener listener_;
  std::string answer_, asked_;
  bool close_;
  std::thread thread_;
};

Client client(const std::string& user = "", const std::string& password = "", const std::string& token = "") {
  ClientSettings settings;
  settings.user = user;
  settings.password = password;
  settings.bearer_token = token;
  return Client(std::move(settings));
}

/// Answers the first request that ever comes, and to no other one: it hangs up.
class DiesAfterOne {
 public:
  DiesAfterOne() {
    acceptor_ = std::thread([this] {
      for (int connection; (connection = listener_.accept()) >= 0;)
        connections_.emplace_back([this, connection] { serve(connection); });
    });
  }
  ~DiesAfterOne() {
    listener_.end();
    acceptor_.join();
    for (auto& connection : connections_) connection.join();
  }
  std::string url() const { return listener_.url("/"); }
  std::atomic<int> requests = 0;

 private:
  void serve(int connection) {
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    char piece[4096];
    while (::recv(connection, piece, sizeof(piece), 0) > 0 && ++requests == 1)
      (void)::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::close(connection);
  }

  const Listener listener_;
  std::thread acceptor_;
  std::vector<std::thread> connections_;
};

TEST(HttpClient, GetsStatusHeadersAndBody) {
  OneAnswer server("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nX-A:  b \r\nContent-Length: 5\r\n\r\nhello");
  Request request;
  request.url = server.url("/x?y=1");
  request.headers = {{"X-Mine", "1"}, {"X-Empty", ""}};
  const auto response = client().send(request);
  ASSERT_TRUE(response) << response.error().text();
  EXPECT_EQ(response->status, 404);
  EXPECT_FALSE(response->ok());
  EXPECT_EQ(response->body, "hello");
  EXPECT_EQ(*response->find("content-type"), "text/plain");
  EXPECT_EQ(response->find("none"), nullptr);
  const std::string asked = server.asked();
  EXPECT_THAT(asked, testing::StartsWith("GET /x?y=1 HTTP/1.1\r\n"));
  EXPECT_THAT(asked, HasSubstr("X-Mine: 1\r\n"));
  EXPECT_THAT(asked, HasSubstr("X-Empty:\r\n"));
}

TEST(HttpClient, SendsABodyFromMemoryAndFromAProducer) {
  const std::string body(100'000, 'x');
  {
    OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    Request request;
    request.method = "POST";
    request.url = server.url("/in");
    request.body = as_bytes(body);
    ASSERT_TRUE(client().send(request));
    const std::string asked = server.asked();
    EXPECT_THAT(asked, testing::StartsWith("POST /in"));
    EXPECT_TRUE(asked.ends_with("\r\n\r\n" + body));
    EXPECT_THAT(asked, Not(HasSubstr("Expect")));
  }
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  Request request;
  request.method = "PUT";
  request.url = server.url("/in");
  int left = 3;
  request.produce = [&](std::span<uint8_t> into) -> Result<size_t> {
    if (left-- == 0) return size_t{0};
    into[0] = 'a';
    return size_t{1};
  };
  ASSERT_TRUE(client().send(request));
  EXPECT_THAT(server.asked(), HasSubstr("\r\n\r\n1\r\na\r\n1\r\na\r\n1\r\na\r\n0\r\n\r\n"));
}

TEST(HttpClient, StreamsGoodAnswersOnly) {
  std::string got;
  Request request;
  request.consume = [&](Bytes bytes) -> Result<> {
    got += as_text(bytes);
    return {};
  };
  {
    OneAnswer server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    request.url = server.url("/");
    const auto response = client().send(request);
    ASSERT_TRUE(response);
    EXPECT_EQ(got, "abcde");
    EXPECT_EQ(response->body, "");
  }
  OneAnswer server("HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nwhy");
  request.url = server.url("/");
  const auto response = client().send(request);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "why");
  EXPECT_EQ(got, "abcde");
}

TEST(HttpClient, ErrorsOfProducersAndConsumersComeBack) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
  Request request;
  request.url = server.url("/");
  request.consume = [](Bytes) -> Result<> { return data_error("disk", "full"); };
  const auto response = client().send(request);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().text(), "disk: full");
}

TEST(HttpClient, AnAnswerThatIsTooLongIsAnError) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
  Request request;
  request.url = server.url("/");
  request.response_bytes_max = 2;
  const auto response = client().send(request);
  ASSERT_FALSE(response);
  EXPECT_THAT(response.error().text(), HasSubstr("the answer has more than 2 bytes"));
}

TEST(HttpClient, NoErrorTellsASecret) {
  Request request;
  request.url = "http://anna:secret1@127.0.0.1:1/path?password=secret2";
  request.headers = {{"X-Key", "secret3"}};
  const auto response = client("u", "secret4").send(request);
  ASSERT_FALSE(response);
  EXPECT_TRUE(response.error().retry);
  EXPECT_THAT(response.error().text(), testing::StartsWith("http://127.0.0.1:1/path: "));
  EXPECT_THAT(response.error().text(), Not(HasSubstr("secret")));
  EXPECT_THAT(response.error().text(), Not(HasSubstr("anna")));
}

TEST(HttpClient, SaysWhoAsks) {
  {
    OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    Request request;
    request.url = server.url("/");
    ASSERT_TRUE(client("anna", "b:c").send(request));
    EXPECT_THAT(server.asked(), HasSubstr("Authorization: Basic YW5uYTpiOmM=\r\n"));
  }
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  Request request;
  request.url = server.url("/");
  ASSERT_TRUE(client("", "", "t").send(request));
  EXPECT_THAT(server.asked(), HasSubstr("Authorization: Bearer t\r\n"));
}

TEST(HttpClient, GivesUpWhenTheTimeIsOverOrTheRunStops) {
  const std::string half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
  {
    OneAnswer server(half, false);
    Request request;
    request.url = server.url("/");
    request.timeout_ms = 100;
    const auto response = client().send(request);
    ASSERT_FALSE(response);
    EXPECT_THAT(response.error().text(), HasSubstr("timed out"));
  }
  OneAnswer server(half, false);
  std::stop_source stopping;
  Request request;
  request.url = server.url("/");
  request.stop = stopping.get_token();
  stopping.request_stop();
  const auto response = client().send(request);
  ASSERT_FALSE(response);
  EXPECT_THAT(response.error().text(), HasSubstr("the run is stopping"));
}

TEST(HttpClient, AnAnswerThatBreaksOffIsAnError) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  Request request;
  request.url = server.url("/");
  EXPECT_FALSE(client().send(request));
}

TEST(HttpClient, WhatMayNotBeDoneTwiceIsSentOnce) {
  for (const bool only_once : {false, true}) {
    DiesAfterOne server;
    Client sender = client();
    Request request;
    request.method = "POST";
    request.url = server.url();
    ASSERT_TRUE(sender.send(request));
    request.only_once = only_once;
    EXPECT_FALSE(sender.send(request));
    EXPECT_EQ(server.requests, only_once ? 2 : 3);  // libcurl tries again on a connection that was used before
    sender = client();
  }
}

TEST(Url, EscapesAndShows) {
  EXPECT_EQ(url_escaped("a b/ü-._~"), "a%20b%2F%C3%BC-._~");
  EXPECT_EQ(shown_url("https://u:p@h:1/a/b?c=d#e"), "https://h:1/a/b");
  EXPECT_EQ(shown_url("http://h?password=x"), "http://h");
}

}  // namespace
}  // namespace trommel::http
