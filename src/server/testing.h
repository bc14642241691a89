// A client of raw bytes for tests of the server: what a library would not send can be sent with it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace trommel::server {

class RawClient {
 public:
  explicit RawClient(int port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const timeval patience{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { hang_up(); }

  bool connected() const { return connected_; }
  void hang_up() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  /// False: the other side does not take it any more.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  /// Up to `text`, or what there is when the server closes.
  std::string read_until(std::string_view text) {
    for (;;) {
      const size_t at = kept_.find(text);
      if (at != std::string::npos) return take(at + text.size());
      if (!read_some()) return take(kept_.size());
    }
  }
  std::string read_exactly(size_t bytes) {
    while (kept_.size() < bytes && read_some()) {
    }
    return take(std::min(bytes, kept_.size()));
  }
  std::string read_to_end() {
    while (read_some()) {
    }
    return take(kept_.size());
  }

  struct Answer {
    int status = 0;
    std::string head, body;
  };
  /// One answer with a Content-Length.
  Answer answer() {
    Answer out;
    out.head = read_until("\r\n\r\n");
    if (out.head.size() > 12) out.status = std::stoi(out.head.substr(9, 3));
    const size_t at = out.head.find("Content-Length: ");
    if (at != std::string::npos) out.body = read_exactly(std::stoul(out.head.substr(at + 16)));
    return out;
  }

 private:
  bool read_some() {
    char buffer[16384];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got > 0) kept_.append(buffer, static_cast<size_t>(got));
    return got > 0;
  }
  std::string take(size_t bytes) {
    std::string out = kept_.substr(0, bytes);
    kept_.erase(0, bytes);
    return out;
  }

  int fd_;
  bool connected_ = false;
  std::string kept_;
};

}  // namespace trommel::server
