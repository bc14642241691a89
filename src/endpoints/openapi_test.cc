#include "endpoints/openapi.h"

#include "base/json.h"
#include "config/own_paths.h"
#include "endpoints/pages.h"
#include "endpoints/serving.h"
#include "endpoints/testing.h"
#include "endpoints/web_files.h"
#include "gmock/gmock.h"

namespace trommel::endpoints {
namespace {

using testing::HasSubstr;

server::Response get(const server::Routes& routes, const std::string& path, const std::string& query = "") {
  server::Request request;
  request.method = "GET";
  request.path = path;
  request.query = *server::parse_query(query);
  const auto found = routes.find("GET", path);
  EXPECT_NE(found.route, nullptr) << path;
  return found.route ? found.route->handle(request) : server::Response();
}

std::shared_ptr<MemoryStore> store() {
  return std::make_shared<MemoryStore>("CREATE TABLE rounds (played TIMESTAMP, game INTEGER, price DECIMAL(9,2))");
}

const char* const text =
    "/rounds:\n  sql: SELECT * FROM rounds\n  description: Every round. Newest first.\n"
    "  filters: { game: game in, until: played <, price: price = }\n  order_by: played desc\n  page: { default: 10, "
    "max: 50 }\n"
    "/plain:\n  sql: SELECT $n AS n\n  parameters: { n: { type: int8, required: true } }\n";

TEST(OpenApi, describes_exactly_what_is_taken_and_given) {
  const auto bound = bind_text(text, store());
  const auto operation = *parse_json(operation_json(bound[0]), "operation");
  EXPECT_EQ(operation["summary"], "Every round");
  std::map<std::string, Json> parameters;
  for (const auto& parameter : operation["parameters"]) parameters[parameter["name"]] = parameter;
  EXPECT_EQ(parameters["game"]["schema"]["items"]["minimum"], -2147483648LL);
  EXPECT_THAT(parameters["until"]["description"].get<std::string>(), HasSubstr("a date alone includes that day"));
  EXPECT_EQ(parameters["price"]["schema"]["pattern"], "^-?[0-9]{1,7}(\\.[0-9]{1,2})?$");
  EXPECT_EQ(parameters["page_size"]["schema"]["maximum"], 50);
  const auto& schema = operation["responses"]["200"]["content"]["application/json"]["schema"];
  EXPECT_EQ(schema["required"], (Json{"data", "total_results", "pagination"}));
  EXPECT_EQ(schema["properties"]["data"]["items"]["required"], (Json{"played", "game", "price"}));
  EXPECT_FALSE(operation["responses"].contains("422"));
  const auto plain = *parse_json(operation_json(bound[1]), "operation");
  EXPECT_EQ(plain["parameters"][0]["required"], true);
  EXPECT_EQ(plain["parameters"][0]["schema"]["minimum"], -128);
  EXPECT_TRUE(plain["responses"].contains("422"));
}

TEST(OpenApi, document_has_the_routes_that_there_are) {
  const auto routes = std::make_shared<server::Routes>();
  auto serving = serve(bind_text(text, store()), {"rounds", "1.0", true}, routes);
  ASSERT_TRUE(serving) << serving.error().text();
  const auto other = routes->add({{.method = "POST", .path = "/csv_upload", .operation = "{\"summary\":\"Upload\"}"}});
  const auto document = *parse_json(get(*routes, "/openapi.json").body, "document");
  EXPECT_EQ(document["openapi"], "3.1.0");
  EXPECT_EQ(document["info"]["title"], "rounds");
  EXPECT_EQ(document["paths"].size(), 3);
  EXPECT_EQ(document["paths"]["/csv_upload"]["post"]["summary"], "Upload");
  EXPECT_TRUE(document["components"]["securitySchemes"].contains("token"));
  EXPECT_EQ(get(*routes, "/plain", "n=5").status, 200);
  serving = server::Routes::Registration();
  EXPECT_EQ(routes->find("GET", "/rounds").route, nullptr);
}

TEST(Pages, name_no_outside_address) {
  const auto routes = std::make_shared<server::Routes>();
  const auto added = routes->add(page_routes("a <b> & c"));
  for (const char* path : {"/docs", "/redoc"}) {
    const auto response = get(*routes, path);
    EXPECT_THAT(response.body, HasSubstr("<title>a &lt;b> &amp; c</title>"));
    EXPECT_THAT(response.body, testing::Not(HasSubstr("://")));
    EXPECT_THAT(std::string(response.headers.get("Content-Security-Policy")), HasSubstr("connect-src 'self'"));
    // Each file that a page names is there.
    for (size_t at = response.body.find("src=\""); at != std::string::npos; at = response.body.find("src=\"", at + 1)) {
      const auto file = response.body.substr(at + 5, response.body.find('"', at + 5) - at - 5);
      EXPECT_EQ(get(*routes, file).status, 200) << file;
    }
  }
  EXPECT_EQ(get(*routes, "/docs/swagger-ui.css").body, swagger_ui_style());
  EXPECT_GT(swagger_ui_script().size(), 1'000'000U);
  EXPECT_GT(redoc_script().size(), 1'000'000U);
}

TEST(Pages, have_paths_that_no_endpoint_can_take) {
  for (const auto& route : page_routes("x")) EXPECT_TRUE(own_path::covers(route.path)) << route.path;
  EXPECT_FALSE(own_path::covers("/documents"));
}

}  // namespace
}  // namespace trommel::endpoints
