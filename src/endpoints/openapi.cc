#include "endpoints/openapi.h"

#include "arrow/api.h"
#include "base/json.h"
#include "endpoints/formats.h"
#include "endpoints/request_values.h"
#include "fmt/format.h"

namespace trommel::endpoints {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

Json integer_schema(const arrow::DataType& type) {
  const bool is_signed = arrow::is_signed_integer(type.id());
  const int bits = type.bit_width();
  Json schema = {{"type", "integer"}};
  if (bits >= 32 && is_signed) schema["format"] = bits == 32 ? "int32" : "int64";
  if (is_signed) {
    schema["minimum"] = -(int64_t{1} << (bits - 2)) * 2;
    schema["maximum"] = ((int64_t{1} << (bits - 2)) - 1) * 2 + 1;
  } else {
    schema["minimum"] = 0;
    schema["maximum"] = ((uint64_t{1} << (bits - 1)) - 1) * 2 + 1;
  }
  return schema;
}

bool has_zone(const arrow::DataType& type) {
  return !static_cast<const arrow::TimestampType&>(type).timezone().empty();
}

// ---- values of answers, as codecs/json writes them ----

Json value_schema(const arrow::DataType& type);

Json struct_schema(const arrow::DataType& type) {
  Json properties = Json::object(), names = Json::array();
  for (const auto& field : type.fields()) {
    properties[field->name()] = value_schema(*field->type());
    names.push_back(field->name());
  }
  return {{"type", {"object", "null"}}, {"properties", properties}, {"required", names}};
}

/// Any value may be NULL: a SELECT does not promise otherwise.
Json value_schema(const arrow::DataType& type) {
  const auto nullable = [](const char* name, const char* format = nullptr) {
    Json schema = {{"type", {name, "null"}}};
    if (format != nullptr) schema["format"] = format;
    return schema;
  };
  switch (type.id()) {
    case arrow::Type::BOOL:
      return nullable("boolean");
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
      return {{"anyOf", {nullable("number", "double"), {{"enum", {"nan", "inf", "-inf"}}}}}};
    case arrow::Type::DECIMAL128:
      return nullable("number");
    case arrow::Type::DATE32:
      return nullable("string", "date");
    case arrow::Type::TIMESTAMP:
      return has_zone(type) ? nullable("string", "date-time") : nullable("string");
    case arrow::Type::EXTENSION:
      return same_type(type, *uuid_type()) ? nullable("string", "uuid") : Json::object();
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
      return {{"type", {"array", "null"}}, {"items", value_schema(*type.field(0)->type())}};
    case arrow::Type::STRUCT:
      return struct_schema(type);
    case arrow::Type::MAP:
      return nullable("object");
    default:
      return arrow::is_integer(type.id()) ? nullable("integer") : nullable("string");
  }
}

Json value_example(const arrow::DataType& type, const std::string& name) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return true;
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
    case arrow::Type::DECIMAL128:
      return 12.5;
    case arrow::Type::DATE32:
      return "2026-01-31";
    case arrow::Type::TIMESTAMP:
      return has_zone(type) ? "2026-01-31T12:00:00Z" : "2026-01-31T12:00:00";
    case arrow::Type::EXTENSION:
      return "c56a4180-65aa-42ec-a945-5fd21dec0538";
    case arrow::Type::STRING:
      return name;
    default:
      return arrow::is_integer(type.id()) ? Json(7) : Json(nullptr);
  }
}

// ---- parameters: exactly the values that are taken ----

