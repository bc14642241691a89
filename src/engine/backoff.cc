#include "engine/backoff.h"

#include <algorithm>

namespace trommel {

bool Backoff::failed(int64_t now_us, const Error& error) {
  constexpr int64_t kFirst = 10'000;
  if (tries_ == 0) since_us_ = now_us;
  error_ = error;
  ++tries_;
  if (now_us - since_us_ >= for_us_) return false;
  const int64_t doubled = kFirst << std::min<int64_t>(tries_ - 1, 30);
  const int64_t pause = std::min(doubled, longest_us_);
  seed_ = seed_ * 6364136223846793005 + 1442695040888963407;
  const int64_t left_out = pause / 4 * static_cast<int64_t>(seed_ >> 48) / 65536;
  // The last try comes when the time is over, not a pause after it.
  next_us_ = std::min(now_us + std::max<int64_t>(pause - left_out, 1), since_us_ + for_us_);
  return true;
}

}  // namespace trommel
