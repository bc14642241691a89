#include "avro/default.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "avro/wire.h"
#include "base/json.h"

namespace trommel::avro {

namespace {

/// Characters below 256 as the bytes that they stand for.
std::optional<std::string> bytes_of(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      out += text[i];
    } else if ((c == 0xC2 || c == 0xC3) && i + 1 < text.size()) {
      out += static_cast<char>(((c & 3) << 6) | (text[++i] & 0x3f));
    } else {
      return std::nullopt;
    }
  }
  return out;
}

class DefaultWriter {
 public:
  std::string out, why;

  bool write(const SchemaNode& type, const Json& value) {
    switch (type.kind) {
      case Kind::null:
        return value.is_null() || wrong(type, value);
      case Kind::boolean:
        if (!value.is_boolean()) return wrong(type, value);
        out += value.get<bool>() ? '\1' : '\0';
        return true;
      case Kind::int32:
      case Kind::int64:
        return write_integer(type, value);
      case Kind::float32:
        if (!value.is_number()) return wrong(type, value);
        append_raw(out, value.get<float>());
        return true;
      case Kind::float64:
        if (!value.is_number()) return wrong(type, value);
        append_raw(out, value.get<double>());
        return true;
      case Kind::text:
        if (!value.is_string()) return wrong(type, value);
        append_sized(out, value.get_ref<const std::string&>());
        return true;
      case Kind::bytes:
      case Kind::fixed:
        return write_bytes(type, value);
      case Kind::enumeration:
        return write_symbol(type, value);
      case Kind::array:
      case Kind::map:
        return write_items(type, value);
      case Kind::record:
        return write_record(type, value);
      case Kind::one_of:
        return write_branch(type, value);
    }
    return false;
  }

 private:
  bool wrong(const SchemaNode& type, const Json& value) {
    why = fmt::format("no {}: `{}`", type_text(type), json_line(value));
    return false;
  }

  bool write_integer(const SchemaNode& type, const Json& value) {
    if (!value.is_number_integer()) return wrong(type, value);
    if (value.is_number_unsigned() && value.get<uint64_t>() > std::numeric_limits<int64_t>::max())
      return wrong(type, value);
    const auto number = value.get<int64_t>();
    if (type.kind == Kind::int32 && number != static_cast<int32_t>(number)) return wrong(type, value);
    append_long(out, number);
    return true;
  }

  bool write_bytes(const SchemaNode& type, const Json& value) {
    const auto bytes = value.is_string() ? bytes_of(value.get_ref<const std::string&>()) : std::nullopt;
    if (!bytes) return wrong(type, value);
    if (type.kind == Kind::bytes) {
      append_sized(out, *bytes);
      return true;
    }
    if (static_cast<int64_t>(bytes->size()) != type.size) return wrong(type, value);
    out += *bytes;
    return true;
  }

  bool write_symbol(const SchemaNode& type, const Json& value) {
    if (!value.is_string()) return wrong(type, value);
    const auto symbol = std::find(type.symbols.begin(), type.symbols.end(), value.get_ref<const std::string&>());
    if (symbol == type.symbols.end()) return wrong(type, value);
    append_long(out, symbol - type.symbols.begin());
    return true;
  }

  bool write_items(const SchemaNode& type, const Json& value) {
    if (type.kind == Kind::array ? !value.is_array() : !value.is_object()) return wrong(type, value);
    if (!value.empty()) append_long(out, static_cast<int64_t>(value.size()));
    for (const auto& [name, item] : value.items()) {
      if (type.kind == Kind::map) append_sized(out, name);
      if (!write(*type.items, item)) return false;
    }
    append_long(out, 0);
    return true;
  }

  bool write_record(const SchemaNode& type, const Json& value) {
    if (!value.is_object()) return wrong(type, value);
    for (const SchemaField& field : type.fields) {
      if (const auto given = value.find(field.name); given != value.end()) {
        if (!write(*field.type, *given)) return false;
      } else if (field.default_datum) {
        out += *field.default_datum;
      } else {
        why = fmt::format("`{}` of the record is left out, and has no default of its own", field.name);
        return false;
      }
    }
    return true;
  }

  bool write_branch(const SchemaNode& type, const Json& value) {
    const size_t before = out.size();
    for (size_t i = 0; i < type.branches.size(); ++i) {
      append_long(out, static_cast<int64_t>(i));
      if (write(*type.branches[i], value)) return true;
      out.resize(before);
    }
    return wrong(type, value);
  }
};

}  // namespace

std::optional<std::string> datum_of_default(const SchemaNode& type, std::string_view json, std::string& why) {
  const auto value = parse_json(json, "default");
  DefaultWriter writer;
  if (value && writer.write(type, *value)) return std::move(writer.out);
  why = value ? writer.why : value.error().text();
  return std::nullopt;
}

}  // namespace trommel::avro
