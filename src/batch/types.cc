#include "batch/types.h"

#include <arrow/api.h>
#include <arrow/extension/uuid.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace trommel {

namespace {

using arrow::TimeUnit;

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return out;
}

const char* unit_name(TimeUnit::type unit) {
  switch (unit) {
    case TimeUnit::SECOND:
      return "s";
    case TimeUnit::MILLI:
      return "ms";
    case TimeUnit::MICRO:
      return "us";
    case TimeUnit::NANO:
      return "ns";
  }
  return "us";
}

struct NamedType {
  const char* name;  ///< upper case
  Type type;
};

/// Types that need nothing behind their name. The first of a type is how lists of known words show it.
const std::vector<NamedType>& plain_types() {
  static const std::vector<NamedType> types = {{"BOOL", arrow::boolean()},
                                               {"BOOLEAN", arrow::boolean()},
                                               {"LOGICAL", arrow::boolean()},
                                               {"INT8", arrow::int8()},
                                               {"TINYINT", arrow::int8()},
                                               {"INT16", arrow::int16()},
                                               {"SMALLINT", arrow::int16()},
                                               {"INT2", arrow::int16()},
                                               {"SHORT", arrow::int16()},
                                               {"INT32", arrow::int32()},
                                               {"INT", arrow::int32()},
                                               {"INTEGER", arrow::int32()},
                                               {"INT4", arrow::int32()},
                                               {"INT64", arrow::int64()},
                                               {"BIGINT", arrow::int64()},
                                               {"LONG", arrow::int64()},
                                               {"UINT8", arrow::uint8()},
                                               {"UTINYINT", arrow::uint8()},
                                               {"UINT16", arrow::uint16()},
                                               {"USMALLINT", arrow::uint16()},
                                               {"UINT32", arrow::uint32()},
                                               {"UINTEGER", arrow::uint32()},
                                               {"UINT64", arrow::uint64()},
                                               {"UBIGINT", arrow::uint64()},
                                               {"HUGEINT", arrow::decimal128(38, 0)},
                                               {"FLOAT32", arrow::float32()},
                                               {"REAL", arrow::float32()},
                                               {"FLOAT4", arrow::float32()},
                                               {"DOUBLE", arrow::float64()},
                                               {"FLOAT64", arrow::float64()},
                                               {"FLOAT8", arrow::float64()},
                                               {"DOUBLE PRECISION", arrow::float64()},
                                               {"HALF", arrow::float16()},
                                               {"STRING", arrow::utf8()},
                                               {"TEXT", arrow::utf8()},
                                               {"CLOB", arrow::utf8()},
                                               {"TINYTEXT", arrow::utf8()},
                                               {"MEDIUMTEXT", arrow::utf8()},
                                               {"LONGTEXT", arrow::utf8()},
                                               {"JSON", arrow::utf8()},
                                               {"BYTES", arrow::binary()},
                                               {"BLOB", arrow::binary()},
                                               {"BYTEA", arrow::binary()},
                                               {"UUID", uuid_type()},
                                               {"GUID", uuid_type()},
                                               {"DATE", arrow::date32()},
                                               {"DATE32", arrow::date32()},
                                               {"DATE64", arrow::date64()},
                                               {"TIMESTAMPTZ", arrow::timestamp(TimeUnit::MICRO, "UTC")},
                                               {"TIMESTAMP_S", arrow::timestamp(TimeUnit::SECOND)},
                                               {"TIMESTAMP_MS", arrow::timestamp(TimeUnit::MILLI)},
                                               {"TIMESTAMP_NS", arrow::timestamp(TimeUnit::NANO)},
                                               {"NULL", arrow::null()}};
  return types;
}

constexpr const char* text_names[] = {"VARCHAR",  "CHAR",  "CHARACTER", "CHARACTER VARYING",
                                      "NVARCHAR", "NCHAR", "BPCHAR"};

/// A recursive-descent reader of a type as written.
class TypeReader {
 public:
  explicit TypeReader(std::string_view text) : text_(text) {}

