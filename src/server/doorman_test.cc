#include "server/doorman.h"

#include <gtest/gtest.h>

namespace trommel::server {
namespace {

int status(const Doorman& doorman, const std::string& authorization, const std::string& path, const Route& route) {
  Request request;
  request.path = path;
  if (!authorization.empty()) request.headers.add("Authorization", authorization);
  const auto refused = doorman.admit(request, route);
  return refused ? refused->status : 200;
}

TEST(Doorman, KnowsTokensByTheirHash) {
  // The digest of "foo", as sha256sum gives it.
  const std::string foo = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
  EXPECT_EQ(sha256_hex("foo"), foo);
  const Doorman doorman({{"loader", foo, {"upload"}, {"/in"}}, {"all", sha256_hex("bar"), {"upload", "query"}, {}}});
  const Route open{.method = "GET", .path = "/health"};
  const Route upload{.method = "POST", .path = "/in", .scope = "upload"};
  const Route query{.method = "GET", .path = "/q", .scope = "query"};
  EXPECT_EQ(status(doorman, "", "/health", open), 200);
  EXPECT_EQ(status(doorman, "", "/in", upload), 401);
  EXPECT_EQ(status(doorman, "Bearer wrong", "/in", upload), 401);
  EXPECT_EQ(status(doorman, "Basic foo", "/in", upload), 401);
  EXPECT_EQ(status(doorman, "Bearer ", "/in", upload), 401);
  EXPECT_EQ(status(doorman, "bearer foo", "/in", upload), 200);
  EXPECT_EQ(status(doorman, "Bearer foo", "/in/below", upload), 200);
  EXPECT_EQ(status(doorman, "Bearer foo", "/inside", upload), 403);
  EXPECT_EQ(status(doorman, "Bearer foo", "/q", query), 403);
  EXPECT_EQ(status(doorman, "Bearer bar", "/q", query), 200);
  EXPECT_EQ(status(doorman, "Bearer " + foo, "/in", upload), 401);  // the hash opens nothing
}

TEST(Doorman, LetsEverybodyInWhereThereAreNoTokens) {
  EXPECT_EQ(status(Doorman({}), "", "/in", {.method = "POST", .path = "/in", .scope = "upload"}), 200);
}

}  // namespace
}  // namespace trommel::server
