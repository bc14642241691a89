// Backoff: when to try again what is away. Pauses double from a hundredth of a second to a longest one, each with up to
// a quarter of it left out by chance, so that many who wait for one do not come at once.
// (Brooker: Exponential Backoff And Jitter, AWS Architecture Blog, 2015.)
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace trommel {

class Backoff {
 public:
  /// `for_us`: how long in all; `longest_us`: the longest pause. `seed` makes the chance.
  Backoff(int64_t for_us, int64_t longest_us, uint64_t seed) : for_us_(for_us), longest_us_(longest_us), seed_(seed) {}

  /// It failed at `now_us` (steady time). False: it has been tried for long enough.
  bool failed(int64_t now_us, const Error& error);
  bool pausing(int64_t now_us) const { return now_us < next_us_; }

  int64_t tries() const { return tries_; }
  int64_t since_us() const { return since_us_; }  ///< steady time of the first failure
  int64_t next_us() const { return next_us_; }    ///< steady time of the next try
  const Error& error() const { return error_; }   ///< the last

 private:
  int64_t for_us_, longest_us_;
  uint64_t seed_;
  int64_t tries_ = 0, since_us_ = 0, next_us_ = 0;
  Error error_;
};

}  // namespace trommel
