#include "endpoints/pages.h"

#include "endpoints/web_files.h"
#include "fmt/format.h"
#include "segment/checksum.h"

namespace trommel::endpoints {
namespace {

using server::Request;
using server::Response;
using server::Route;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else
      out += c;
  }
  return out;
}

/// Nothing of another host, whatever the scripts would like to load or tell.
constexpr const char* policy =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' "
    "data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

std::string page(const std::string& title, const std::string& body) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<link rel=\"icon\" href=\"data:,\">\n{}"
      "</body>\n</html>\n",
      escaped(title), body);
}

Route page_route(const std::string& path, std::string html) {
  return {.method = "GET", .path = path, .handle = [html = std::move(html)](const Request&) {
            auto response = server::text_response(200, html, "text/html; charset=utf-8");
            response.headers.set("Content-Security-Policy", policy);
            response.headers.set("X-Content-Type-Options", "nosniff");
            return response;
          }};
}

Route file_route(const std::string& path, std::string_view bytes, const std::string& type) {
  const std::string tag = "\"" + checksum_of(bytes) + "\"";
  return {.method = "GET", .path = path, .handle = [bytes, type, tag](const Request& request) {
            Response response;
            if (request.headers.get("If-None-Match") == tag) {
              response.status = 304;
            } else {
              response = server::text_response(200, std::string(bytes), type);
            }
            response.headers.set("ETag", tag);
            response.headers.set("Cache-Control", "no-cache");
            response.headers.set("X-Content-Type-Options", "nosniff");
            return response;
          }};
}

constexpr std::string_view swagger_start =
    "window.ui = SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null, "
    "tryItOutEnabled: true });\n";

constexpr const char* script_type = "text/javascript; charset=utf-8";

}  // namespace

std::vector<Route> page_routes(const std::string& title) {
  std::vector<Route> routes;
  routes.push_back(page_route(
      "/docs", page(title,
                    "<link rel=\"stylesheet\" href=\"/docs/swagger-ui.css\">\n</head>\n<body>\n<div "
                    "id=\"swagger-ui\"></div>\n<script src=\"/docs/swagger-ui-bundle.js\"></script>\n<script "
                    "src=\"/docs/start.js\"></script>\n")));
  routes.push_back(file_route("/docs/swagger-ui.css", swagger_ui_style(), "text/css; charset=utf-8"));
  routes.push_back(file_route("/docs/swagger-ui-bundle.js", swagger_ui_script(), script_type));
  routes.push_back(file_route("/docs/start.js", swagger_start, script_type));
  routes.push_back(page_route("/redoc", page(title,
                                             "</head>\n<body>\n<redoc spec-url=\"/openapi.json\"></redoc>\n<script "
                                             "type=\"module\" src=\"/redoc/redoc.standalone.js\"></script>\n")));
  routes.push_back(file_route("/redoc/redoc.standalone.js", redoc_script(), script_type));
  return routes;
}

}  // namespace trommel::endpoints
