#include "connectors/clickhouse/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace trommel::clickhouse {
namespace {

constexpr std::string_view hint = "such as clickhouse://user:${PASSWORD}@host:8123/database";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// `%41` is `A`; nothing where a `%` has no two digits behind it.
std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

tl::unexpected<Error> wrong(std::string_view why) {
  return config_error("", fmt::format("`store`: the address of the ClickHouse {}", why), std::string(hint));
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// What follows the first `separator`, which is cut off from `text`; nothing where there is none.
std::optional<std::string_view> cut(std::string_view& text, char separator, bool last = false) {
  const size_t at = last ? text.rfind(separator) : text.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(at + 1);
  text = text.substr(0, at);
  return rest;
}

Result<> read_user(std::string_view text, Address& address) {
  const auto password = cut(text, ':');
  const auto user = unescaped(text), secret = unescaped(password.value_or(""));
  if (!user || !secret) return wrong("has a `%` in its user or password that two hexadecimal digits do not follow");
  if (user->empty() && !secret->empty()) return wrong("has a password, and no user");
  address.user = *user;
  address.password = *secret;
  return {};
}

/// `host`, `host:port`, `[::1]:port`.
Result<std::string> read_host(std::string_view text, bool secure) {
  const size_t bracket = text.rfind(']');
  const size_t colon = text.rfind(':');
  const bool has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  const std::string_view host = has_port ? text.substr(0, colon) : text;
  const std::string_view port = has_port ? text.substr(colon + 1) : std::string_view(secure ? "8443" : "8123");
  const bool digits = std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
  if (host.empty()) return wrong("names no host");
  if (port.empty() || port.size() > 5 || !digits || std::stoi(std::string(port)) > 65535 || port == "0")
    return wrong("has a port that is no number from 1 to 65535");
  return fmt::format("{}:{}", host, port);
}

}  // namespace

std::string Address::shown() const {
  const size_t host = url.find("://") + 3;
  return fmt::format("clickhouse://{}{}{}", url.substr(host), database, url.starts_with("https") ? "?secure=true" : "");
}

Result<Address> parse_address(std::string_view store) {
  Address address;
  std::string_view text = store;
  take_prefix(text, "clickhouse:");
  bool secure = take_prefix(text, "https://");
  if (!secure && !take_prefix(text, "http://") && !take_prefix(text, "//")) return wrong("does not begin with `//`");
  if (const auto options = cut(text, '?')) {
    if (*options != "secure=true" && *options != "secure=false")
      return wrong("may end with `?secure=true` or `?secure=false`, and nothing else");
    secure = secure || *options == "secure=true";
  }
  // A password may hold anything but `/`, `?` and `#`; what follows the last `@` is the host.
  if (const auto database = cut(text, '/'); database && !database->empty()) {
    const auto name = unescaped(*database);
    if (!name) return wrong("has a `%` in its database that two hexadecimal digits do not follow");
    address.database = *name;
  }
  std::string_view host = text;
  if (const auto behind = cut(text, '@', true)) {
    TRY(read_user(text, address));
    host = *behind;
  }
  ASSIGN(const auto authority, read_host(host, secure));
  address.url = fmt::format("{}://{}/", secure ? "https" : "http", authority);
  return address;
}

}  // namespace trommel::clickhouse
