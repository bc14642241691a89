// What a plan says of stores that are asked: the views that are kept in them, and the endpoints.
#pragma once

#include <string>

#include "engine/plan.h"
#include "telemetry/terminal.h"

namespace trommel::cli {

std::string stores_text(const Terminal& terminal, const Plan& plan);
/// `"views":[...],`; nothing where there are none.
std::string stores_json(const Plan& plan);

}  // namespace trommel::cli
