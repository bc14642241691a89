#include "codecs/avro/registry.h"

#include <fmt/format.h>

#include "base/json.h"

namespace trommel::avro {

namespace {

constexpr int64_t request_timeout_ms = 20'000;
constexpr int64_t answer_bytes_max = 16 << 20;

/// What a registry says went wrong, on one line and not too long.
std::string message_of(const std::string& body) {
  const auto json = parse_json(body, "answer");
  std::string text = json && json->is_object() && json->contains("message") && (*json)["message"].is_string()
                         ? (*json)["message"].get<std::string>()
                         : body;
  for (char& c : text) c = c == '\n' || c == '\r' ? ' ' : c;
  if (text.size() > 500) text.resize(500);
  return text;
}

}  // namespace

std::string wire_prefix(int32_t id) {
  std::string out(wire_bytes, '\0');
  for (int i = 0; i < 4; ++i)
    out[static_cast<size_t>(1 + i)] = static_cast<char>(static_cast<uint32_t>(id) >> (24 - 8 * i));
  return out;
}

std::optional<int32_t> wire_id(Bytes message) {
  if (message.size() < wire_bytes || message[0] != 0) return std::nullopt;
  uint32_t id = 0;
  for (size_t i = 1; i < wire_bytes; ++i) id = id << 8 | message[i];
  return static_cast<int32_t>(id);
}

Registry::Registry(RegistryAddress address) : address_(std::move(address)), client_(address_.access) {}

Result<Registry::Answer> Registry::ask(const std::string& method, const std::string& path, const std::string& body) {
  http::Request request;
  request.method = method;
  request.url = address_.url + path;
  request.headers = {{"Accept", "application/vnd.schemaregistry.v1+json, application/json"}};
  if (!body.empty()) request.headers.push_back({"Content-Type", "application/vnd.schemaregistry.v1+json"});
  request.body = as_bytes(body);
  request.timeout_ms = request_timeout_ms;
  request.response_bytes_max = answer_bytes_max;
  auto answer = client_.send(request);
  if (!answer) {
    Error error = std::move(answer).error();
    error.what = "the schema registry is away: " + error.what;
    return tl::unexpected(std::move(error));
  }
  const int status = answer->status;
  if (answer->ok() || status == 404 || status == 409 || status == 422) return Answer{status, std::move(answer->body)};
  const bool busy = status >= 500 || status == 408 || status == 429;
  const bool stranger = status == 401 || status == 403;
  return tl::unexpected(Error{Error::Domain::external, http::shown_url(request.url),
                              fmt::format("the schema registry answers {}: {}", status, message_of(answer->body)),
                              stranger ? "are `user` and `password`, or `token`, right?" : "", busy});
}

Result<std::optional<std::string>> Registry::schema(int32_t id) {
  std::lock_guard lock(mutex_);
  if (const auto known = newest_.find(id); known != newest_.end()) return known->second;
  ASSIGN(const Answer answer, ask("GET", fmt::format("/schemas/ids/{}", id)));
  if (answer.status != 200) return std::nullopt;
  ASSIGN(const Json json, parse_json(answer.body, shown()));
  if (!json.is_object() || !json.contains("schema") || !json["schema"].is_string())
    return external_error(shown(), fmt::format("the registry's answer has no schema: {}", message_of(answer.body)));
  if (json.contains("schemaType") && json["schemaType"] != "AVRO") return std::nullopt;
  return json["schema"].get<std::string>();
}

Result<std::optional<Registry::Version>> Registry::latest(const std::string& subject) {
  std::lock_guard lock(mutex_);
  ASSIGN(const Answer answer, ask("GET", fmt::format("/subjects/{}/versions/latest", http::url_escaped(subject))));
  if (answer.status != 200) return std::nullopt;
  ASSIGN(const Json json, parse_json(answer.body, shown()));
  if (!json.is_object() || !json.contains("schema") || !json["schema"].is_string() || !json.contains("id") ||
      !json["id"].is_number_integer())
    return external_error(shown(), fmt::format("the registry's answer has no schema: {}", message_of(answer.body)));
  Version version{json["id"].get<int32_t>(), json["schema"].get<std::string>()};
  newest_.emplace(version.id, version.schema);
  return version;
}

Result<int32_t> Registry::id_of(const std::string& subject, const std::string& schema) {
  std::lock_guard lock(mutex_);
  const std::string body = json_line({{"schema", schema}, {"schemaType", "AVRO"}});
  ASSIGN(const Answer answer, ask("POST", fmt::format("/subjects/{}/versions", http::url_escaped(subject)), body));
  if (answer.status != 200) {
    return tl::unexpected(
        Error{Error::Domain::external, shown(),
              fmt::format("the schema registry takes no such schema for `{}`: {}", subject, message_of(answer.body)),
              answer.status == 409 ? "it must be compatible with those that are there: give new fields a default" : "",
              false});
  }
  ASSIGN(const Json json, parse_json(answer.body, shown()));
  if (!json.is_object() || !json.contains("id") || !json["id"].is_number_integer())
    return external_error(shown(), fmt::format("the registry's answer has no id: {}", message_of(answer.body)));
  return json["id"].get<int32_t>();
}

Result<std::optional<std::string>> Registry::objection(const std::string& subject, const std::string& schema) {
  std::lock_guard lock(mutex_);
  const std::string body = json_line({{"schema", schema}, {"schemaType", "AVRO"}});
  ASSIGN(const Answer answer,
         ask("POST", fmt::format("/compatibility/subjects/{}/versions/latest?verbose=true", http::url_escaped(subject)),
             body));
  if (answer.status == 404) return std::nullopt;  // the first of its subject
  if (answer.status != 200) return message_of(answer.body);
  ASSIGN(const Json json, parse_json(answer.body, shown()));
  if (!json.is_object() || !json.contains("is_compatible") || !json["is_compatible"].is_boolean())
    return external_error(shown(), fmt::format("the registry's answer does not say whether it is compatible: {}",
                                               message_of(answer.body)));
  if (json["is_compatible"].get<bool>()) return std::nullopt;
  std::string why;
  if (json.contains("messages") && json["messages"].is_array()) {
    for (const Json& one : json["messages"])
      why += (why.empty() ? "" : "; ") + (one.is_string() ? one.get<std::string>() : json_line(one));
  }
  return why.empty() ? "it is not compatible with the newest one there" : why;
}

}  // namespace trommel::avro
