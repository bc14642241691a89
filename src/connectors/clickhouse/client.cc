#include "connectors/clickhouse/client.h"

#include <arrow/util/compression.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "batch/batch.h"

namespace trommel::clickhouse {
namespace {

// By their numbers in ClickHouse's ErrorCodes.cpp: away, busy, out of memory, threads or disk, or stopped by somebody.
constexpr std::array tried_again = {3,   74,  75,  76,  95,  96,  159, 160, 173, 202, 203, 209, 210, 216, 225, 236,
                                    241, 242, 243, 252, 279, 285, 286, 319, 341, 373, 394, 425, 439, 473, 999, 1000};
// Who asks is not let in.
constexpr std::array not_let_in = {192, 193, 194, 497, 516};

constexpr int http_not_found = 404, http_too_many = 429, http_server = 500;

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == '\t') {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else {
      out += c;
    }
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

/// The number behind `Code: `; 0 where there is none.
int code_in(std::string_view text) {
  constexpr std::string_view word = "Code: ";
  const size_t at = text.find(word);
  int code = 0;
  if (at != std::string_view::npos) std::from_chars(text.data() + at + word.size(), text.data() + text.size(), code);
  return code;
}

/// What a person needs of `Code: 60. DB::Exception: Table t does not exist. (UNKNOWN_TABLE) (version 26.7)`, or of
/// `Code: 60, e.displayText() = DB::Exception: Table t does not exist., e.what() = DB::Exception`.
std::string text_of(std::string_view body) {
  constexpr std::string_view word = "Exception: ";  // DB::Exception, DB::ErrnoException
  std::string_view text = body;
  if (const size_t at = text.find(word); at != std::string_view::npos) text.remove_prefix(at + word.size());
  for (const std::string_view tail : {", e.what() = ", " (version ", "Stack trace:"})
    if (const size_t at = text.find(tail); at != std::string_view::npos) text = text.substr(0, at);
  constexpr size_t longest = 600;
  std::string out = one_line(text.substr(0, longest));
  while (!out.empty() && (out.back() == '.' || out.back() == ',')) out.pop_back();
  return out;
}

int64_t number_behind(std::string_view json, std::string_view key) {
  const std::string quoted = fmt::format("\"{}\":\"", key);
  const size_t at = json.find(quoted);
  int64_t value = -1;
  if (at != std::string_view::npos) std::from_chars(json.data() + at + quoted.size(), json.data() + json.size(), value);
  return value;
}

Cost cost_of(const http::Response& response) {
  Cost cost;
  const std::string* summary = response.find("X-ClickHouse-Summary");
  if (summary == nullptr) return cost;
  constexpr int64_t ns_a_us = 1000;
  cost.rows_read = number_behind(*summary, "read_rows");
  cost.bytes_read = number_behind(*summary, "read_bytes");
  cost.rows_written = number_behind(*summary, "written_rows");
  cost.memory_bytes = number_behind(*summary, "memory_usage");
  if (const int64_t elapsed = number_behind(*summary, "elapsed_ns"); elapsed >= 0) cost.elapsed_us = elapsed / ns_a_us;
  return cost;
}

Result<std::string> packed(const std::string& text, Packing packing) {
  constexpr int zstd_level = 1, gzip_level = 1;  // the network is to be spared, not the disk
  auto codec = packing == Packing::zstd ? arrow::util::Codec::Create(arrow::Compression::ZSTD, zstd_level)
                                        : arrow::util::Codec::Create(arrow::Compression::GZIP, gzip_level);
  if (!codec.ok()) return tl::unexpected(from_arrow(codec.status(), "packing rows"));
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int64_t>(text.size());
  std::string out(static_cast<size_t>((*codec)->MaxCompressedLen(size, bytes)), '\0');
  const auto written =
      (*codec)->Compress(size, bytes, static_cast<int64_t>(out.size()), reinterpret_cast<uint8_t*>(out.data()));
  if (!written.ok()) return tl::unexpected(from_arrow(written.status(), "packing rows"));
  out.resize(static_cast<size_t>(*written));
  return out;
}

http::ClientSettings access(const Address& address) {
  http::ClientSettings settings;
  settings.user = address.user;
  settings.password = address.password;
  return settings;
}

}  // namespace

bool may_be_tried_again(int code) { return std::ranges::find(tried_again, code) != tried_again.end(); }

std::string quote_name(std::string_view name) {
  std::string out = "`";
  for (const char c : name) {
    if (c == '`' || c == '\\') out += '\\';
    out += c;
  }
  return out + "`";
}

std::string quote_text(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string unescaped_value(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    constexpr std::string_view written = "tnrbf0", meant("\t\n\r\b\f\0", 6);
    const size_t at = written.find(text[++i]);
    out += at == std::string_view::npos ? text[i] : meant[at];
  }
  return out;
}

Settings Engine::insert_settings() const {
  Settings out;
  if (tokens) out = {{"async_insert", "0"}, {"insert_deduplicate", "1"}};
  if (limits_partitions) out.emplace_back("max_partitions_per_insert_block", "0");
  return out;
}

Client::Client(Address address, Packing packing)
    : address_(std::move(address)), packing_(packing), http_(access(address_)) {}

std::string Client::url(const Statement& statement) const {
  std::string out = address_.url;
  char separator = '?';
  const auto add = [&](std::string_view name, std::string_view value) {
    out += fmt::format("{}{}={}", separator, http::url_escaped(name), http::url_escaped(value));
    separator = '&';
  };
  // Else the server says 200 before it knows how it ends.
  add("wait_end_of_query", "1");
  if (!statement.in_default_database) add("database", address_.database);
  if (!statement.format.empty()) add("default_format", statement.format);
  for (const auto& [name, value] : statement.settings) add(name, value);
  return out;
}

Error Client::refused(const http::Response& response, Exception& exception) const {
  const std::string* header = response.find("X-ClickHouse-Exception-Code");
  exception.code = header != nullptr ? std::atoi(header->c_str()) : code_in(response.body);
  exception.text = text_of(response.body);
  Error error{Error::Domain::external, address_.shown(), {}, {}, may_be_tried_again(exception.code)};
  if (exception.code == 0) {
    error.what = fmt::format("no answer of a ClickHouse: status {} {}", response.status, exception.text);
    error.retry = response.status >= http_server || response.status == http_too_many;
    if (response.status == http_not_found) error.hint = "is this the address of its HTTP interface, port 8123?";
    return error;
  }
  if (std::ranges::find(not_let_in, exception.code) != not_let_in.end()) {
    // The text names the user.
    error.what = fmt::format("the server does not let us in (code {})", exception.code);
    error.hint = "see user, password and rights";
    return error;
  }
  error.what = fmt::format("{} (code {})", exception.text, exception.code);
  if (exception.code == codes::unknown_database) error.hint = "make the database, or name another in the address";
  return error;
}

Result<Answer> Client::run(const Statement& statement, Exception* exception) {
  // The text goes in front of the rows: an address may be too long for a server, and stands in logs.
  std::string joined;
  if (!statement.sql.empty()) joined = statement.data.empty() ? statement.sql : statement.sql + "\n" + statement.data;
  const std::string& body = statement.sql.empty() ? statement.data : joined;
  std::string body_packed;
  http::Request request;
  request.method = "POST";
  request.url = url(statement);
  if (packing_ != Packing::none && !statement.data.empty()) {
    ASSIGN(body_packed, packed(body, packing_));
    request.headers.push_back({"Content-Encoding", packing_ == Packing::zstd ? "zstd" : "gzip"});
  }
  request.body = as_bytes(body_packed.empty() ? body : body_packed);
  request.consume = statement.consume;
  request.timeout_ms = statement.timeout_ms;
  request.stall_timeout_s = 0;  // a server that works says nothing
  request.only_once = statement.only_once;
  request.stop = statement.stop;
  ASSIGN(auto response, http_.send(request));
  Exception said;
  if (!response.ok()) {
    auto error = refused(response, said);
    if (exception != nullptr) *exception = std::move(said);
    return tl::unexpected(std::move(error));
  }
  return Answer{std::move(response.body), cost_of(response)};
}

Result<std::vector<std::vector<std::string>>> Client::rows(const Statement& statement) {
  ASSIGN(const auto answer, run(statement));
  std::vector<std::vector<std::string>> out;
  std::string_view rest = answer.body;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    auto& row = out.emplace_back();
    for (;;) {
      const size_t tab = std::min(line.find('\t'), line.size());
      const std::string_view value = line.substr(0, tab);
      row.push_back(value == "\\N" ? std::string(value) : unescaped_value(value));
      if (tab == line.size()) break;
      line.remove_prefix(tab + 1);
    }
  }
  return out;
}

