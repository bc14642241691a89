#include "http/client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace trommel::http {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

/// Scheme and the rest, host and the rest: the places in an address.
struct UrlParts {
  std::string_view scheme, host, path;  // the host with its port, without user and password
};

UrlParts parts_of(std::string_view url) {
  UrlParts parts;
  const size_t colon = url.find("://");
  const size_t begin = colon == std::string_view::npos ? 0 : colon + 3;
  parts.scheme = url.substr(0, begin);
  const size_t slash = std::min(url.find_first_of("/?#", begin), url.size());
  parts.host = url.substr(begin, slash - begin);
  if (const size_t at = parts.host.rfind('@'); at != std::string_view::npos) parts.host.remove_prefix(at + 1);
  parts.path = url.substr(slash, std::min(url.find_first_of("?#", slash), url.size()) - slash);
  return parts;
}

bool is_loopback(std::string_view host) {
  return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
}

/// libcurl wants to be made ready once, before any thread uses it.
bool curl_ready() {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready;
}

struct FreeHeaders {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlHeaders = std::unique_ptr<curl_slist, FreeHeaders>;

CurlHeaders curl_headers(const Request& request) {
  curl_slist* list = nullptr;
  const auto add = [&](const std::string& line) { list = curl_slist_append(list, line.c_str()); };
  for (const Header& header : request.headers) {
    // An empty value is written with a semicolon in libcurl's language; with a colon it would take a header away.
    add(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
  }
  add("Expect:");  // no round trip before a body is sent
  if (request.produce && request.body_size < 0) add("Transfer-Encoding: chunked");
  return CurlHeaders(list);
}

/// One request on its way: what libcurl's callbacks work on.
class Transfer {
 public:
  Transfer(CURL* curl, const Request& request) : curl_(curl), request_(request) {}

  void set_callbacks() {
    set(CURLOPT_WRITEFUNCTION, &Transfer::take);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_HEADERFUNCTION, &Transfer::take_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &Transfer::progress);
    set(CURLOPT_XFERINFODATA, this);
    if (!request_.produce && request_.body.empty()) return;
    set(CURLOPT_READFUNCTION, &Transfer::give);
    set(CURLOPT_READDATA, this);
    set(CURLOPT_SEEKFUNCTION, &Transfer::seek);
    set(CURLOPT_SEEKDATA, this);
  }

  Result<Response> outcome(CURLcode code, const char* detail) {
    const std::string where = shown_url(request_.url);
    if (error_) return tl::unexpected(std::move(*error_));
    if (request_.stop.stop_requested()) return external_error(where, "given up: the run is stopping");
    if (code != CURLE_OK) {
      return external_error(where, fmt::format("{}", *detail != '\0' ? detail : curl_easy_strerror(code)), hint(code));
    }
    return std::move(response_);
  }

 private:
  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(curl_, option, value);
  }

  static std::string hint(CURLcode code) {
    switch (code) {
      case CURLE_COULDNT_CONNECT:
      case CURLE_COULDNT_RESOLVE_HOST:
        return "is the server running, and is this its address?";
      case CURLE_PEER_FAILED_VERIFICATION:
        return "name the file of the authority that signed the server's certificate";
      case CURLE_UNSUPPORTED_PROTOCOL:
      case CURLE_URL_MALFORMAT:
        return "an address begins with http:// or https://";
      default:
        return {};
    }
  }

  static size_t take(char* data, size_t, size_t size, void* self) {
    return static_cast<Transfer*>(self)->took(data, size);
  }
  static size_t take_header(char* data, size_t, size_t size, void* self) {
    static_cast<Transfer*>(self)->header({data, size});
    return size;
  }
  static size_t give(char* data, size_t, size_t size, void* self) {
    return static_cast<Transfer*>(self)->gave(data, size);
  }
  static int seek(void* self, curl_off_t offset, int origin) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (transfer.request_.produce || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
    transfer.sent_ = static_cast<size_t>(offset);
    return CURL_SEEKFUNC_OK;
  }
  static int progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Transfer*>(self)->request_.stop.stop_requested() ? 1 : 0;
  }

  size_t took(const char* data, size_t size) {
    if (response_.ok() && request_.consume) {
      if (auto done = request_.consume(as_bytes({data, size})); !done) return fail(std::move(done).error());
      return size;
    }
    if (static_cast<int64_t>(response_.body.size() + size) > request_.response_bytes_max) {
      return fail(Error{Error::Domain::external,
                        shown_url(request_.url),
                        fmt::format("the answer has more than {} bytes", request_.response_bytes_max),
                        {},
                        true});
    }
    response_.body.append(data, size);
    return size;
  }

  void header(std::string_view line) {
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {  // an answer begins; one that only said to go on is forgotten
      response_ = {};
      long status = 0;
      curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
      response_.status = static_cast<int>(status);
    } else if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
      std::string_view value = line.substr(colon + 1);
      while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
      response_.headers.push_back({std::string(line.substr(0, colon)), std::string(value)});
    }
  }

  size_t gave(char* into, size_t size) {
    if (request_.produce) {
      auto count = request_.produce({reinterpret_cast<uint8_t*>(into), size});
      if (count) return *count;
      error_ = std::move(count).error();
      return CURL_READFUNC_ABORT;
    }
    const size_t count = std::min(size, request_.body.size() - sent_);
    std::memcpy(into, request_.body.data() + sent_, count);
    sent_ += count;
    return count;
  }

  /// Fewer bytes taken than came: libcurl stops.
  size_t fail(Error error) {
    error_ = std::move(error);
    return 0;
  }

  CURL* curl_;
  const Request& request_;
  Response response_;
  size_t sent_ = 0;
  std::optional<Error> error_;
};

}  // namespace

