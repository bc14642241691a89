// Where a ClickHouse is, and who asks: `clickhouse://user:password@host:8123/database`, with `?secure=true` for TLS, or
// `clickhouse:https://host:8443/database`.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace trommel::clickhouse {

struct Address {
  std::string url;  ///< `http://host:8123/`: neither user nor password nor database
  std::string database = "default";
  std::string user, password;  ///< empty: whoever the server takes for nobody

  /// For people, and to tell stores apart: `clickhouse://host:8123/database`.
  std::string shown() const;
};

/// Ports that are left out are 8123, with TLS 8443. No message names the user or the password.
Result<Address> parse_address(std::string_view store);

}  // namespace trommel::clickhouse
