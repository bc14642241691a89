#include "avro/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "avro/default.h"
#include "base/json.h"

namespace trommel::avro {

namespace {

constexpr int depth_max = 64;
constexpr size_t branches_max = 100;
constexpr int64_t parts_max = 20'000;
constexpr int64_t fixed_bytes_max = 16 << 20;

constexpr std::pair<std::string_view, Kind> primitives[] = {
    {"null", Kind::null},     {"boolean", Kind::boolean}, {"int", Kind::int32},   {"long", Kind::int64},
    {"float", Kind::float32}, {"double", Kind::float64},  {"bytes", Kind::bytes}, {"string", Kind::text},
};

struct LogicalName {
  std::string_view name;
  Logical logical;
  Kind kind;  ///< that it stands on
};
constexpr LogicalName logicals[] = {
    {"decimal", Logical::decimal, Kind::bytes},
    {"decimal", Logical::decimal, Kind::fixed},
    {"date", Logical::date, Kind::int32},
    {"time-millis", Logical::time_millis, Kind::int32},
    {"time-micros", Logical::time_micros, Kind::int64},
    {"timestamp-millis", Logical::timestamp_millis, Kind::int64},
    {"timestamp-micros", Logical::timestamp_micros, Kind::int64},
    {"timestamp-nanos", Logical::timestamp_nanos, Kind::int64},
    {"local-timestamp-millis", Logical::local_timestamp_millis, Kind::int64},
    {"local-timestamp-micros", Logical::local_timestamp_micros, Kind::int64},
    {"local-timestamp-nanos", Logical::local_timestamp_nanos, Kind::int64},
    {"uuid", Logical::uuid, Kind::text},
    {"uuid", Logical::uuid, Kind::fixed},
};

bool is_word(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (text.empty() || !letter(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

/// Words with dots between them.
bool is_full_name(std::string_view text) {
  while (true) {
    const size_t dot = text.find('.');
    if (!is_word(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

std::optional<Kind> primitive(std::string_view name) {
  for (const auto& [word, kind] : primitives) {
    if (word == name) return kind;
  }
  return std::nullopt;
}

/// How many decimal digits any number of so many bytes can have.
int digits_of_bytes(int64_t bytes) {
  return bytes > 16 ? 38 : static_cast<int>(static_cast<double>(8 * bytes - 1) * 0.30103);
}

class SchemaReader {
 public:
  explicit SchemaReader(std::string_view text) : text_(text) {}

  ParsedSchema read() {
    ParsedSchema out;
    try {
      const Json json = Json::parse(text_);
      out.schema = type(json, "", "", 0);
    } catch (const Json::parse_error& problem) {
      mistakes_.push_back(
          {"", at_byte(problem.byte), "this is not JSON", "a schema is JSON: { \"type\": \"record\", … }"});
    } catch (const Json::out_of_range& problem) {
      // Its text ends in the number, in quotes.
      std::string_view number = problem.what();
      number = number.substr(0, number.rfind('\''));
      number = number.substr(number.rfind('\'') + 1);
      mistakes_.push_back(
          {"", at_byte(text_.find(number) + 1), fmt::format("no number is as large as {}", number), {}});
    }
    if (!mistakes_.empty()) out.schema = nullptr;
    out.mistakes = std::move(mistakes_);
    out.doubts = std::move(doubts_);
    return out;
  }

 private:
  using Path = std::string;

  JsonPlace at_byte(size_t byte) const {
    const std::string_view before = text_.substr(0, byte == 0 ? 0 : byte - 1);
    const size_t feed = before.rfind('\n');
    return {1 + static_cast<int>(std::count(before.begin(), before.end(), '\n')),
            1 + static_cast<int>(feed == std::string_view::npos ? before.size() : before.size() - feed - 1)};
  }

  std::nullptr_t wrong(const Path& path, std::string what, std::string hint = {}) {
    mistakes_.push_back({path, place_of(text_, path), std::move(what), std::move(hint)});
    return nullptr;
  }

  void doubt(const Path& path, std::string what, std::string hint = {}) {
    doubts_.push_back({path, place_of(text_, path), std::move(what), std::move(hint)});
  }

  static Path in(const Path& path, std::string_view key) {
    return path.empty() ? Path(key) : fmt::format("{}.{}", path, key);
  }
  static Path in(const Path& path, size_t index) { return fmt::format("{}[{}]", path, index); }

  SchemaPtr type(const Json& json, const Path& path, const std::string& space, int depth) {
    if (depth > depth_max) return wrong(path, fmt::format("types lie in each other more than {} deep", depth_max));
    if (json.is_string()) return named(json.get_ref<const std::string&>(), path, space);
    if (json.is_array()) return one_of(json, path, space, depth);
    if (!json.is_object())
      return wrong(path, fmt::format("no type: `{}`", json_line(json)), "a name, a list or an object");
    const auto word = json.find("type");
    if (word == json.end()) return wrong(path, "`type` is missing");
    if (!word->is_string()) return type(*word, in(path, "type"), space, depth + 1);
    const auto& name = word->get_ref<const std::string&>();
    if (name == "record" || name == "error" || name == "enum" || name == "fixed") {
      const size_t open = open_.size();
      SchemaPtr made = name == "enum"    ? enumeration(json, path, space)
                       : name == "fixed" ? fixed(json, path, space)
                                         : record(json, path, space, depth);
      open_.resize(open);
      return made;
    }
    if (name == "array" || name == "map") return collection(json, name == "map", path, space, depth);
    const auto kind = primitive(name);
    if (!kind) return named(name, in(path, "type"), space);
    auto node = std::make_shared<SchemaNode>();
    node->kind = *kind;
    mean(json, path, *node);
    return node;
  }

  /// What a logical type says, where it fits.
  void mean(const Json& json, const Path& path, SchemaNode& node) {
    const auto word = json.find("logicalType");
    if (word == json.end() || !word->is_string()) return;
    const auto& name = word->get_ref<const std::string&>();
    bool is_known = false;
    for (const LogicalName& known : logicals) {
      is_known |= known.name == name;
      if (known.name != name || known.kind != node.kind) continue;
      if (known.logical == Logical::decimal && !decimal(json, node)) break;
      if (known.logical == Logical::uuid && node.kind == Kind::fixed && node.size != 16) break;
      node.logical = known.logical;
    }
    if (is_known && node.logical == Logical::none) {
      doubt(in(path, "logicalType"),
            fmt::format("`{}` does not fit {} and so means nothing: `{}`", name, type_text(node), json_line(json)),
            name == "decimal" ? "it needs `precision`, no less than `scale`, and bytes enough for it" : "");
    }
  }

  static bool decimal(const Json& json, SchemaNode& node) {
    const auto number = [&](const char* key, int otherwise) {
      const auto value = json.find(key);
      if (value == json.end()) return otherwise;
      return value->is_number_integer() && *value >= 0 && *value < 10'000 ? value->get<int>() : -1;
    };
    const int precision = number("precision", -1), scale = number("scale", 0);
    if (precision < 1 || scale < 0 || scale > precision) return false;
    if (node.kind == Kind::fixed && node.size <= 16 && precision > digits_of_bytes(node.size)) return false;
    node.precision = precision;
    node.scale = scale;
    return true;
  }

  SchemaPtr named(const std::string& name, const Path& path, const std::string& space) {
    if (const auto kind = primitive(name)) {
      auto& shared = primitives_[*kind];
      if (!shared) {
        auto node = std::make_shared<SchemaNode>();
        node->kind = *kind;
        shared = std::move(node);
      }
      return shared;
    }
    auto known = types_.end();
    if (name.find('.') == std::string::npos && !space.empty()) known = types_.find(space + "." + name);
    if (known == types_.end()) known = types_.find(name);
    if (known == types_.end()) return wrong(path, fmt::format("no type is called `{}`", name), known_names());
    if (std::find(open_.begin(), open_.end(), known->first) != open_.end()) {
      return wrong(path, fmt::format("`{}` holds itself", known->first),
                   "such a value has no end that columns could be made for: give it as text or bytes");
    }
    return known->second;
  }

  std::string known_names() const {
    std::string names;
    for (const auto& [name, node] : types_) names += ", " + name;
    return names.empty() ? "types of a name are defined before they are used" : "defined so far: " + names.substr(2);
  }

  /// Reads the name of a record, enum or fixed into `node` and makes it known. Returns the namespace for what is in it.
  std::optional<std::string> name(const Json& json, const Path& path, const std::string& space, SchemaNode& node) {
    const auto text = [&](const char* key) -> std::optional<std::string> {
      const auto value = json.find(key);
      if (value == json.end()) return std::nullopt;
      if (value->is_string()) return value->get<std::string>();
      wrong(in(path, key), fmt::format("`{}` must be text, not `{}`", key, json_line(*value)));
      return std::nullopt;
    };
    node.doc = json.contains("doc") && json["doc"].is_string() ? json["doc"].get<std::string>() : "";
    auto given = text("name");
    if (!given) {
      if (!json.contains("name")) wrong(path, fmt::format("a {} needs `name`", kind_word(node.kind)));
      return std::nullopt;
    }
    if (!is_full_name(*given)) {
      wrong(in(path, "name"), fmt::format("no name: `{}`", *given),
            "letters, digits and _, a letter or _ first; a namespace before it ends in a dot");
      return std::nullopt;
    }
    std::string inner = text("namespace").value_or(space);
    if (const size_t dot = given->rfind('.'); dot != std::string::npos) {
      inner = given->substr(0, dot);
    } else if (!inner.empty()) {
      if (!is_full_name(inner))
        wrong(in(path, "namespace"), fmt::format("no namespace: `{}`", inner), "names with dots between them");
      *given = inner + "." + *given;
    }
    if (primitive(*given)) wrong(in(path, "name"), fmt::format("`{}` is the name of a type of Avro's own", *given));
    if (!types_.emplace(*given, nullptr).second) wrong(in(path, "name"), fmt::format("`{}` is defined twice", *given));
    node.name = *given;
    open_.push_back(*given);
    for (std::string& alias : texts(json, "aliases", path))
      node.aliases.push_back(alias.find('.') != std::string::npos || inner.empty() ? alias : inner + "." + alias);
    return inner;
  }

  std::vector<std::string> texts(const Json& json, const char* key, const Path& path) {
    std::vector<std::string> out;
    const auto list = json.find(key);
    if (list == json.end()) return out;
    const bool fits =
        list->is_array() && std::all_of(list->begin(), list->end(), [](const Json& item) { return item.is_string(); });
    if (!fits) {
      wrong(in(path, key), fmt::format("`{}` must be a list of names", key));
      return out;
    }
    for (const Json& item : *list) out.push_back(item.get<std::string>());
    return out;
  }

  /// A type that is used in many places counts in each of them: so many columns there will be.
  bool measure(SchemaNode& node, const Path& path) {
    const auto add = [&](const SchemaPtr& part) {
      node.parts += part->parts;
      node.depth = std::max(node.depth, part->depth + 1);
    };
    for (const SchemaField& field : node.fields) add(field.type);
    for (const SchemaPtr& branch : node.branches) add(branch);
    if (node.items) add(node.items);
    if (node.parts > parts_max) wrong(path, fmt::format("it is made of more than {} types", parts_max));
    if (node.depth > depth_max) wrong(path, fmt::format("types lie in each other more than {} deep", depth_max));
    return node.parts <= parts_max && node.depth <= depth_max;
  }

  SchemaPtr finish(std::shared_ptr<SchemaNode> node, const Path& path, size_t mistakes_before) {
    if (mistakes_.size() > mistakes_before || !measure(*node, path)) return nullptr;
    return types_[node->name] = std::move(node);
  }

  SchemaPtr record(const Json& json, const Path& path, const std::string& space, int depth) {
    const size_t before = mistakes_.size();
    auto node = std::make_shared<SchemaNode>();
    node->kind = Kind::record;
    const auto inner = name(json, path, space, *node);
    const auto fields = json.find("fields");
    if (fields == json.end() || !fields->is_array())
      return wrong(fields == json.end() ? path : in(path, "fields"), "a record needs `fields`, a list");
    for (size_t i = 0; i < fields->size(); ++i) {
      const Path at = in(in(path, "fields"), i);
      auto read = field((*fields)[i], at, inner.value_or(space), depth);
      if (!read) continue;
      const bool twice = std::any_of(node->fields.begin(), node->fields.end(),
                                     [&](const SchemaField& other) { return other.name == read->name; });
      if (twice) wrong(in(at, "name"), fmt::format("field `{}` is there twice", read->name));
      node->fields.push_back(std::move(*read));
    }
    return finish(std::move(node), path, before);
  }

  std::optional<SchemaField> field(const Json& json, const Path& path, const std::string& space, int depth) {
    if (!json.is_object()) {
      wrong(path, fmt::format("no field: `{}`", json_line(json)), R"(such as { "name": "id", "type": "long" })");
      return std::nullopt;
    }
    SchemaField field;
    const auto name = json.find("name");
    if (name == json.end() || !name->is_string()) {
      wrong(path, "a field needs `name`");
    } else if (field.name = name->get<std::string>(); !is_word(field.name)) {
      wrong(in(path, "name"), fmt::format("no name: `{}`", field.name), "letters, digits and _, a letter or _ first");
    }
    const auto type_of = json.find("type");
    if (type_of == json.end()) {
      wrong(path, fmt::format("field `{}` needs `type`", field.name));
      return std::nullopt;
    }
    field.aliases = texts(json, "aliases", path);
    if (json.contains("doc") && json["doc"].is_string()) field.doc = json["doc"].get<std::string>();
    if (json.contains("logicalType")) {
      doubt(in(path, "logicalType"),
            fmt::format("`logicalType` of `{}` stands beside its type and so means nothing", field.name),
            R"(write it into the type: "type": { "type": "long", "logicalType": … })");
    }
    field.type = type(*type_of, in(path, "type"), space, depth + 1);
    if (!field.type) return std::nullopt;
    if (const auto value = json.find("default"); value != json.end()) {
      std::string why;
      field.default_json = json_line(*value);
      field.default_datum = datum_of_default(*field.type, *field.default_json, why);
      if (!field.default_datum) wrong(in(path, "default"), fmt::format("default of `{}`: {}", field.name, why));
    }
    return field;
  }

  SchemaPtr enumeration(const Json& json, const Path& path, const std::string& space) {
    const size_t before = mistakes_.size();
    auto node = std::make_shared<SchemaNode>();
    node->kind = Kind::enumeration;
    name(json, path, space, *node);
    if (!json.contains("symbols")) return wrong(path, "an enum needs `symbols`");
    node->symbols = texts(json, "symbols", path);
    for (size_t i = 0; i < node->symbols.size(); ++i) {
      const std::string& symbol = node->symbols[i];
      if (!is_word(symbol))
        wrong(in(in(path, "symbols"), i), fmt::format("no symbol: `{}`", symbol),
              "letters, digits and _, a letter or _ first");
      if (std::find(node->symbols.begin(), node->symbols.begin() + static_cast<ptrdiff_t>(i), symbol) !=
          node->symbols.begin() + static_cast<ptrdiff_t>(i))
        wrong(in(in(path, "symbols"), i), fmt::format("symbol `{}` is there twice", symbol));
    }
    if (const auto other = json.find("default"); other != json.end()) {
      const bool known = other->is_string() && std::find(node->symbols.begin(), node->symbols.end(),
                                                         other->get<std::string>()) != node->symbols.end();
      if (known)
        node->other_symbol = other->get<std::string>();
      else
        wrong(in(path, "default"), fmt::format("the default is no symbol of the enum: `{}`", json_line(*other)));
    }
    return finish(std::move(node), path, before);
  }

  SchemaPtr fixed(const Json& json, const Path& path, const std::string& space) {
    const size_t before = mistakes_.size();
    auto node = std::make_shared<SchemaNode>();
    node->kind = Kind::fixed;
    name(json, path, space, *node);
    const auto size = json.find("size");
    if (size == json.end()) return wrong(path, "a fixed needs `size`");
    if (!size->is_number_integer() || *size < 0 || *size > fixed_bytes_max)
      return wrong(in(path, "size"), fmt::format("no size in bytes: `{}`", json_line(*size)),
                   fmt::format("0 to {}", fixed_bytes_max));
    node->size = size->get<int64_t>();
    mean(json, path, *node);
    return finish(std::move(node), path, before);
  }

  SchemaPtr collection(const Json& json, bool map, const Path& path, const std::string& space, int depth) {
    const char* key = map ? "values" : "items";
    const auto items = json.find(key);
    if (items == json.end()) return wrong(path, map ? "a map needs `values`" : "an array needs `items`");
    auto node = std::make_shared<SchemaNode>();
    node->kind = map ? Kind::map : Kind::array;
    node->items = type(*items, in(path, key), space, depth + 1);
    if (!node->items || !measure(*node, path)) return nullptr;
    return node;
  }

  SchemaPtr one_of(const Json& json, const Path& path, const std::string& space, int depth) {
    const size_t before = mistakes_.size();
    auto node = std::make_shared<SchemaNode>();
    node->kind = Kind::one_of;
    if (json.empty()) return wrong(path, "a union of nothing");
    if (json.size() > branches_max) return wrong(path, fmt::format("a union of more than {} types", branches_max));
    for (size_t i = 0; i < json.size(); ++i) {
      const Path at = in(path, i);
      const SchemaPtr branch = type(json[i], at, space, depth + 1);
      if (!branch) continue;
      if (branch->kind == Kind::one_of) wrong(at, "a union directly in a union", "write its types into the outer one");
      for (const SchemaPtr& other : node->branches) {
        if (kind_name(*other) == kind_name(*branch))
          wrong(at, fmt::format("`{}` is in the union twice", kind_name(*branch)));
      }
      node->branches.push_back(branch);
    }
    if (mistakes_.size() > before || node->branches.size() != json.size() || !measure(*node, path)) return nullptr;
    return node;
  }

  static const char* kind_word(Kind kind) {
    return kind == Kind::record ? "record" : kind == Kind::enumeration ? "enum" : "fixed";
  }

  std::string_view text_;
  std::vector<SchemaMistake> mistakes_, doubts_;
  std::map<std::string, SchemaPtr> types_;  ///< by full name; null while it is read, and where it was wrong
  std::vector<std::string> open_;           ///< those that are being read, from the outermost in
  std::map<Kind, SchemaPtr> primitives_;
};

}  // namespace

std::string_view short_name(std::string_view name) {
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

std::string kind_name(const SchemaNode& node) {
  if (node.is_named()) return node.name;
  for (const auto& [word, kind] : primitives) {
    if (kind == node.kind) return std::string(word);
  }
  return node.kind == Kind::array ? "array" : node.kind == Kind::map ? "map" : "union";
}

std::string_view logical_name(Logical logical) {
  for (const LogicalName& known : logicals) {
    if (known.logical == logical) return known.name;
  }
  return {};
}

std::string type_text(const SchemaNode& node) {
  std::string text;
  switch (node.kind) {
    case Kind::enumeration:
      text = "enum " + node.name;
      break;
    case Kind::fixed:
      text = fmt::format("fixed({})", node.size);
      break;
    case Kind::array:
      text = "array of " + type_text(*node.items);
      break;
    case Kind::map:
      text = "map of " + type_text(*node.items);
      break;
    case Kind::record:
      text = "record " + node.name;
      break;
    case Kind::one_of:
      for (const SchemaPtr& branch : node.branches) text += (text.empty() ? "[" : ", ") + type_text(*branch);
      text += "]";
      break;
    default:
      text = kind_name(node);
  }
  if (node.logical == Logical::decimal) return fmt::format("{} (decimal({},{}))", text, node.precision, node.scale);
  return node.logical == Logical::none ? text : fmt::format("{} ({})", text, logical_name(node.logical));
}

ParsedSchema parse_schema(std::string_view json) { return SchemaReader(json).read(); }

Result<SchemaPtr> read_schema(std::string_view json, const std::string& where) {
  ParsedSchema parsed = parse_schema(json);
  if (parsed.schema) return std::move(parsed.schema);
  std::string what;
  for (const SchemaMistake& mistake : parsed.mistakes) {
    what += (what.empty() ? "Avro schema: " : "; ") + (mistake.path.empty() ? "" : mistake.path + ": ") + mistake.what;
  }
  return config_error(where, what, parsed.mistakes.front().hint);
}

}  // namespace trommel::avro