class Client::Connection {
 public:
  explicit Connection(ClientSettings settings) : settings_(std::move(settings)) {
    if (curl_ready()) curl_ = curl_easy_init();
  }
  ~Connection() { curl_easy_cleanup(curl_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Result<Response> send(const Request& request) {
    if (curl_ == nullptr) return external_error(shown_url(request.url), "no memory for a connection");
    curl_easy_reset(curl_);  // connections and what is known of names stay
    char detail[CURL_ERROR_SIZE] = "";
    set(CURLOPT_ERRORBUFFER, detail);
    const CurlHeaders headers = curl_headers(request);
    set(CURLOPT_HTTPHEADER, headers.get());
    set_request(request);
    set_access();
    Transfer transfer(curl_, request);
    transfer.set_callbacks();
    const CURLcode code = curl_easy_perform(curl_);
    set(CURLOPT_ERRORBUFFER, static_cast<char*>(nullptr));
    return transfer.outcome(code, detail);
  }

 private:
  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(curl_, option, value);
  }

  void set_request(const Request& request) {
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_TCP_NODELAY, 1L);
    set(CURLOPT_FRESH_CONNECT, request.only_once ? 1L : 0L);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings_.connect_timeout_ms));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
    set(CURLOPT_LOW_SPEED_LIMIT, request.stall_timeout_s > 0 ? 1L : 0L);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.stall_timeout_s));
    // A proxy that the environment names is meant for other machines than this one.
    if (is_loopback(parts_of(request.url).host)) set(CURLOPT_PROXY, "");
    const bool has_body = request.produce || !request.body.empty();
    if (has_body) {
      set(CURLOPT_UPLOAD, 1L);
      const int64_t size = request.produce ? request.body_size : static_cast<int64_t>(request.body.size());
      set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
    } else if (request.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
    } else if (request.method == "POST" || request.method == "PUT") {
      set(CURLOPT_POST, 1L);
      set(CURLOPT_POSTFIELDSIZE, 0L);
    }
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  void set_access() {
    if (!settings_.user.empty()) {
      set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
      set(CURLOPT_USERNAME, settings_.user.c_str());
      set(CURLOPT_PASSWORD, settings_.password.c_str());
    } else if (!settings_.bearer_token.empty()) {
      set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
      set(CURLOPT_XOAUTH2_BEARER, settings_.bearer_token.c_str());
    }
    if (!settings_.ca_file.empty()) set(CURLOPT_CAINFO, settings_.ca_file.c_str());
    if (!settings_.certificate_file.empty()) set(CURLOPT_SSLCERT, settings_.certificate_file.c_str());
    if (!settings_.key_file.empty()) set(CURLOPT_SSLKEY, settings_.key_file.c_str());
    if (!settings_.verify) {
      set(CURLOPT_SSL_VERIFYPEER, 0L);
      set(CURLOPT_SSL_VERIFYHOST, 0L);
    }
  }

  ClientSettings settings_;
  CURL* curl_ = nullptr;
};

const std::string* Response::find(std::string_view name) const {
  for (const Header& header : headers) {
    if (same_name(header.name, name)) return &header.value;
  }
  return nullptr;
}

Client::Client(ClientSettings settings) : connection_(std::make_unique<Connection>(std::move(settings))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Result<Response> Client::send(const Request& request) { return connection_->send(request); }

std::string url_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain =
        (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || std::strchr("-._~", c) != nullptr;
    if (plain && c != '\0') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string shown_url(std::string_view url) {
  const UrlParts parts = parts_of(url);
  return fmt::format("{}{}{}", parts.scheme, parts.host, parts.path);
}

}  // namespace trommel::http
