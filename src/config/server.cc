#include "config/server.h"

#include <algorithm>

#include "base/env.h"

namespace trommel {

namespace {

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

bool is_sha256(const std::string& text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

void check(const ServerText& text, const Node& node, Problems& problems) {
  const ServerSettings settings = read_server(text, "");
  if (!parse_server_address(text.listen)) {
    problems.add(node.at_or_self("listen").place, "`listen` must be an address and a port, not `" + text.listen + "`",
                 "such as 127.0.0.1:8080, or 0.0.0.0:8080 for other machines");
  } else if (const std::string missing = missing_safety(settings); !missing.empty()) {
    problems.add(node.at_or_self("listen").place,
                 "other machines reach `" + text.listen + "`, and there is no " + missing,
                 "add it, listen at 127.0.0.1, or say `insecure: true`");
  }
  for (const auto& token : text.tokens) {
    if (!is_sha256(token.value.sha256)) {
      problems.add(token.place, "`sha256` of token `" + token.key + "` must be 64 hex digits in lower case",
                   "printf %s TOKEN | sha256sum");
    }
    if (token.value.allow.empty())
      problems.add(token.place, "token `" + token.key + "` allows nothing", "such as allow: [upload]");
    for (const std::string& path : token.value.paths) {
      if (!path.starts_with('/')) problems.add(token.place, "a path begins with /, not `" + path + "`");
    }
  }
  if (text.connections < 1) problems.add(node.at_or_self("connections").place, "`connections` must be at least 1");
  if (text.max_header.bytes < 1'024 || text.max_header.bytes > 1 << 20)
    problems.add(node.at_or_self("max_header").place, "`max_header` must be from 1KB to 1MB");
}

}  // namespace

const Spec<TokenText>& TokenText::spec() {
  static const auto spec =
      Spec<TokenText>("token", "Who may do what over HTTP")
          .field("sha256", &TokenText::sha256,
                 "SHA-256 of the token: `printf %s TOKEN | sha256sum`; a token is as long as it is random, such as "
                 "`openssl rand -hex 32`",
                 {.example = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", .required = true})
          .field("allow", &TokenText::allow, "upload brings rows, query asks endpoints, admin sees the metrics",
                 {.example = "[upload]", .required = true})
          .field("paths", &TokenText::paths, "these, and what is below them; left out, all",
                 {.example = "[/csv_upload]"});
  return spec;
}

const Spec<TlsText>& TlsText::spec() {
  static const auto spec =
      Spec<TlsText>("tls", "What a server shows who it is with")
          .field("certificate", &TlsText::certificate, "PEM file of the certificate and its chain",
                 {.example = "server.pem", .required = true})
          .field("key", &TlsText::key, "PEM file of its key", {.example = "server.key", .required = true});
  return spec;
}

const Spec<ServerText>& ServerText::spec() {
  static const auto spec =
      Spec<ServerText>("server", "Where `trommel run` and `trommel serve` listen for HTTP, and whom they let in")
          .description(
              "A server runs when the pipeline takes uploads or serves endpoints, or has this section. `/health` and "
              "`/ready` are open to everybody; with `tokens`, all else needs `Authorization: Bearer TOKEN`. At an "
              "address that other machines reach it has to have `tls` and `tokens`, unless it says `insecure: true`: "
              "something in front of it sees to both.")
          .scalar_is("listen")
          .field("listen", &ServerText::listen, "address and port; port 0 is any that is free",
                 {.example = "127.0.0.1:8080"})
          .field("tls", &ServerText::tls, "left out, plain HTTP",
                 {.example = "{ certificate: server.pem, key: server.key }"})
          .field("tokens", &ServerText::tokens, "by name; left out, everybody is let in",
                 {.example = "{ loader: { sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae, "
                             "allow: [upload] } }"})
          .field("insecure", &ServerText::insecure, "listen to other machines without TLS and tokens all the same")
          .field("connections", &ServerText::connections, "at most so many at once", {.example = "1_000"})
          .field("max_header", &ServerText::max_header, "how long a request's header may be", {.example = "16KB"})
          .field("header_within", &ServerText::header_within, "a header has to have come within this",
                 {.example = "10s"})
          .field("idle", &ServerText::idle, "a connection without a request is closed after this", {.example = "60s"})
          .field("stop_within", &ServerText::stop_within,
                 "how long requests under way are waited for when the run is asked to end", {.example = "30s"})
          .example(
              "server: { listen: 127.0.0.1:8080 }\nsources:\n  upload:\n    http_upload: { path: /csv_upload, field: "
              "csv_file "
              "}\n    contract: { id: BIGINT, name: VARCHAR }\nsinks:\n  table: { store: duckdb:rows.duckdb, table: "
              "rows }\n")
          .check([](const ServerText& text, const Node& node, Problems& problems) { check(text, node, problems); });
  return spec;
}

std::optional<ServerAddress> parse_server_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  const auto port = parse_integer(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65'535) return std::nullopt;
  std::string host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty() || (!bracketed && host.find(':') != std::string::npos)) return std::nullopt;
  return ServerAddress{host, static_cast<int>(*port)};
}

std::string missing_safety(const ServerSettings& settings) {
  if (settings.insecure || is_loopback(settings.listen.host)) return "";
  const bool tls = !settings.certificate.empty(), tokens = !settings.tokens.empty();
  if (!tls && !tokens) return "`tls` and `tokens`";
  return !tls ? "`tls`" : !tokens ? "`tokens`" : "";
}

ServerSettings read_server(const ServerText& text, const std::string& folder) {
  ServerSettings out;
  out.listen = parse_server_address(text.listen).value_or(ServerAddress{});
  if (text.tls) {
    out.certificate = join_path(folder, text.tls->certificate.text);
    out.key = join_path(folder, text.tls->key.text);
  }
  for (const auto& token : text.tokens) {
    ServerSettings::Token& added = out.tokens.emplace_back();
    added.name = token.key;
    added.sha256 = token.value.sha256;
    added.paths = token.value.paths;
    for (const Scope scope : token.value.allow) {
      for (const auto& [name, value] : EnumNames<Scope>::list) {
        if (value == scope) added.allow.emplace_back(name);
      }
    }
  }
  out.insecure = text.insecure;
  out.connections = text.connections;
  out.header_bytes = text.max_header.bytes;
  out.header_us = text.header_within.us;
  out.idle_us = text.idle.us;
  out.stop_us = text.stop_within.us;
  return out;
}

}  // namespace trommel