Result<Engine> Client::engine() {
  if (engine_) return *engine_;
  Statement statement{"SELECT version(), timezone()"};
  statement.in_default_database = true;
  ASSIGN(const auto found, rows(statement));
  if (found.size() != 1 || found[0].size() != 2)
    return external_error(address_.shown(), "no ClickHouse: it does not know its version");
  statement.sql =
      "SELECT name FROM system.settings WHERE name IN ('insert_deduplication_token', "
      "'insert_allow_materialized_columns', 'max_partitions_per_insert_block')";
  ASSIGN(const auto settings, rows(statement));
  const auto has = [&](const char* name) {
    return std::ranges::find(settings, std::vector<std::string>{name}) != settings.end();
  };
  Engine engine;
  engine.version = found[0][0];
  const char* end = engine.version.data() + engine.version.size();
  const auto [dot, bad] = std::from_chars(engine.version.data(), end, engine.major);
  if (bad == std::errc() && dot != end) std::from_chars(dot + 1, end, engine.minor);
  engine.timezone = found[0][1];
  engine.tokens = has("insert_deduplication_token");
  engine.marks_inserts = has("insert_allow_materialized_columns");
  engine.limits_partitions = has("max_partitions_per_insert_block");
  engine.zstd = engine.at_least(20, 8);
  engine.parameters = engine.at_least(19, 14);
  if (packing_ == Packing::zstd && !engine.zstd) packing_ = Packing::gzip;
  engine_ = engine;
  return engine;
}

}  // namespace trommel::clickhouse
