#include "server/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace trommel::server {

namespace {

std::string http_date(int64_t now_us) {
  const std::time_t seconds = now_us / 1'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days[parts.tm_wday], parts.tm_mday, months[parts.tm_mon],
                     parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

/// A line feed in a value would begin a field of somebody else's choosing.
std::string one_line(const std::string& value) {
  std::string out = value;
  std::replace_if(out.begin(), out.end(), [](unsigned char c) { return c < ' ' && c != '\t'; }, ' ');
  return out;
}

/// Path and parameters of the target. Nothing: it cannot be decoded.
bool read_target(Request& request) {
  std::string_view target = request.target;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    target.remove_prefix(scheme.size());
    target.remove_prefix(std::min(target.find('/'), target.size()));
  }
  if (!target.starts_with('/') && target != "*") return false;
  const size_t mark = std::min(target.find('?'), target.size());
  auto path = percent_decoded(target.substr(0, mark), false);
  auto query = parse_query(target.substr(std::min(mark + 1, target.size())));
  if (!path || !query) return false;
  request.path = std::move(*path);
  request.query = std::move(*query);
  return true;
}

}  // namespace

std::optional<Response> header_mistake(Request& request, int version) {
  const bool encoded = request.headers.find("Transfer-Encoding") != nullptr;
  if (version != 10 && version != 11) return problem(505, "HTTP/1.1 is spoken here");
  if (version == 11 && request.headers.count("Host") != 1) return problem(400, "a request needs one `Host` field");
  if (encoded && (version == 10 || request.headers.count("Transfer-Encoding") > 1))
    return problem(400, "`Transfer-Encoding` cannot be read");
  if (encoded && !same_ignoring_case(request.headers.get("Transfer-Encoding"), "chunked"))
    return problem(501, "of transfer encodings `chunked` alone is known");
  if (!read_target(request)) return problem(400, "the address cannot be read: `" + request.target + "`");
  return std::nullopt;
}

bool has_no_body(int status) { return status == 204 || status == 304 || status < 200; }

std::string head_of(const Response& response, const AnswerForm& form) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status, status_text(response.status),
                                 http_date(form.now_us));
  for (const Field& field : response.headers.all())
    head += fmt::format("{}: {}\r\n", one_line(field.name), one_line(field.value));
  if (!form.id.empty()) head += fmt::format("X-Request-Id: {}\r\n", form.id);
  if (form.chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (response.stream == nullptr && !has_no_body(response.status)) {
    head += fmt::format("Content-Length: {}\r\n", response.body.size());
  }
  return head + (form.keeps ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
}

}  // namespace trommel::server