  Result<TypeText> whole() {
    TypeText out;
    ASSIGN(out.type, type(&out.max_length));
    skip();
    if (at_ != text_.size()) return wrong(fmt::format("`{}` is left over behind the type", text_.substr(at_)));
    return out;
  }

 private:
  static constexpr int depth_max = 32;

  tl::unexpected<Error> wrong(std::string_view why) const {
    return config_error("", fmt::format("`{}` is no type: {}", text_, why),
                        "such as int64, decimal(10,2), string, date, timestamp(us, UTC), list<int64>");
  }

  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }

  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  /// Letters, digits and _ from here on; in upper case; empty when there is none.
  std::string word() {
    skip();
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
      ++at_;
    return upper(text_.substr(begin, at_ - begin));
  }

  /// The words named, one after the other, or nothing taken.
  bool take_words(std::initializer_list<const char*> words) {
    const size_t begin = at_;
    for (const char* wanted : words) {
      if (word() != wanted) {
        at_ = begin;
        return false;
      }
    }
    return true;
  }

  /// `(3)` or `(10, 2)` or `(us, UTC)`; empty when there is no bracket.
  Result<std::vector<std::string>> arguments() {
    std::vector<std::string> out;
    if (!take('(')) return out;
    while (true) {
      skip();
      const size_t end = std::min(text_.find_first_of(",)", at_), text_.size());
      std::string argument(text_.substr(at_, end - at_));
      argument.erase(argument.find_last_not_of(' ') + 1);
      out.push_back(argument);
      at_ = end;
      if (take(')')) return out;
      if (!take(',')) return wrong("`(` is not closed");
    }
  }

  Result<int64_t> number(const std::string& text, int64_t least, int64_t most) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
      return wrong(fmt::format("`{}` must be a number from {} to {}", text, least, most));
    }
    return value;
  }

  Result<Type> type(std::optional<int64_t>* max_length) {
    if (++depth_ > depth_max) return wrong("it is nested too deep");
    ASSIGN(Type out, base_type(max_length));
    while (true) {  // INTEGER[], INTEGER[][]
      const size_t begin = at_;
      if (!take('[')) break;
      if (!take(']')) {
        at_ = begin;
        break;
      }
      out = arrow::list(out);
      if (max_length != nullptr) max_length->reset();
    }
    --depth_;
    return out;
  }

  Result<Type> base_type(std::optional<int64_t>* max_length) {
    const std::string name = word();
    if (name.empty()) return wrong("a name is missing");
    if (name == "LIST" || name == "ARRAY") return list_type();
    if (name == "STRUCT" || name == "ROW") return struct_type();
    if (name == "MAP") return map_type();
    if (name == "DECIMAL" || name == "NUMERIC" || name == "DEC") return decimal_type();
    if (name == "TIMESTAMP" || name == "DATETIME") return timestamp_type();
    if (name == "TIME") return time_type();
    if (name == "FLOAT") return float_type();
    if (name == "BINARY" || name == "VARBINARY") {
      TRY(arguments());
      return arrow::binary();
    }
    if (name == "DOUBLE") {
      take_words({"PRECISION"});
      return arrow::float64();
    }
    if (std::find(std::begin(text_names), std::end(text_names), name) != std::end(text_names))
      return varchar_type(max_length);
    for (const NamedType& known : plain_types()) {
      if (name != known.name) continue;
      // TEXT(100), INT(11): MySQL's lengths say nothing about the values.
      TRY(arguments());
      return known.type;
    }
    return wrong("nothing is called that");
  }

  Result<Type> varchar_type(std::optional<int64_t>* max_length) {
    take_words({"VARYING"});
    ASSIGN(const auto given, arguments());
    if (given.size() > 1) return wrong("one length at most");
    if (given.size() == 1) {
      ASSIGN(const int64_t length, number(given[0], 1, int64_t{1} << 40));
      if (max_length != nullptr) *max_length = length;
    }
    return arrow::utf8();
  }

  Result<Type> float_type() {
    ASSIGN(const auto given, arguments());
    if (given.empty()) return arrow::float32();
    ASSIGN(const int64_t bits, number(given[0], 1, 53));
    return bits <= 24 ? arrow::float32() : arrow::float64();
  }

  Result<Type> decimal_type() {
    ASSIGN(const auto given, arguments());
    if (given.size() > 2) return wrong("precision and scale at most");
    int64_t precision = 18, scale = given.empty() ? 3 : 0;  // DuckDB's own default
    if (!given.empty()) {
      ASSIGN(precision, number(given[0], 1, 38));
    }
    if (given.size() == 2) {
      ASSIGN(scale, number(given[1], 0, precision));
    }
    return arrow::decimal128(static_cast<int32_t>(precision), static_cast<int32_t>(scale));
  }

  /// `ms`, `us`, or SQL's digits behind the second.
  Result<TimeUnit::type> unit(const std::string& text) {
    const std::string name = upper(text);
    for (const auto unit : {TimeUnit::SECOND, TimeUnit::MILLI, TimeUnit::MICRO, TimeUnit::NANO}) {
      if (name == upper(unit_name(unit))) return unit;
    }
    ASSIGN(const int64_t digits, number(text, 0, 9));
    return digits == 0   ? TimeUnit::SECOND
           : digits <= 3 ? TimeUnit::MILLI
           : digits <= 6 ? TimeUnit::MICRO
                         : TimeUnit::NANO;
  }

  Result<Type> timestamp_type() {
    ASSIGN(const auto given, arguments());
    if (given.size() > 2) return wrong("unit and zone at most");
    TimeUnit::type unit_given = TimeUnit::MICRO;
    std::string zone = given.size() == 2 ? given[1] : "";
    if (!given.empty()) {
      auto found = unit(given[0]);
      const bool zone_alone = !found && given.size() == 1 && upper(given[0]) == "UTC";
      if (!found && !zone_alone) return tl::unexpected(found.error());
      if (zone_alone) zone = given[0];
      if (found) unit_given = *found;
    }
    if (take_words({"WITH", "TIME", "ZONE"}) && zone.empty()) zone = "UTC";
    take_words({"WITHOUT", "TIME", "ZONE"});
    if (upper(zone) == "UTC") zone = "UTC";
    return arrow::timestamp(unit_given, zone);
  }

  Result<Type> time_type() {
    ASSIGN(const auto given, arguments());
    if (given.size() > 1) return wrong("one unit at most");
    TimeUnit::type unit_given = TimeUnit::MICRO;
    if (!given.empty()) {
      ASSIGN(unit_given, unit(given[0]));
    }
    if (take_words({"WITH", "TIME", "ZONE"})) return wrong("a time of day with a zone cannot be told without its day");
    take_words({"WITHOUT", "TIME", "ZONE"});
    return unit_given == TimeUnit::SECOND || unit_given == TimeUnit::MILLI ? arrow::time32(unit_given)
                                                                           : arrow::time64(unit_given);
  }

  /// The bracket that closes what `<` or `(` opened; 0 when neither is here.
  char open_bracket() { return take('<') ? '>' : take('(') ? ')' : '\0'; }

  Result<Type> list_type() {
    const char closing = open_bracket();
    if (closing == '\0') return wrong("a list names its items' type: list<int64>");
    ASSIGN(const Type item, type(nullptr));
    if (!take(closing)) return wrong(fmt::format("`{}` is missing", closing));
    return arrow::list(item);
  }

  Result<Type> map_type() {
    const char closing = open_bracket();
    if (closing == '\0') return wrong("a map names two types: map<string, int64>");
    ASSIGN(const Type key, type(nullptr));
    if (!take(',')) return wrong("a map names two types: map<string, int64>");
    ASSIGN(const Type item, type(nullptr));
    if (!take(closing)) return wrong(fmt::format("`{}` is missing", closing));
    return arrow::map(key, item);
  }

  Result<Type> struct_type() {
    const char closing = open_bracket();
    if (closing == '\0') return wrong("a struct names its fields: struct<a: int32, b: string>");
    arrow::FieldVector fields;
    do {
      ASSIGN(const std::string name, field_name());
      take(':');
      ASSIGN(const Type field, type(nullptr));
      fields.push_back(arrow::field(name, field));
    } while (take(','));
    if (!take(closing)) return wrong(fmt::format("`{}` is missing", closing));
    return arrow::struct_(fields);
  }

  Result<std::string> field_name() {
    skip();
    if (take('"')) {
      std::string name;
      while (at_ < text_.size()) {
        const char c = text_[at_++];
        if (c == '"' && !(at_ < text_.size() && text_[at_] == '"')) return name;
        if (c == '"') ++at_;
        name += c;
      }
      return wrong("a quote is not closed");
    }
    const size_t begin = at_;
    while (at_ < text_.size() && std::string_view(" :,<>()[]\"").find(text_[at_]) == std::string_view::npos) ++at_;
    if (at_ == begin) return wrong("a field's name is missing");
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
};

