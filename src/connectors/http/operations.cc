#include "connectors/http/operations.h"

#include "base/json.h"

namespace trommel {

namespace {

Json text() { return {{"type", "string"}}; }
Json number() { return {{"type", "integer"}, {"minimum", 0}}; }
Json counts() { return {{"type", "object"}, {"additionalProperties", number()}}; }
Json object(Json properties) { return {{"type", "object"}, {"properties", std::move(properties)}}; }

Json answer(const char* description, const char* type, Json schema) {
  return {{"description", description}, {"content", {{type, {{"schema", std::move(schema)}}}}}};
}

Json problem(const char* description) {
  return answer(description, "application/problem+json", {{"$ref", "#/components/schemas/Problem"}});
}

Json balance() {
  const Json bad_row = object({{"line", number()},
                               {"row", number()},
                               {"column", text()},
                               {"value", text()},
                               {"code", text()},
                               {"reason", text()},
                               {"stage", text()}});
  return object({{"id", text()},
                 {"name", text()},
                 {"outcome", {{"enum", {"published", "refused"}}}},
                 {"bytes", number()},
                 {"epoch", number()},
                 {"read", number()},
                 {"written", counts()},
                 {"rejected", number()},
                 {"reasons", counts()},
                 {"bad_rows", {{"type", "array"}, {"items", bad_row}}},
                 {"bad_rows_unlisted", number()},
                 {"seconds", {{"type", "number"}}}});
}

Json job() {
  return object({{"id", text()},
                 {"state", {{"enum", {"arriving", "waiting", "reading", "done"}}}},
                 {"name", text()},
                 {"arrived", number()},
                 {"bytes", number()},
                 {"read", number()},
                 {"status", number()},
                 {"answer", {{"type", "object"}}}});
}

Json header(const char* name, const char* description, Json schema) {
  return {{"name", name}, {"in", "header"}, {"description", description}, {"schema", std::move(schema)}};
}

}  // namespace

std::string upload_operation(const std::string& source, const std::string& field) {
  const std::string part = field.empty() ? "file" : field;
  const Json binary = {{"type", "string"}, {"format", "binary"}};
  Json form = object({{part, binary}});
  form["required"] = Json::array({part});
  return json_line(Json{
      {"operationId", source + "_upload"},
      {"summary", "Upload a file"},
      {"description", "Answered once its rows are durable; past the budget of bad rows nothing of it is published."},
      {"tags", {"uploads"}},
      {"parameters",
       {header("Idempotency-Key", "the same text for each try: the file counts once",
               {{"type", "string"}, {"minLength", 1}, {"maxLength", 255}}),
        header("Prefer", "`respond-async`: a job's address in place of the balance", text()),
        {{"name", "name"}, {"in", "query"}, {"description", "of a bare file"}, {"schema", text()}}}},
      {"requestBody",
       {{"required", true},
        {"content",
         {{"multipart/form-data", {{"schema", form}}},
          {"text/csv", {{"schema", text()}}},
          {"application/octet-stream", {{"schema", binary}}}}}}},
      {"responses",
       {{"200", answer("Published", "application/json", balance())},
        {"202", answer("Accepted; `Location` is its job", "application/json", job())},
        {"422", problem("Too many bad rows, or no file that can be read; with the members of the balance")},
        {"default", problem("Nothing of it was taken")}}}});
}

std::string job_operation(const std::string& source) {
  const Json events = {{"schema", text()}};
  Json found = answer("How it stands", "application/json", job());
  found["content"]["text/event-stream"] = events;
  return json_line(Json{{"operationId", source + "_job"},
                        {"summary", "How an upload stands"},
                        {"tags", {"uploads"}},
                        {"parameters", {{{"name", "rest"}, {"in", "path"}, {"required", true}, {"schema", text()}}}},
                        {"responses", {{"200", found}, {"default", problem("No such upload")}}}});
}

}  // namespace trommel
