#include "cli/stopping.h"

#include <csignal>
#include <cstdlib>
#include <utility>

namespace trommel::cli {

namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

Stopping::Stopping(std::function<void()> heard) {
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  watcher_ = std::jthread([this, heard = std::move(heard)](const std::stop_token& ended) {
    const sigset_t waited = stop_signals();
    while (true) {
      const int signal = sigwaitinfo(&waited, nullptr);
      if (ended.stop_requested()) return;
      if (signal < 0) continue;
      if (source_.stop_requested()) std::_Exit(128 + signal);
      source_.request_stop();
      heard();
    }
  });
}

Stopping::~Stopping() {
  watcher_.request_stop();
  pthread_kill(watcher_.native_handle(), SIGTERM);  // wakes it, and it alone
  watcher_.join();
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace trommel::cli
