#include "avro/types.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace trommel::avro {

namespace {

constexpr int precision_max = 38;

using arrow::TimeUnit;

Type plain_type(const SchemaNode& node) {
  switch (node.logical) {
    case Logical::decimal:
      return arrow::decimal128(node.precision, node.scale);
    case Logical::date:
      return arrow::date32();
    case Logical::time_millis:
      return arrow::time32(TimeUnit::MILLI);
    case Logical::time_micros:
      return arrow::time64(TimeUnit::MICRO);
    case Logical::timestamp_millis:
      return arrow::timestamp(TimeUnit::MILLI, "UTC");
    case Logical::timestamp_micros:
      return arrow::timestamp(TimeUnit::MICRO, "UTC");
    case Logical::timestamp_nanos:
      return arrow::timestamp(TimeUnit::NANO, "UTC");
    case Logical::local_timestamp_millis:
      return arrow::timestamp(TimeUnit::MILLI);
    case Logical::local_timestamp_micros:
      return arrow::timestamp(TimeUnit::MICRO);
    case Logical::local_timestamp_nanos:
      return arrow::timestamp(TimeUnit::NANO);
    case Logical::uuid:
      return uuid_type();
    case Logical::none:
      break;
  }
  switch (node.kind) {
    case Kind::boolean:
      return arrow::boolean();
    case Kind::int32:
      return arrow::int32();
    case Kind::int64:
      return arrow::int64();
    case Kind::float32:
      return arrow::float32();
    case Kind::float64:
      return arrow::float64();
    case Kind::bytes:
    case Kind::fixed:
      return arrow::binary();
    case Kind::text:
    case Kind::enumeration:
      return arrow::utf8();
    default:
      return arrow::null();
  }
}

Result<std::shared_ptr<arrow::Field>> arrow_field(const std::string& name, const SchemaPtr& node) {
  ASSIGN(const Type type, arrow_type(node));
  return arrow::field(name, type, choice_of(node).nullable || type->id() == arrow::Type::NA);
}

Result<arrow::FieldVector> arrow_fields(const SchemaNode& record) {
  arrow::FieldVector fields;
  for (const SchemaField& field : record.fields) {
    ASSIGN(auto one, arrow_field(field.name, field.type));
    fields.push_back(std::move(one));
  }
  return fields;
}

// ---- Arrow's types as Avro's

SchemaPtr primitive(Kind kind, Logical logical = Logical::none) {
  auto node = std::make_shared<SchemaNode>();
  node->kind = kind;
  node->logical = logical;
  return node;
}

SchemaPtr decimal(int precision, int scale) {
  auto node = std::make_shared<SchemaNode>();
  node->kind = Kind::bytes;
  node->logical = Logical::decimal;
  node->precision = precision;
  node->scale = scale;
  return node;
}

SchemaPtr collection(Kind kind, SchemaPtr items) {
  auto node = std::make_shared<SchemaNode>();
  node->kind = kind;
  node->items = std::move(items);
  return node;
}

SchemaPtr or_null(SchemaPtr type) {
  if (type->kind == Kind::null) return type;
  auto node = std::make_shared<SchemaNode>();
  node->kind = Kind::one_of;
  node->branches = {primitive(Kind::null), std::move(type)};
  return node;
}

SchemaPtr timestamp_type(const arrow::TimestampType& type) {
  const bool local = type.timezone().empty();
  switch (type.unit()) {
    case TimeUnit::SECOND:
    case TimeUnit::MILLI:
      return primitive(Kind::int64, local ? Logical::local_timestamp_millis : Logical::timestamp_millis);
    case TimeUnit::MICRO:
      return primitive(Kind::int64, local ? Logical::local_timestamp_micros : Logical::timestamp_micros);
    case TimeUnit::NANO:
      return primitive(Kind::int64, local ? Logical::local_timestamp_nanos : Logical::timestamp_nanos);
  }
  return nullptr;
}

/// Letters, digits and `_`, and no digit first.
std::string allowed_name(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (digit && out.empty()) out += '_';
    out += digit || letter ? c : '_';
  }
  return out.empty() ? "_" : out;
}