std::string quoted_field(const std::string& name) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  }) && std::isdigit(static_cast<unsigned char>(name[0])) == 0;
  if (plain) return name;
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string timestamp_name(const arrow::TimestampType& type) {
  return type.timezone().empty() ? fmt::format("timestamp({})", unit_name(type.unit()))
                                 : fmt::format("timestamp({}, {})", unit_name(type.unit()), type.timezone());
}

std::string struct_name(const arrow::StructType& type) {
  std::string out;
  for (const auto& field : type.fields())
    out += (out.empty() ? "" : ", ") + quoted_field(field->name()) + ": " + type_name(*field->type());
  return "struct<" + out + ">";
}

std::string duckdb_timestamp(const arrow::TimestampType& type) {
  if (!type.timezone().empty()) return "TIMESTAMP WITH TIME ZONE";
  switch (type.unit()) {
    case TimeUnit::SECOND:
      return "TIMESTAMP_S";
    case TimeUnit::MILLI:
      return "TIMESTAMP_MS";
    case TimeUnit::MICRO:
      return "TIMESTAMP";
    case TimeUnit::NANO:
      return "TIMESTAMP_NS";
  }
  return "TIMESTAMP";
}

std::string duckdb_struct(const arrow::StructType& type) {
  std::string out;
  for (const auto& field : type.fields())
    out += (out.empty() ? "" : ", ") + quoted_field(field->name()) + " " + duckdb_type(*field->type());
  return "STRUCT(" + out + ")";
}

}  // namespace

