// Schemas of Apache Avro: what an .avsc file, a container file's header or a registry says. Specification: Apache Avro
// 1.11.1, "Schema Declaration", "Names", "Logical Types".
//
// What is left out: types that hold themselves. A row has columns that are known before it comes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace trommel::avro {

enum class Kind : uint8_t {
  null,
  boolean,
  int32,  ///< `int`
  int64,  ///< `long`
  float32,
  float64,  ///< `double`
  bytes,
  text,  ///< `string`
  fixed,
  enumeration,
  array,
  map,
  record,
  one_of,  ///< a union
};

/// What a value means beyond its kind. One that is unknown, or does not fit its kind, does not count: the specification
/// has readers ignore it.
enum class Logical : uint8_t {
  none,
  decimal,
  date,
  time_millis,
  time_micros,
  timestamp_millis,
  timestamp_micros,
  timestamp_nanos,  ///< of Avro 1.12
  local_timestamp_millis,
  local_timestamp_micros,
  local_timestamp_nanos,
  uuid,
};

struct SchemaNode;
using SchemaPtr = std::shared_ptr<const SchemaNode>;

struct SchemaField {
  std::string name;
  std::vector<std::string> aliases;
  std::string doc;
  SchemaPtr type;
  std::optional<std::string> default_json;   ///< as it is written
  std::optional<std::string> default_datum;  ///< the same as an encoded value of `type`
};

struct SchemaNode {
  Kind kind = Kind::null;
  Logical logical = Logical::none;
  int precision = 0, scale = 0;      ///< of a decimal
  std::string name;                  ///< of a record, an enum or a fixed: with its namespace
  std::vector<std::string> aliases;  ///< with their namespaces
  std::string doc;
  std::vector<SchemaField> fields;          ///< of a record
  std::vector<std::string> symbols;         ///< of an enum
  std::optional<std::string> other_symbol;  ///< of an enum: its default, in place of symbols that it does not have
  int64_t size = 0;                         ///< of a fixed, in bytes
  SchemaPtr items;                          ///< of an array; the values of a map
  std::vector<SchemaPtr> branches;          ///< of a union
  int64_t parts = 1;                        ///< types that it is made of, each as often as it comes
  int depth = 1;                            ///< of types within types

  bool is_named() const { return kind == Kind::record || kind == Kind::enumeration || kind == Kind::fixed; }
};

/// The last part of a name: `Bet` of `casino.events.Bet`.
std::string_view short_name(std::string_view name);
/// As Avro writes it: `long`, `array`, and the full name of what has one.
std::string kind_name(const SchemaNode& node);
/// The same with what it means: `long (timestamp-millis)`.
std::string type_text(const SchemaNode& node);

/// A place in a JSON text, from 1.
struct JsonPlace {
  int line = 1, column = 1;
};
/// Where the value stands that a path such as `fields[2].type` leads to, or the last one on the way that is there.
JsonPlace place_of(std::string_view json, std::string_view path);

struct SchemaMistake {
  std::string path;  ///< in the JSON: `fields[2].type`; empty: the whole
  JsonPlace place;
  std::string what, hint;
};

struct ParsedSchema {
  SchemaPtr schema;  ///< null when there are mistakes
  std::vector<SchemaMistake> mistakes;
  std::vector<SchemaMistake> doubts;  ///< what readers have to ignore, and whoever wrote it did not mean
};
/// Reads an .avsc text and tells every mistake in it.
ParsedSchema parse_schema(std::string_view json);
/// The same with all mistakes as one error (`config`), for schemas that nobody here has written. `where` names it.
Result<SchemaPtr> read_schema(std::string_view json, const std::string& where);

/// The schema on one line of JSON, which reads back. Documentation, aliases and defaults are in it.
std::string schema_json(const SchemaNode& node);

}  // namespace trommel::avro
