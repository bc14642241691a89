// Ctrl-C and `kill`: the first asks for a clean end, the second ends at once.
#pragma once

#include <functional>
#include <stop_token>
#include <thread>

namespace trommel::cli {

/// While it lives, SIGINT and SIGTERM set its stop token and call `heard` (on a thread of its own). Make it before any
/// other thread starts: threads inherit that they are not to be interrupted.
class Stopping {
 public:
  explicit Stopping(std::function<void()> heard);
  ~Stopping();
  Stopping(const Stopping&) = delete;
  Stopping& operator=(const Stopping&) = delete;

  std::stop_token token() const { return source_.get_token(); }
  bool asked() const { return source_.stop_requested(); }

 private:
  std::stop_source source_;
  std::jthread watcher_;
};

}  // namespace trommel::cli
