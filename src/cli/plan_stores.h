// What a plan says of stores that are asked: the views that are kept in them, and the endpoints.
#pragma once

#include <string>
#include <vector>

#include "endpoints/endpoint.h"
#include "engine/plan.h"
#include "telemetry/terminal.h"

namespace trommel::cli {

using BoundEndpoints = std::vector<endpoints::BoundEndpoint>;

std::string stores_text(const Terminal& terminal, const Plan& plan, const BoundEndpoints& bound);
/// `"views":[...],"endpoints":[...],`; nothing where there are none.
std::string stores_json(const Plan& plan, const BoundEndpoints& bound);

}  // namespace trommel::cli