Result<TypeText> parse_type(std::string_view text) { return TypeReader(text).whole(); }

const std::vector<std::string>& type_words() {
  static const std::vector<std::string> words = {
      "bool",    "boolean",   "int8",        "int16",    "int32",  "int64",   "uint8", "uint16", "uint32", "uint64",
      "tinyint", "smallint",  "int",         "integer",  "bigint", "hugeint", "float", "real",   "double", "decimal",
      "numeric", "string",    "text",        "varchar",  "char",   "binary",  "blob",  "bytes",  "uuid",   "date",
      "time",    "timestamp", "timestamptz", "datetime", "list",   "struct",  "map"};
  return words;
}

std::string type_name(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return "bool";
    case arrow::Type::HALF_FLOAT:
      return "half";
    case arrow::Type::FLOAT:
      return "float";
    case arrow::Type::DOUBLE:
      return "double";
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
      return "string";
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::BINARY_VIEW:
    case arrow::Type::FIXED_SIZE_BINARY:
      return "binary";
    case arrow::Type::DATE32:
      return "date";
    case arrow::Type::DATE64:
      return "date64";
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
      return fmt::format("time({})", unit_name(static_cast<const arrow::TimeType&>(type).unit()));
    case arrow::Type::TIMESTAMP:
      return timestamp_name(static_cast<const arrow::TimestampType&>(type));
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      return fmt::format("decimal({},{})", decimal.precision(), decimal.scale());
    }
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST:
    case arrow::Type::LIST_VIEW:
    case arrow::Type::LARGE_LIST_VIEW:
      return "list<" + type_name(*static_cast<const arrow::BaseListType&>(type).value_type()) + ">";
    case arrow::Type::STRUCT:
      return struct_name(static_cast<const arrow::StructType&>(type));
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(type);
      return "map<" + type_name(*map.key_type()) + ", " + type_name(*map.item_type()) + ">";
    }
    case arrow::Type::DICTIONARY:
      return type_name(*static_cast<const arrow::DictionaryType&>(type).value_type());
    case arrow::Type::EXTENSION: {
      const auto& extension = static_cast<const arrow::ExtensionType&>(type);
      return extension.extension_name() == "arrow.uuid" ? "uuid" : type_name(*extension.storage_type());
    }
    default:
      return type.ToString();  // int8 to uint64 are called the same; what is left is no type of ours
  }
}