class SchemaMaker {
 public:
  std::string strange;  ///< columns that no type was found for

  SchemaPtr record(const arrow::FieldVector& fields, const std::string& name) {
    auto node = std::make_shared<SchemaNode>();
    node->kind = Kind::record;
    node->name = name;
    for (int i = 2; !records_.insert(node->name).second; ++i) node->name = fmt::format("{}_{}", name, i);
    std::set<std::string> names;
    for (const auto& field : fields) {
      SchemaField one;
      one.name = allowed_name(field->name());
      for (int i = 2; !names.insert(one.name).second; ++i)
        one.name = fmt::format("{}_{}", allowed_name(field->name()), i);
      if (one.name != field->name()) one.doc = field->name();
      SchemaPtr held = type(*field->type(), name + "_" + one.name);
      if (!held) {
        strange += fmt::format("{}{} {}", strange.empty() ? "" : ", ", field->name(), type_name(*field->type()));
        continue;
      }
      one.type = field->nullable() ? or_null(std::move(held)) : std::move(held);
      if (field->nullable()) {
        one.default_json = "null";
        one.default_datum = std::string(one.type->kind == Kind::null ? 0 : 1, '\0');
      }
      node->fields.push_back(std::move(one));
    }
    return node;
  }

 private:
  /// Null where Avro has nothing for it.
  SchemaPtr type(const arrow::DataType& type, const std::string& name) {
    switch (type.id()) {
      case arrow::Type::NA:
        return primitive(Kind::null);
      case arrow::Type::BOOL:
        return primitive(Kind::boolean);
      case arrow::Type::INT8:
      case arrow::Type::INT16:
      case arrow::Type::INT32:
      case arrow::Type::UINT8:
      case arrow::Type::UINT16:
        return primitive(Kind::int32);
      case arrow::Type::INT64:
      case arrow::Type::UINT32:
        return primitive(Kind::int64);
      case arrow::Type::UINT64:
        return decimal(20, 0);
      case arrow::Type::HALF_FLOAT:
      case arrow::Type::FLOAT:
        return primitive(Kind::float32);
      case arrow::Type::DOUBLE:
        return primitive(Kind::float64);
      case arrow::Type::STRING:
      case arrow::Type::LARGE_STRING:
      case arrow::Type::STRING_VIEW:
        return primitive(Kind::text);
      case arrow::Type::BINARY:
      case arrow::Type::LARGE_BINARY:
      case arrow::Type::BINARY_VIEW:
      case arrow::Type::FIXED_SIZE_BINARY:
        return primitive(Kind::bytes);
      case arrow::Type::DECIMAL128: {
        const auto& number = static_cast<const arrow::DecimalType&>(type);
        return number.scale() >= 0 && number.scale() <= number.precision() ? decimal(number.precision(), number.scale())
                                                                           : nullptr;
      }
      case arrow::Type::DATE32:
      case arrow::Type::DATE64:
        return primitive(Kind::int32, Logical::date);
      case arrow::Type::TIME32:
        return primitive(Kind::int32, Logical::time_millis);
      case arrow::Type::TIME64:
        return primitive(Kind::int64, Logical::time_micros);
      case arrow::Type::TIMESTAMP:
        return timestamp_type(static_cast<const arrow::TimestampType&>(type));
      case arrow::Type::DICTIONARY:
        return this->type(*static_cast<const arrow::DictionaryType&>(type).value_type(), name);
      case arrow::Type::LIST:
      case arrow::Type::LARGE_LIST:
      case arrow::Type::FIXED_SIZE_LIST:
        return items(Kind::array, *type.field(0), name);
      case arrow::Type::MAP: {
        const auto& map = static_cast<const arrow::MapType&>(type);
        return map.key_type()->id() == arrow::Type::STRING ? items(Kind::map, *map.item_field(), name) : nullptr;
      }
      case arrow::Type::STRUCT:
        return record(type.fields(), name);
      case arrow::Type::EXTENSION: {
        const auto& extension = static_cast<const arrow::ExtensionType&>(type);
        return extension.extension_name() == "arrow.uuid" ? primitive(Kind::text, Logical::uuid)
                                                          : this->type(*extension.storage_type(), name);
      }
      default:
        return nullptr;
    }
  }

