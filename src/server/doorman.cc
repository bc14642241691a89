#include "server/doorman.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace trommel::server {

namespace {

bool covers(const Token& token, const std::string& path) {
  return token.paths.empty() || std::any_of(token.paths.begin(), token.paths.end(), [&](const std::string& allowed) {
           return path == allowed || path.starts_with(allowed.ends_with('/') ? allowed : allowed + "/");
         });
}

bool has_scope(const Token& token, const std::string& scope) {
  return std::find(token.scopes.begin(), token.scopes.end(), scope) != token.scopes.end();
}

Response who_are_you(const std::string& why) {
  Response response = problem(401, why);
  response.headers.add("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (unsigned int i = 0; i < size; ++i) {
    out += digits[digest[i] >> 4];
    out += digits[digest[i] & 15];
  }
  return out;
}

std::optional<Response> Doorman::admit(Request& request, const Route& route) const {
  if (tokens_.empty() || route.scope.empty()) return std::nullopt;
  static constexpr std::string_view scheme = "Bearer ";
  const std::string_view given = request.headers.get("Authorization");
  if (given.size() <= scheme.size() || !same_ignoring_case(given.substr(0, scheme.size()), scheme))
    return who_are_you("a token is needed: `Authorization: Bearer TOKEN`");
  const std::string hash = sha256_hex(given.substr(scheme.size()));
  const Token* found = nullptr;
  for (const Token& token : tokens_) {  // all of them, so that the time taken says nothing
    if (token.sha256.size() == hash.size() && CRYPTO_memcmp(token.sha256.data(), hash.data(), hash.size()) == 0)
      found = &token;
  }
  if (found == nullptr) return who_are_you("the token is not known here");
  request.token = found->name;
  if (!has_scope(*found, route.scope))
    return problem(403, "token `" + found->name + "` does not allow `" + route.scope + "`");
  if (!route.of_token && !covers(*found, request.path))
    return problem(403, "token `" + found->name + "` does not allow `" + request.path + "`");
  return std::nullopt;
}

}  // namespace trommel::server
