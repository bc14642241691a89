// Bell: ends a sleep early. Whoever has something new rings, from any thread; one loop or several sleep on it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace trommel {

class Bell {
 public:
  /// To be asked before one looks whether there is something to do: no ring after that is missed by `sleep`.
  uint64_t rings() const {
    const std::lock_guard lock(mutex_);
    return rings_;
  }
  void ring() {
    const std::lock_guard lock(mutex_);
    ++rings_;
    rung_.notify_all();
  }
  /// Until it has rung more than `heard` times, or so many microseconds have passed.
  void sleep(uint64_t heard, int64_t us) {
    std::unique_lock lock(mutex_);
    rung_.wait_for(lock, std::chrono::microseconds(us), [&] { return rings_ != heard; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable rung_;
  uint64_t rings_ = 0;
};

}  // namespace trommel