  SchemaPtr items(Kind kind, const arrow::Field& field, const std::string& name) {
    SchemaPtr held = type(*field.type(), name);
    if (!held) return nullptr;
    return collection(kind, field.nullable() ? or_null(std::move(held)) : std::move(held));
  }

  std::set<std::string> records_;
};

}  // namespace

Choice choice_of(const SchemaPtr& node) {
  if (node->kind == Kind::null) return {true, {}};
  if (node->kind != Kind::one_of) return {false, {node}};
  Choice choice;
  for (const SchemaPtr& branch : node->branches) {
    if (branch->kind == Kind::null) {
      choice.nullable = true;
    } else {
      choice.branches.push_back(branch);
    }
  }
  return choice;
}

SchemaPtr widest_number(const Choice& choice) {
  if (choice.branches.size() != 2) return nullptr;
  const SchemaPtr &a = choice.branches[0], &b = choice.branches[1];
  if (a->logical != Logical::none || b->logical != Logical::none) return nullptr;
  const auto are = [&](Kind narrow, Kind wide) {
    return (a->kind == narrow && b->kind == wide) || (a->kind == wide && b->kind == narrow);
  };
  if (are(Kind::int32, Kind::int64) || are(Kind::float32, Kind::float64)) return a->kind > b->kind ? a : b;
  return nullptr;
}

std::vector<std::string> branch_names(const Choice& choice) {
  std::vector<std::string> names;
  for (const SchemaPtr& branch : choice.branches) {
    std::string name(short_name(kind_name(*branch)));
    if (std::find(names.begin(), names.end(), name) != names.end()) name = kind_name(*branch);
    names.push_back(std::move(name));
  }
  return names;
}

Result<Type> arrow_type(const SchemaPtr& node) {
  if (node->logical == Logical::decimal && node->precision > precision_max) {
    return config_error("Avro schema",
                        fmt::format("a decimal has at most {} digits here, not {}", precision_max, node->precision));
  }
  switch (node->kind) {
    case Kind::array: {
      ASSIGN(auto item, arrow_field("item", node->items));
      return arrow::list(std::move(item));
    }
    case Kind::map: {
      ASSIGN(auto item, arrow_field("value", node->items));
      return std::make_shared<arrow::MapType>(arrow::field("key", arrow::utf8(), false), std::move(item));
    }
    case Kind::record: {
      ASSIGN(auto fields, arrow_fields(*node));
      return arrow::struct_(std::move(fields));
    }
    case Kind::one_of: {
      const Choice choice = choice_of(node);
      if (choice.branches.empty()) return arrow::null();
      if (choice.branches.size() == 1) return arrow_type(choice.branches[0]);
      if (const SchemaPtr number = widest_number(choice)) return plain_type(*number);
      const std::vector<std::string> names = branch_names(choice);
      arrow::FieldVector fields;
      for (size_t i = 0; i < names.size(); ++i) {
        ASSIGN(const Type type, arrow_type(choice.branches[i]));
        fields.push_back(arrow::field(names[i], type, true));
      }
      return arrow::struct_(std::move(fields));
    }
    default:
      return plain_type(*node);
  }
}

Result<Schema> arrow_schema(const SchemaPtr& node) {
  if (node->kind == Kind::record) {
    ASSIGN(auto fields, arrow_fields(*node));
    return arrow::schema(std::move(fields));
  }
  ASSIGN(auto field, arrow_field("value", node));
  return arrow::schema({std::move(field)});
}

Result<SchemaPtr> schema_of(const arrow::Schema& rows, const std::string& name) {
  SchemaMaker maker;
  SchemaPtr made = maker.record(rows.fields(), allowed_name(name));
  if (maker.strange.empty()) return made;
  return config_error("Avro", "columns of types that it has nothing for: " + maker.strange,
                      "cast them in a step before, to text for example");
}

}  // namespace trommel::avro
