// One type system: what a column may be, and how each side spells it. docs/guide/types.md is its table.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "batch/batch.h"

namespace trommel {

using Type = std::shared_ptr<arrow::DataType>;

/// A type as written by people: ours (`int32`, `decimal(18,3)`, `timestamp(us, UTC)`, `list<int64>`, `struct<a:
/// int32>`, `map<string, int64>`) or SQL's (`VARCHAR(10)`, `BIGINT`, `DOUBLE PRECISION`, `TIMESTAMP WITH TIME ZONE`,
/// `NUMERIC(10,2)`). Case does not matter.
struct TypeText {
  Type type;
  std::optional<int64_t> max_length;  ///< in characters, from VARCHAR(n)
};
Result<TypeText> parse_type(std::string_view text);

/// The words that a type may begin with, for "did you mean".
const std::vector<std::string>& type_words();

/// Our own spelling, which `parse_type` reads back: `int64`, `string`, `timestamp(us)`, `decimal(10,2)`.
std::string type_name(const arrow::DataType& type);
/// DuckDB's spelling in DDL: BIGINT, VARCHAR, TIMESTAMP, STRUCT(a INTEGER).
std::string duckdb_type(const arrow::DataType& type);
/// Whether both are spelled the same: how a text is laid out in memory, and what a list calls its items, does not
/// count.
bool same_type(const arrow::DataType& a, const arrow::DataType& b);

Type text_type();  ///< string
Type uuid_type();  ///< the extension type `arrow.uuid` over 16 bytes

/// The names and types of a schema on one line each, for plans and errors.
std::string schema_text(const arrow::Schema& schema);

struct ColumnInfo {
  std::string name;
  Type type;
  bool nullable = true;
};
Schema make_schema(const std::vector<ColumnInfo>& columns);
std::vector<ColumnInfo> columns_of(const arrow::Schema& schema);

/// Casts that a contract or `cast:` may ask for. A value that cannot be had exactly as the other type is refused: never
/// NULL, never rounded. Exceptions, where the target cannot be exact by nature: text and decimals become the nearest
/// float or double, a double the nearest float. Text is read strictly: the whole of it, no blanks at its ends, ISO 8601
/// for dates and times, a zone exactly where the type has one (without one it is UTC when the column's zone is UTC).
struct CastOutcome {
  std::shared_ptr<arrow::Array> column;  ///< NULL where refused
  std::vector<int64_t> refused;          ///< rows, rising
};
/// The error says that there is no cast between the two types at all.
Result<CastOutcome> cast_column(const std::shared_ptr<arrow::Array>& column, const Type& to);
bool can_cast(const arrow::DataType& from, const arrow::DataType& to);

/// Whether a text is a value of the type.
bool text_fits(std::string_view text, const Type& type);

}  // namespace trommel
