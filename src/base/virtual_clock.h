// An Env whose time is its own: it passes when somebody sleeps, and a microsecond at each look at the clock, so that a
// stepped run is the same each time. Files are those of another Env. There are no threads: who starts one is driven by
// threads, and has no business here.
#pragma once

#include <memory>

#include "base/env.h"

namespace trommel {

/// Starts at `start_us` (microseconds since 1970 in UTC). `files` must outlive it. One thread.
std::unique_ptr<Env> virtual_clock_env(Env& files, int64_t start_us);

}  // namespace trommel
