#include "cli/pipeline_schema.h"

#include "base/json.h"
#include "config/pipeline.h"

namespace trommel::cli {

namespace {

Json schema_of(const SpecInfo& info) {
  auto parsed = parse_json(spec_json_schema(info), info.name);
  TROMMEL_CHECK(parsed.has_value(), info.name);
  return std::move(*parsed);
}

const SpecInfo& top_spec(const std::string& name) {
  for (const SpecInfo* info : pipeline_specs()) {
    if (info->name == name) return *info;
  }
  invariant_broken(__FILE__, __LINE__, "every part of a pipeline file has a spec", name);
}

// The part's own keys, and one key for each component that may stand there.
template <class Kinds>
Json part(const std::string& name, const Kinds& kinds) {
  Json schema = schema_of(top_spec(name));
  for (const auto& kind : kinds) schema["properties"][kind.spec->name] = schema_of(*kind.spec);
  schema["additionalProperties"] = false;
  return schema;
}

// Beside `store` stand the settings of a store's table.
Json sink_part(const std::vector<SinkKind>& sinks) {
  Json schema = schema_of(top_spec("sink"));
  for (const SinkKind& kind : sinks) {
    Json settings = schema_of(*kind.spec);
    if (!kind.is_store) {
      schema["properties"][kind.spec->name] = std::move(settings);
      continue;
    }
    for (const auto& [name, value] : settings["properties"].items()) schema["properties"][name] = value;
  }
  schema["additionalProperties"] = false;
  return schema;
}

Json named(Json of) { return {{"type", "object"}, {"additionalProperties", std::move(of)}}; }

}  // namespace

std::string pipeline_json_schema(const Components& components) {
  Json schema = schema_of(top_spec("pipeline"));
  Json& properties = schema["properties"];
  const auto describe = [&](const char* key, Json of) {
    const Json doc = properties[key].value("description", "");
    properties[key] = named(std::move(of));
    properties[key]["description"] = doc;
  };
  describe("sources", part("source", components.sources));
  describe("tables", part("source", components.sources));
  describe("transforms", part("transform", components.transforms));
  describe("sinks", sink_part(components.sinks));
  Json out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "trommel pipeline"}};
  out.update(schema);
  return out.dump(2);
}

}  // namespace trommel::cli
