// Doorman: who may ask for what. Tokens of RFC 6750 (`Authorization: Bearer TOKEN`), known by their hashes alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/routes.h"

namespace trommel::server {

struct Token {
  std::string name;
  std::string sha256;               ///< of its text, 64 hex digits in lower case
  std::vector<std::string> scopes;  ///< see Route::scope
  std::vector<std::string> paths;   ///< only these and what is below them; empty: all
};

class Doorman {
 public:
  /// Without tokens everybody may.
  explicit Doorman(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  /// An answer: no. Else the request knows the name of its token.
  std::optional<Response> admit(Request& request, const Route& route) const;

 private:
  std::vector<Token> tokens_;
};

std::string sha256_hex(std::string_view text);

}  // namespace trommel::server
