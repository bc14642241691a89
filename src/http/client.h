// HTTP/1.1 requests to servers that trommel talks to: schema registries, ClickHouse, catalogues. The only wrapper of
// libcurl.
//
// Any answer with a status is a Response, whatever the status is: what 404 means, the caller knows. An Error is what
// kept the answer from coming (no such host, connection refused, a timeout, a certificate nobody vouches for): domain
// `external`, to be tried again. No error names a user, a password, a token, a header or the query of an address.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"

namespace trommel::http {

struct Header {
  std::string name, value;
};

/// Fills `into` with the next bytes of a body; 0 is its end.
using BodyProducer = std::function<Result<size_t>(std::span<uint8_t> into)>;
/// Takes the next bytes of a body; an error ends the transfer and comes back from `send`.
using BodyConsumer = std::function<Result<>(Bytes bytes)>;

struct Request {
  std::string method = "GET";
  std::string url;  ///< http:// or https://; no redirect is followed
  std::vector<Header> headers;

  Bytes body;              ///< not copied: must live until `send` is back
  BodyProducer produce;    ///< in place of `body`
  int64_t body_size = -1;  ///< of what `produce` gives; -1: sent in chunks

  BodyConsumer consume;                   ///< takes the body of an answer 2xx; others are gathered in the Response
  int64_t response_bytes_max = 64 << 20;  ///< of a body that is gathered; more is an error

  int64_t timeout_ms = 0;        ///< of the whole; 0: none
  int64_t stall_timeout_s = 60;  ///< this long less than a byte a second, and it is given up; 0: never
  /// On a connection of its own. Over one that was used before libcurl sends once more, by itself, what no answer came
  /// to: a server may have done it, and died.
  bool only_once = false;
  std::stop_token stop;  ///< ends the transfer with an error within a second
};

struct Response {
  int status = 0;
  std::vector<Header> headers;  ///< of the last answer, in its order
  std::string body;             ///< empty where `consume` took it

  bool ok() const { return status >= 200 && status < 300; }
  /// The first one of that name, in any case.
  const std::string* find(std::string_view name) const;
};

struct ClientSettings {
  std::string user, password;    ///< basic authentication, when `user` is not empty
  std::string bearer_token;      ///< or this
  std::string ca_file;           ///< PEM; empty: what the system trusts
  std::string certificate_file;  ///< PEM, to show the server who we are
  std::string key_file;          ///< PEM, of that certificate
  bool verify = true;            ///< false: any certificate will do
  int64_t connect_timeout_ms = 10'000;
};

/// Keeps its connections open from request to request. One thread at a time.
class Client {
 public:
  explicit Client(ClientSettings settings);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  Result<Response> send(const Request& request);

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

/// `text` as it may stand in a part of a path or in a query: all but letters, digits and `-._~` as %XX.
std::string url_escaped(std::string_view text);

/// An address for people: without user, password, query and fragment.
std::string shown_url(std::string_view url);

}  // namespace trommel::http
