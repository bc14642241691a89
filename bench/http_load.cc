// Sends HTTP/1.1 requests to a server on this machine and says how long each took: one thread, epoll, kept connections.
//
//   bench_http_load PORT PATHS --connections N --count N             as many as the connections carry (closed loop)
//   bench_http_load PORT PATHS --connections N --rate R --seconds S  open loop: requests are due at random moments
//                                                                    (Poisson, R a second), whether or not earlier
//                                                                    ones were answered
//   --body FILE: POST it, instead of GET        --type TEXT: its Content-Type       --seed N
//
// PATHS has a path a line, taken in turn. A latency begins when its request was due, so that waiting for a free
// connection counts; what is not answered after one and a half times the seconds counts with the time it has waited.
// Prints one line of JSON.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "fmt/format.h"

namespace {

struct Options {
  int port = 0, connections = 16;
  std::vector<std::string> paths;
  int64_t count = 0;
  double rate = 0, seconds = 0;
  std::string body, type = "text/csv";
  bool post = false;
  unsigned seed = 1;
};

[[noreturn]] void fail(const std::string& what) {
  fmt::print(stderr, "bench_http_load: {}\n", what);
  std::exit(1);
}

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string read_file(const char* path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(fmt::format("cannot read {}", path));
  return {std::istreambuf_iterator<char>(in), {}};
}

Options read_options(int argc, char** argv) {
  if (argc < 3) fail("usage: bench_http_load PORT PATHS [options]");
  Options out;
  out.port = std::atoi(argv[1]);
  std::ifstream paths(argv[2]);
  for (std::string line; std::getline(paths, line);) out.paths.push_back(line);
  if (out.paths.empty()) fail("no paths");
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const char* value = argv[i + 1];
    if (name == "--connections")
      out.connections = std::atoi(value);
    else if (name == "--count")
      out.count = std::atoll(value);
    else if (name == "--rate")
      out.rate = std::atof(value);
    else if (name == "--seconds")
      out.seconds = std::atof(value);
    else if (name == "--body")
      out.body = read_file(value), out.post = true;
    else if (name == "--type")
      out.type = value;
    else if (name == "--seed")
      out.seed = static_cast<unsigned>(std::atoi(value));
    else
      fail(fmt::format("what is {}", name));
  }
  if ((out.count > 0) == (out.rate > 0)) fail("either --count, or --rate with --seconds");
  return out;
}

struct Connection {
  int socket = -1;
  bool busy = false;
  double due = 0;
  std::string out, in;
  size_t sent = 0;
};

class Load {
 public:
  explicit Load(Options options) : options_(std::move(options)), draw_(options_.seed), epoll_(epoll_create1(0)) {
    connections_.resize(static_cast<size_t>(options_.connections));
  }

  void run() {
    for (size_t i = 0; i < connections_.size(); ++i) open(i);
    began_ = now_s();
    next_due_ = began_;
    while (!done()) {
      queue_what_is_due();
      while (!waiting_.empty() && !idle_.empty()) {
        const size_t at = idle_.back();
        idle_.pop_back();
        start(at, waiting_.front());
        waiting_.pop_front();
      }
      wait();
    }
    ended_ = now_s();
    unanswered_ = busy_ + static_cast<int64_t>(waiting_.size());
    for (const double due : waiting_) latencies_.push_back(ended_ - due);  // at least that
    for (const Connection& connection : connections_) {
      if (connection.busy) latencies_.push_back(ended_ - connection.due);
    }
  }

  void print() const {
    auto sorted = latencies_;
    std::ranges::sort(sorted);
    const auto at = [&](double share) {
      if (sorted.empty()) return 0.0;
      return 1e3 * sorted[std::min(sorted.size() - 1, static_cast<size_t>(share * static_cast<double>(sorted.size())))];
    };
    std::string statuses;
    for (const auto& [status, count] : statuses_)
      statuses += fmt::format(R"({}"{}":{})", statuses.empty() ? "" : ",", status, count);
    const int64_t answered = static_cast<int64_t>(sorted.size()) - unanswered_;
    fmt::print(
        R"({{"requests":{},"unanswered":{},"seconds":{:.3f},"per_second":{:.1f},"p50_ms":{:.3f},"p90_ms":{:.3f},"p99_ms":{:.3f},)"
        R"("max_ms":{:.3f},"bytes":{},"statuses":{{{}}}}})"
        "\n",
        answered, unanswered_, ended_ - began_, static_cast<double>(answered) / (ended_ - began_), at(0.5), at(0.9),
        at(0.99), at(1), bytes_, statuses);
  }

