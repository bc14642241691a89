// Files of others that are in the binary, for pages in the browser: Swagger UI and Redoc.
#pragma once

#include <string_view>

namespace trommel::endpoints {

std::string_view swagger_ui_script();
std::string_view swagger_ui_style();
std::string_view redoc_script();

}  // namespace trommel::endpoints
