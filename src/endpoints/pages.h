// `/docs` (Swagger UI) and `/redoc`: pages that show /openapi.json, made of nothing but what is in the binary.
#pragma once

#include <string>
#include <vector>

#include "server/routes.h"

namespace trommel::endpoints {

std::vector<server::Route> page_routes(const std::string& title);

}  // namespace trommel::endpoints