 private:
  bool done() const {
    if (options_.count > 0) return static_cast<int64_t>(latencies_.size()) >= options_.count;
    if (next_due_ <= began_ + options_.seconds) return false;
    return (waiting_.empty() && busy_ == 0) || now_s() > began_ + kPatience * options_.seconds;
  }

  void queue_what_is_due() {
    if (options_.count > 0) {
      while (made_ < options_.count && waiting_.size() < idle_.size()) waiting_.push_back(now_s()), ++made_;
      return;
    }
    for (const double now = now_s(); next_due_ <= now && next_due_ <= began_ + options_.seconds; ++made_) {
      waiting_.push_back(next_due_);
      next_due_ += std::exponential_distribution<>(options_.rate)(draw_);
    }
  }

  void open(size_t at) {
    Connection& connection = connections_[at];
    connection = {};
    connection.socket = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(options_.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(connection.socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      fail(fmt::format("no connection to port {}: {}", options_.port, std::strerror(errno)));
    const int one = 1;
    setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(connection.socket, F_SETFL, O_NONBLOCK);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = at}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event);
    idle_.push_back(at);
  }

  void start(size_t at, double due) {
    Connection& connection = connections_[at];
    connection.due = due;
    connection.busy = true;
    ++busy_;
    const auto& path = options_.paths[next_path_++ % options_.paths.size()];
    connection.out =
        fmt::format("{} {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", options_.post ? "POST" : "GET", path, options_.port);
    if (options_.post)
      connection.out += fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", options_.type, options_.body.size());
    connection.out += "\r\n" + options_.body;
    connection.sent = 0;
    connection.in.clear();
    send_more(at);
  }

  void send_more(size_t at) {
    Connection& connection = connections_[at];
    while (connection.sent < connection.out.size()) {
      const auto n = send(connection.socket, connection.out.data() + connection.sent,
                          connection.out.size() - connection.sent, MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN) break;
      if (n < 0) fail(fmt::format("sending: {}", std::strerror(errno)));
      connection.sent += static_cast<size_t>(n);
    }
    const bool more = connection.sent < connection.out.size();
    epoll_event event{.events = more ? EPOLLIN | EPOLLOUT : uint32_t{EPOLLIN}, .data = {.u64 = at}};
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.socket, &event);
  }

  void wait() {
    int timeout_ms = 100;
    if (options_.rate > 0 && next_due_ <= began_ + options_.seconds)
      timeout_ms = std::clamp(static_cast<int>((next_due_ - now_s()) * 1e3), 0, 100);
    if (!waiting_.empty() && !idle_.empty()) timeout_ms = 0;
    epoll_event events[64];
    const int n = epoll_wait(epoll_, events, 64, timeout_ms);
    for (int i = 0; i < n; ++i) {
      const auto at = static_cast<size_t>(events[i].data.u64);
      if (events[i].events & EPOLLOUT) send_more(at);
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(at);
    }
  }

  void receive(size_t at) {
    Connection& connection = connections_[at];
    char buffer[65536];
    for (;;) {
      const auto n = recv(connection.socket, buffer, sizeof buffer, 0);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) {
        if (connection.busy) fail("the server closed a connection before its answer");
        std::erase(idle_, at);
        close(connection.socket);
        open(at);
        return;
      }
      connection.in.append(buffer, static_cast<size_t>(n));
      if (finish(at)) return;
    }
  }

  /// Whether the answer is whole.
  bool finish(size_t at) {
    Connection& connection = connections_[at];
    const auto head = connection.in.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    std::string names = connection.in.substr(0, head);
    std::ranges::transform(names, names.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto length = names.find("content-length:");
    if (length == std::string::npos) fail("an answer without Content-Length");
    const auto size = static_cast<size_t>(std::atoll(names.c_str() + length + 15));
    if (connection.in.size() < head + 4 + size) return false;
    latencies_.push_back(now_s() - connection.due);
    bytes_ += static_cast<int64_t>(connection.in.size());
    ++statuses_[std::atoi(connection.in.c_str() + 9)];
    connection.busy = false;
    --busy_;
    idle_.push_back(at);
    return true;
  }

  static constexpr double kPatience = 1.5;  // a server that is far behind is not waited for

  Options options_;
  std::mt19937 draw_;
  int epoll_;
  std::vector<Connection> connections_;
  std::vector<size_t> idle_;
  std::deque<double> waiting_;  ///< when each was due
  std::vector<double> latencies_;
  std::map<int, int64_t> statuses_;
  double began_ = 0, ended_ = 0, next_due_ = 0;
  int64_t made_ = 0, busy_ = 0, bytes_ = 0, unanswered_ = 0;
  size_t next_path_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Load load(read_options(argc, argv));
  load.run();
  load.print();
}
