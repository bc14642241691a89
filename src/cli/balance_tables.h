// The balance sheet as people read it.
#pragma once

#include <string>

#include "engine/run.h"

namespace trommel::cli {

/// By source and by sink, what was written where, and what every row that did not arrive became. `width` in cells, 0:
/// any.
std::string balance_text(const RunReport& report, int width);

}  // namespace trommel::cli
