// HTTP messages as handlers see them: a request that was read, and an answer to be written. No socket is known here.
// RFC 9110 (meaning), RFC 9457 (problems), HTML Living Standard section 9.2 (server-sent events).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trommel::server {

struct Field {
  std::string name, value;
};

/// Header fields in their order. Names are compared without case.
class Headers {
 public:
  void add(std::string name, std::string value) { fields_.push_back({std::move(name), std::move(value)}); }
  void set(std::string name, std::string value);         ///< in place of all others of the name
  const std::string* find(std::string_view name) const;  ///< the first of the name; null: there is none
  std::string_view get(std::string_view name) const;     ///< the first of the name, or empty
  size_t count(std::string_view name) const;
  const std::vector<Field>& all() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

struct Request {
  std::string id;            ///< its own, for logs and for what it leaves behind; its answer says it as `X-Request-Id`
  std::string method;        ///< `GET`
  std::string target;        ///< as it was sent: `/rows?from=2026-01-01`
  std::string path;          ///< of the target, decoded
  std::string rest;          ///< of the path, behind that of a route which takes all below it
  std::vector<Field> query;  ///< parameters of the target in their order, decoded
  Headers headers;
  std::string peer;   ///< address of the client, without its port
  std::string token;  ///< name of the token that opened the door to it; empty: there is no door
  std::string body;   ///< where a route has it collected

  const std::string* parameter(std::string_view name) const;  ///< the first of the name; null: there is none
};

/// A body that is made while it is sent, such as a long answer or a stream of events.
class Producer {
 public:
  enum class Then {
    more,
    wait,    ///< nothing now: asked again after `wait_us`, and no thread is held meanwhile
    ended,   ///< that was all
    broken,  ///< the rest cannot be had: the connection ends, so that the client does not take it for all
  };
  struct Piece {
    std::string bytes;
    Then then = Then::more;
    int64_t wait_us = 0;
  };
  virtual ~Producer() = default;
  /// One call at a time, on a thread of the handlers, once the piece before has been sent.
  virtual Piece next() = 0;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  std::shared_ptr<Producer> stream;  ///< in place of `body`
};

const char* status_text(int status);  ///< `Not Found`

Response text_response(int status, std::string body, std::string type = "text/plain; charset=utf-8");
Response json_response(int status, std::string json);
/// `application/problem+json`: what went wrong, for programs and for people. `title` is by default that of the status.
Response problem(int status, const std::string& detail, const std::string& title = {});
/// Server-sent events: a response that sends what `producer` makes, and one event of it.
Response event_stream(std::shared_ptr<Producer> producer);
std::string event_text(std::string_view name, std::string_view data);

/// `%41` as `A`, and with `form` also `+` as a blank. Nothing where a percent sign is not followed by two digits, or a
/// NUL would come out.
std::optional<std::string> percent_decoded(std::string_view text, bool form);
/// `a=1&b=%20`. Nothing where it cannot be decoded.
std::optional<std::vector<Field>> parse_query(std::string_view text);

bool same_ignoring_case(std::string_view a, std::string_view b);
/// `text/csv` of `Text/CSV; charset=utf-8`, lower case.
std::string media_type(std::string_view content_type);
/// The value of a parameter behind a header's first value (`boundary` of `multipart/form-data; boundary="x"`), quotes
/// taken off. Nothing: it is not there, or not well formed.
std::optional<std::string> header_parameter(std::string_view value, std::string_view name);

}  // namespace trommel::server
