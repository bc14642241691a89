#include "endpoints/answer.h"

#include <algorithm>

#include "arrow/api.h"
#include "base/json.h"
#include "endpoints/formats.h"
#include "endpoints/request_values.h"
#include "endpoints/statements.h"
#include "fmt/format.h"
#include "segment/checksum.h"

namespace trommel::endpoints {
namespace {

using server::Request;
using server::Response;

Response problem_response(int status, const std::string& detail, const std::vector<ParameterMistake>& mistakes = {}) {
  Json json = {{"type", "about:blank"}, {"title", server::status_text(status)}, {"status", status}, {"detail", detail}};
  for (const ParameterMistake& mistake : mistakes)
    json["errors"].push_back({{"parameter", mistake.parameter}, {"detail", mistake.detail}});
  auto response = server::text_response(status, json_line(json) + "\n", "application/problem+json");
  response.headers.set("Cache-Control", "no-store");
  return response;
}

Response of_mistakes(const std::vector<ParameterMistake>& mistakes) {
  std::string detail;
  for (const ParameterMistake& mistake : mistakes)
    detail += fmt::format("{}{}: {}", detail.empty() ? "" : "; ", mistake.parameter, mistake.detail);
  return problem_response(400, detail, mistakes);
}

Response of_error(const Error& error) {
  if (error.domain == Error::Domain::data) return problem_response(400, "the parameters make no answer: " + error.what);
  if (error.domain == Error::Domain::external) {
    auto response = problem_response(503, error.what + (error.hint.empty() ? "" : " (" + error.hint + ")"));
    response.headers.set("Retry-After", "1");
    return response;
  }
  return problem_response(500, error.what);
}

/// RFC 3986: what may stand in a value of a query as it is.
std::string escaped(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF", plain = "-._~:,@!$'()*/";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || plain.find(c) != plain.npos)
      out += c;
    else
      out += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

/// The rows of one answer in the order of the endpoint, and the pages beside it.
struct Page {
  std::vector<Rows> rows;
  Schema schema;
  int64_t total = -1;  ///< on all pages; -1: not counted
  std::optional<std::string> next, previous;
};

class Answerer {
 public:
  Answerer(const BoundEndpoint& endpoint, const Request& request) : endpoint_(endpoint), request_(request) {}

  Response answer() {
    std::vector<ParameterMistake> mistakes;
    values_ = read_request(endpoint_, request_, mistakes);
    read_cursor_of_request(mistakes);
    if (!mistakes.empty()) return of_mistakes(mistakes);
    const auto format = negotiate(request_.headers.get("Accept"));
    if (!format) return not_acceptable();
    // Asked first: an answer may be newer than its tag, and never older.
    const auto version = endpoint_.store->version();
    if (!version) return of_error(version.error());
    const std::string tag = tag_of(*version, *format);
    if (client_has(tag)) {
      Response response;
      response.status = 304;
      add_caching(response, tag);
      return response;
    }
    auto page = ask();
    if (!page) return of_error(page.error());
    if (!values_.page && rows_in(page->rows) > endpoint_.settings.max_rows) return too_many();
    auto body = body_of(*page, *format);
    if (!body) return of_error(body.error());
    auto response = server::text_response(200, std::move(*body), content_type(*format));
    add_caching(response, tag);
    add_page(response, *page);
    return response;
  }

 private:
  static int64_t rows_in(const std::vector<Rows>& rows) {
    int64_t count = 0;
    for (const auto& some : rows) count += some->num_rows();
    return count;
  }

  static std::string content_type(Format format) {
    const std::string type = media_type(format);
    return format == Format::csv ? type + "; charset=utf-8; header=present" : type;
  }

  void read_cursor_of_request(std::vector<ParameterMistake>& mistakes) {
    if (!values_.page || !values_.page->cursor || values_.page->cursor->empty()) return;
    cursor_ = read_cursor(endpoint_, *values_.page->cursor);
    if (!cursor_)
      mistakes.push_back(
          {endpoint_.settings.pages->cursor, "it must be empty, or what `pagination` of this endpoint has handed out"});
  }

  static Response not_acceptable() {
    std::string types;
    for (const Format format : formats) types += (types.empty() ? "" : ", ") + std::string(media_type(format));
    return problem_response(406, "an answer can be had as " + types);
  }

  Response too_many() const {
    std::vector<std::string> names;
    for (const Filter& filter : endpoint_.filters) names.push_back(filter.settings.parameter);
    return problem_response(
        422, fmt::format("there are more than {} rows{}", endpoint_.settings.max_rows,
                         names.empty() ? "" : "; narrow them by " + fmt::format("{}", fmt::join(names, ", "))));
  }

  // ---- what the client has already (RFC 9110, section 13.1.2) ----

  std::string tag_of(const std::string& version, Format format) const {
    std::string text = version + "\n" + endpoint_.digest + "\n" + media_type(format);
    for (const auto& field : request_.query) text += fmt::format("\n{}={}", escaped(field.name), escaped(field.value));
    return "W/\"" + checksum_of(text) + "\"";
  }

  bool client_has(const std::string& tag) const {
    for (const auto& field : request_.headers.all()) {
      if (!server::same_ignoring_case(field.name, "If-None-Match")) continue;
      if (field.value == "*" || field.value.find(tag.substr(2)) != std::string::npos) return true;
    }
    return false;
  }

  static void add_caching(Response& response, const std::string& tag) {
    response.headers.set("ETag", tag);
    response.headers.set("Cache-Control", "no-cache");
    response.headers.set("Vary", "Accept");
  }

  // ---- rows ----

  Result<Page> ask() {
    std::vector<Query> queries;
    queries.push_back(values_.page ? page_statement(endpoint_, values_, cursor_) : all_statement(endpoint_, values_));
    const bool counts = endpoint_.settings.totals && values_.page.has_value();
    if (counts) queries.push_back(count_statement(endpoint_, values_));
    ASSIGN(auto answers, endpoint_.store->ask(queries, endpoint_.settings.timeout_us));
    for (const auto& answer : answers) {
      store_us_ += answer.statistics.elapsed_us;
      add_known(rows_read_, answer.statistics.rows_read);
      add_known(bytes_read_, answer.statistics.bytes_read);
      memory_bytes_ = std::max(memory_bytes_, answer.statistics.memory_bytes);
    }
    Page page;
    page.schema = answers[0].schema;
    page.rows = std::move(answers[0].rows);
    if (counts) page.total = std::stoll(value_text(*answers[1].rows.at(0)->column(0), 0));
    if (endpoint_.settings.totals && !values_.page) page.total = rows_in(page.rows);
    if (values_.page) TRY(cut(page));
    return page;
  }

  static void add_known(int64_t& sum, int64_t part) {
    if (part >= 0) sum = std::max<int64_t>(sum, 0) + part;
  }

  /// What the store did for this answer, as far as it tells.
  std::string timing() const {
    std::string read;
    const auto add = [&](const char* name, int64_t value) {
      if (value >= 0) read += fmt::format("{}{}={}", read.empty() ? "" : ", ", name, value);
    };
    add("rows_read", rows_read_);
    add("bytes_read", bytes_read_);
    add("memory_bytes", memory_bytes_);
    return fmt::format("store;dur={:.3f}{}", static_cast<double>(store_us_) / 1000,
                       read.empty() ? "" : ";desc=\"" + read + "\"");
  }

  /// Takes off the row that only told of another page, and finds the pages beside this one.
  Result<> cut(Page& page) {
    const int64_t size = values_.page->size;
    const bool more = rows_in(page.rows) > size, backwards = cursor_ && cursor_->backwards;
    auto joined =
        page.rows.empty() ? arrow::RecordBatch::MakeEmpty(page.schema) : arrow::ConcatenateRecordBatches(page.rows);
    if (!joined.ok()) return tl::unexpected(from_arrow(joined.status(), "answer"));
    Rows rows = (*joined)->Slice(0, size);
    if (backwards) {
      ASSIGN(rows, reversed(rows));
    }
    page.rows.assign(1, rows);
    if (!values_.page->cursor) {
      const int64_t number = values_.page->number;
      if (more) page.next = link(endpoint_.settings.pages->number, std::to_string(number + 1));
      if (number > 1) page.previous = link(endpoint_.settings.pages->number, std::to_string(number - 1));
      return {};
    }
    const auto& name = endpoint_.settings.pages->cursor;
    if (rows->num_rows() == 0) return {};
    const auto next = cursor_at(endpoint_, *rows, rows->num_rows() - 1, false);
    const auto previous = cursor_at(endpoint_, *rows, 0, true);
    if (more || backwards) page.next = link(name, cursor_text(endpoint_, next));
    if (backwards ? more : cursor_.has_value()) page.previous = link(name, cursor_text(endpoint_, previous));
    return {};
  }

  static Result<Rows> reversed(const Rows& rows) {
    std::vector<int64_t> order;
    for (int64_t row = rows->num_rows() - 1; row >= 0; --row) order.push_back(row);
    ASSIGN(const auto batch, select({rows, {}, nullptr}, order));
    return batch.rows;
  }

  /// The same request for another page.
  std::string link(const std::string& parameter, const std::string& value) const {
    std::string out;
    for (const auto& field : request_.query) {
      if (field.name != parameter) out += fmt::format("{}={}&", escaped(field.name), escaped(field.value));
    }
    return fmt::format("{}?{}{}={}", endpoint_.settings.path, out, escaped(parameter), escaped(value));
  }

  Result<std::string> body_of(const Page& page, Format format) const {
    if (format != Format::json) return encode(format, page.rows, page.schema);
    ASSIGN(const auto data, json_rows(page.rows, page.schema));
    std::string out = "{\"data\":" + data;
    if (page.total >= 0) out += fmt::format(",\"total_results\":{}", page.total);
    if (values_.page) {
      const auto shown = [](const std::optional<std::string>& target) {
        return target ? json_line(Json(*target)) : "null";
      };
      out += fmt::format(",\"pagination\":{{\"next\":{},\"previous\":{}}}", shown(page.next), shown(page.previous));
    }
    return out + "}\n";
  }

  /// For formats that have no room for it (RFC 8288), and for whoever wonders where time goes.
  void add_page(Response& response, const Page& page) const {
    if (page.next) response.headers.add("Link", fmt::format("<{}>; rel=\"next\"", *page.next));
    if (page.previous) response.headers.add("Link", fmt::format("<{}>; rel=\"prev\"", *page.previous));
    if (page.total >= 0) response.headers.set("X-Total-Results", std::to_string(page.total));
    response.headers.set("Server-Timing", timing());
  }

  const BoundEndpoint& endpoint_;
  const Request& request_;
  RequestValues values_;
  std::optional<Cursor> cursor_;
  int64_t store_us_ = 0;
  int64_t rows_read_ = -1, bytes_read_ = -1, memory_bytes_ = -1;  ///< -1: the store does not tell
};

}  // namespace

Response answer(const BoundEndpoint& endpoint, const Request& request) { return Answerer(endpoint, request).answer(); }

}  // namespace trommel::endpoints
