// `server:` of a pipeline file: where `trommel run` and `trommel serve` listen for HTTP, and whom they let in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "spec/spec.h"

namespace trommel {

/// What a token allows.
enum class Scope {
  upload,  ///< bring rows
  query,   ///< ask endpoints
  admin,   ///< see how the process does
};

template <>
struct EnumNames<Scope> {
  static constexpr EnumName<Scope> list[] = {
      {"upload", Scope::upload}, {"query", Scope::query}, {"admin", Scope::admin}};
};

struct TokenText {
  std::string sha256;
  std::vector<Scope> allow;
  std::vector<std::string> paths;
  static const Spec<TokenText>& spec();
};

struct TlsText {
  Path certificate, key;
  static const Spec<TlsText>& spec();
};

struct ServerText {
  std::string listen = "127.0.0.1:8080";
  std::optional<TlsText> tls;
  Pairs<TokenText> tokens;
  bool insecure = false;
  int64_t connections = 1'000;
  ByteSize max_header{16 << 10};
  Duration header_within{10'000'000};
  Duration idle{60'000'000};
  Duration stop_within{30'000'000};
  static const Spec<ServerText>& spec();
};

struct ServerAddress {
  std::string host = "127.0.0.1";
  int port = 8080;  ///< 0: any that is free
};
/// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`.
std::optional<ServerAddress> parse_server_address(const std::string& text);

struct ServerSettings {
  struct Token {
    std::string name;
    std::string sha256;              ///< of the token, 64 hex digits
    std::vector<std::string> allow;  ///< scopes
    std::vector<std::string> paths;  ///< those below these; empty: all
  };
  ServerAddress listen;
  std::string certificate, key;  ///< paths; empty: no TLS
  std::vector<Token> tokens;     ///< none: everybody is let in
  bool insecure = false;         ///< other machines may reach it without those two
  int64_t connections = 1'000;
  int64_t header_bytes = 16 << 10;
  int64_t header_us = 10'000'000, idle_us = 60'000'000, stop_us = 30'000'000;
};

/// Of a text whose mistakes were told by its Spec. Relative paths start at `folder`.
ServerSettings read_server(const ServerText& text, const std::string& folder);
/// What is missing for other machines to reach `settings.listen`: `tls` and `tokens`; empty: nothing.
std::string missing_safety(const ServerSettings& settings);

}  // namespace trommel
