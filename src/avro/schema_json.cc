// Schemas as JSON.
#include <set>
#include <utility>

#include "avro/schema.h"
#include "base/json.h"

namespace trommel::avro {

std::string_view logical_name(Logical logical);  // schema.cc

namespace {

class SchemaWriter {
 public:
  Json write(const SchemaNode& node) {
    if (node.is_named() && !written_.insert(node.name).second) return node.name;
    switch (node.kind) {
      case Kind::record:
        return record(node);
      case Kind::enumeration:
        return enumeration(node);
      case Kind::array:
        return {{"type", "array"}, {"items", write(*node.items)}};
      case Kind::map:
        return {{"type", "map"}, {"values", write(*node.items)}};
      case Kind::one_of: {
        Json branches = Json::array();
        for (const SchemaPtr& branch : node.branches) branches.push_back(write(*branch));
        return branches;
      }
      case Kind::fixed: {
        Json out = named(node, "fixed");
        out["size"] = node.size;
        mean(node, out);
        return out;
      }
      default:
        break;
    }
    if (node.logical == Logical::none) return kind_name(node);
    Json out = {{"type", kind_name(node)}};
    mean(node, out);
    return out;
  }

 private:
  static void mean(const SchemaNode& node, Json& out) {
    if (node.logical == Logical::none) return;
    out["logicalType"] = logical_name(node.logical);
    if (node.logical != Logical::decimal) return;
    out["precision"] = node.precision;
    out["scale"] = node.scale;
  }

  Json named(const SchemaNode& node, const char* type) const {
    Json out = {{"type", type}, {"name", node.name}};
    // A name without a dot would be taken into the namespace of what it stands in.
    if (in_namespace_ && node.name.find('.') == std::string::npos) out["namespace"] = "";
    if (!node.doc.empty()) out["doc"] = node.doc;
    if (!node.aliases.empty()) out["aliases"] = node.aliases;
    return out;
  }

  Json record(const SchemaNode& node) {
    Json out = named(node, "record");
    const bool outer = std::exchange(in_namespace_, node.name.find('.') != std::string::npos);
    Json fields = Json::array();
    for (const SchemaField& field : node.fields) {
      Json one = {{"name", field.name}, {"type", write(*field.type)}};
      if (field.default_json) one["default"] = Json::parse(*field.default_json);
      if (!field.doc.empty()) one["doc"] = field.doc;
      if (!field.aliases.empty()) one["aliases"] = field.aliases;
      fields.push_back(std::move(one));
    }
    in_namespace_ = outer;
    out["fields"] = std::move(fields);
    return out;
  }

  Json enumeration(const SchemaNode& node) const {
    Json out = named(node, "enum");
    out["symbols"] = node.symbols;
    if (node.other_symbol) out["default"] = *node.other_symbol;
    return out;
  }

  std::set<std::string> written_;
  bool in_namespace_ = false;
};

}  // namespace

std::string schema_json(const SchemaNode& node) { return json_line(SchemaWriter().write(node)); }

}  // namespace trommel::avro