std::string duckdb_type(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return "BOOLEAN";
    case arrow::Type::INT8:
      return "TINYINT";
    case arrow::Type::INT16:
      return "SMALLINT";
    case arrow::Type::INT32:
    case arrow::Type::NA:
      return "INTEGER";  // a column that holds nothing but NULL is one in DuckDB too
    case arrow::Type::INT64:
      return "BIGINT";
    case arrow::Type::UINT8:
      return "UTINYINT";
    case arrow::Type::UINT16:
      return "USMALLINT";
    case arrow::Type::UINT32:
      return "UINTEGER";
    case arrow::Type::UINT64:
      return "UBIGINT";
    case arrow::Type::HALF_FLOAT:
    case arrow::Type::FLOAT:
      return "FLOAT";
    case arrow::Type::DOUBLE:
      return "DOUBLE";
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::BINARY_VIEW:
    case arrow::Type::FIXED_SIZE_BINARY:
      return "BLOB";
    case arrow::Type::DATE32:
    case arrow::Type::DATE64:
      return "DATE";
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
      return "TIME";
    case arrow::Type::TIMESTAMP:
      return duckdb_timestamp(static_cast<const arrow::TimestampType&>(type));
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      return fmt::format("DECIMAL({},{})", decimal.precision(), decimal.scale());
    }
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST:
    case arrow::Type::LIST_VIEW:
    case arrow::Type::LARGE_LIST_VIEW:
      return duckdb_type(*static_cast<const arrow::BaseListType&>(type).value_type()) + "[]";
    case arrow::Type::STRUCT:
      return duckdb_struct(static_cast<const arrow::StructType&>(type));
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(type);
      return "MAP(" + duckdb_type(*map.key_type()) + ", " + duckdb_type(*map.item_type()) + ")";
    }
    case arrow::Type::DICTIONARY:
      return duckdb_type(*static_cast<const arrow::DictionaryType&>(type).value_type());
    case arrow::Type::EXTENSION: {
      const auto& extension = static_cast<const arrow::ExtensionType&>(type);
      return extension.extension_name() == "arrow.uuid" ? "UUID" : duckdb_type(*extension.storage_type());
    }
    default:
      return "VARCHAR";
  }
}

bool same_type(const arrow::DataType& a, const arrow::DataType& b) { return type_name(a) == type_name(b); }

Type text_type() { return arrow::utf8(); }
Type uuid_type() { return arrow::extension::uuid(); }

std::string schema_text(const arrow::Schema& schema) {
  std::string out;
  for (const auto& field : schema.fields()) {
    out += field->name() + ": " + type_name(*field->type()) + (field->nullable() ? "" : " not null") + "\n";
  }
  return out;
}

Schema make_schema(const std::vector<ColumnInfo>& columns) {
  arrow::FieldVector fields;
  for (const ColumnInfo& column : columns) fields.push_back(arrow::field(column.name, column.type, column.nullable));
  return arrow::schema(fields);
}

std::vector<ColumnInfo> columns_of(const arrow::Schema& schema) {
  std::vector<ColumnInfo> columns;
  for (const auto& field : schema.fields()) columns.push_back({field->name(), field->type(), field->nullable()});
  return columns;
}

}  // namespace trommel