Json parameter_schema(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return {{"type", "boolean"}};
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
      return {{"type", "number"}};
    case arrow::Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      const int whole = std::max(1, decimal.precision() - decimal.scale());
      std::string pattern = fmt::format("^-?[0-9]{{1,{}}}", whole);
      if (decimal.scale() > 0) pattern += fmt::format("(\\.[0-9]{{1,{}}})?", decimal.scale());
      return {{"type", "string"}, {"pattern", pattern + "$"}, {"examples", {"12"}}};
    }
    case arrow::Type::DATE32:
      return {{"type", "string"}, {"format", "date"}};
    case arrow::Type::TIME64:
      return {
          {"type", "string"}, {"pattern", "^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"}, {"examples", {"12:00:00"}}};
    case arrow::Type::TIMESTAMP:
      // Zones of the earth: RFC 3339 would have up to 23:59.
      return {{"anyOf",
               {{{"type", "string"}, {"format", "date"}},
                {{"type", "string"}, {"format", "date-time"}, {"pattern", "(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"}}}},
              {"examples", {"2026-01-31", "2026-01-31T12:00:00Z"}}};
    case arrow::Type::EXTENSION:
      return {{"type", "string"}, {"format", "uuid"}};
    default:
      if (arrow::is_integer(type.id())) return integer_schema(type);
      return {{"type", "string"}, {"pattern", "^[^\\u0000]*$"}};
  }
}

Json parameter(const std::string& name, Json schema, const std::string& description, bool required = false) {
  return {{"name", name},
          {"in", "query"},
          {"required", required},
          {"description", description},
          {"schema", std::move(schema)}};
}

std::string filter_description(const Filter& filter) {
  std::string out =
      fmt::format("Rows whose `{}` {} this", filter.settings.column, comparison_text(filter.settings.comparison));
  if (filter.type->id() != arrow::Type::TIMESTAMP) return out + ".";
  switch (filter.settings.comparison) {
    case Comparison::less:
    case Comparison::less_or_equal:
      return out + "; a date alone includes that day.";
    case Comparison::greater:
      return out + "; a date alone means after that day.";
    case Comparison::greater_or_equal:
      return out + "; a date alone begins with that day.";
    default:
      return out + "; a date alone is any time in it.";
  }
}

Json parameters_of(const BoundEndpoint& endpoint) {
  Json out = Json::array();
  for (const Filter& filter : endpoint.filters) {
    Json schema = parameter_schema(*filter.type);
    if (filter.settings.comparison == Comparison::in)
      schema = {{"type", "array"}, {"items", std::move(schema)}, {"minItems", 1}, {"maxItems", 1000}};
    out.push_back(parameter(filter.settings.parameter, std::move(schema), filter_description(filter)));
  }
  for (const EndpointParameter& own : endpoint.settings.parameters) {
    Json schema = parameter_schema(*own.type);
    if (own.default_text) schema["default"] = *own.default_text;
    out.push_back(parameter(own.name, std::move(schema), own.description, own.required));
  }
  if (const auto& pages = endpoint.settings.pages) {
    out.push_back(parameter(pages->number,
                            {{"type", "integer"}, {"minimum", 1}, {"maximum", page_number_max}, {"default", 1}},
                            "Which page, from 1."));
    out.push_back(
        parameter(pages->size,
                  {{"type", "integer"}, {"minimum", 1}, {"maximum", pages->max_size}, {"default", pages->default_size}},
                  "How many rows a page has."));
    out.push_back(parameter(pages->cursor, {{"type", "string"}},
                            "In place of a number: empty for the first page, then what `pagination` has handed out. "
                            "Such pages stand still while rows come in."));
  }
  return out;
}

// ---- answers ----

