// Arrow's compute functions, made ready before anybody calls one.
#pragma once

#include "base/error.h"

namespace trommel {

/// To be called before the first use. Arrow registers its functions in a call that two threads must not make at once:
/// the second comes back while the first is still at it, and misses functions.
Result<> compute_ready();

}  // namespace trommel