Json answer_schema(const BoundEndpoint& endpoint) {
  Json row = struct_schema(*arrow::struct_(endpoint.schema->fields()));
  row["type"] = "object";
  Json properties = {{"data", {{"type", "array"}, {"items", std::move(row)}}}};
  Json required = {"data"};
  if (endpoint.settings.totals) {
    properties["total_results"] = {{"type", "integer"}, {"minimum", 0}, {"description", "Rows on all pages."}};
    required.push_back("total_results");
  }
  if (endpoint.settings.pages) {
    const Json link = {{"type", {"string", "null"}}, {"format", "uri-reference"}};
    properties["pagination"] = {
        {"type", "object"}, {"properties", {{"next", link}, {"previous", link}}}, {"required", {"next", "previous"}}};
    required.push_back("pagination");
  }
  return {{"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}};
}

Json answer_example(const BoundEndpoint& endpoint) {
  Json row = Json::object();
  for (const auto& field : endpoint.schema->fields()) row[field->name()] = value_example(*field->type(), field->name());
  Json out = {{"data", Json::array({std::move(row)})}};
  if (endpoint.settings.totals) out["total_results"] = 1;
  if (endpoint.settings.pages) out["pagination"] = {{"next", nullptr}, {"previous", nullptr}};
  return out;
}

Json header(const std::string& description) { return {{"description", description}, {"schema", {{"type", "string"}}}}; }

Json good_answer(const BoundEndpoint& endpoint) {
  Json content;
  content[media_type(Format::json)] = {{"schema", answer_schema(endpoint)}, {"example", answer_example(endpoint)}};
  for (const Format format : {Format::csv, Format::json_lines, Format::arrow, Format::parquet})
    content[media_type(format)] = {{"schema", Json::object()}};
  return {{"description", "The rows."},
          {"headers",
           {{"ETag", header("Another one when the rows may be others.")},
            {"Link", header("The pages beside this one (RFC 8288).")},
            {"X-Total-Results", header("Rows on all pages.")},
            {"Server-Timing", header("How long the store took, and what it read, where it tells.")}}},
          {"content", std::move(content)}};
}

Json problem_answer(const std::string& description) {
  return {{"description", description},
          {"content", {{"application/problem+json", {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}}}};
}

Json problem_schema() {
  const Json text = {{"type", "string"}};
  return {{"type", "object"},
          {"description", "What went wrong (RFC 9457)."},
          {"properties",
           {{"type", {{"type", "string"}, {"format", "uri-reference"}}},
            {"title", text},
            {"status", {{"type", "integer"}}},
            {"detail", text},
            {"errors",
             {{"type", "array"},
              {"description", "Each parameter that is wrong."},
              {"items",
               {{"type", "object"},
                {"properties", {{"parameter", text}, {"detail", text}}},
                {"required", {"parameter", "detail"}}}}}}}},
          {"required", {"title", "status"}}};
}

std::string operation_id(const std::string& path) {
  std::string out = "get";
  for (const char c : path) out += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
  return out;
}

}  // namespace

std::string operation_json(const BoundEndpoint& endpoint) {
  const Endpoint& settings = endpoint.settings;
  Json responses = {{"200", good_answer(endpoint)},
                    {"304", {{"description", "The client has this answer already (`If-None-Match`)."}}},
                    {"400", problem_answer("Parameters that are wrong, each by its name.")},
                    {"406", problem_answer("None of the formats that `Accept` wants.")}};
  if (!settings.pages) responses["422"] = problem_answer("More rows than an answer may have.");
  responses["503"] = problem_answer("Time ran out, or the store is away.");
  responses["default"] = problem_answer("Anything else.");
  std::string summary = settings.description.substr(0, settings.description.find_first_of(".\n"));
  if (summary.empty()) summary = "Rows of " + settings.path.substr(1);
  Json operation = {{"operationId", operation_id(settings.path)}, {"summary", summary}};
  if (!settings.description.empty()) operation["description"] = settings.description;
  operation["tags"] = {"endpoints"};
  operation["parameters"] = parameters_of(endpoint);
  operation["responses"] = std::move(responses);
  return json_line(operation);
}

std::string openapi_json(const ApiInfo& info, const std::vector<std::shared_ptr<const server::Route>>& routes) {
  Json paths = Json::object();
  for (const auto& route : routes) {
    if (route->operation.empty()) continue;
    auto operation = parse_json(route->operation, route->path);
    TROMMEL_CHECK(operation.has_value(), route->path);
    paths[route->path + (route->below ? "{rest}" : "")][lower(route->method)] = std::move(*operation);
  }
  Json document = {{"openapi", "3.1.0"},
                   {"info", {{"title", info.title}, {"version", info.version}}},
                   {"paths", std::move(paths)},
                   {"components", {{"schemas", {{"Problem", problem_schema()}}}}}};
  if (info.tokens) {
    document["components"]["securitySchemes"] = {{"token", {{"type", "http"}, {"scheme", "bearer"}}}};
    document["security"] = Json::array({{{"token", Json::array()}}});
  }
  return document.dump(2) + "\n";
}

}  // namespace trommel::endpoints
