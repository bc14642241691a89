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

/// A type as written by people: ours (`int32`, `decimal(18,3)`, `timestamp(us, UTC)`, `list<int64>`, `struct<a: int32>`, `map<string, int64>`)
/// or SQL's (`VARCHAR(10)`, `BIGINT`, `DOUBLE PRECISION`, `TIMESTAMP WITH TIME ZONE`, `NUMERIC(10,2)`). Case does not matter.
struct TypeText {
  Type type;
  std::optional<int64_t> max_length;  ///< in characters, from VARCHAR(n)
};
Result<TypeText> parse_type(std::string_view text);

/// Our own spelling, which `parse_type` reads back: `int64`, `string`, `timestamp(us)`, `decimal(10,2)`.
std::string type_name(const arrow::DataType& type);
/// DuckDB's spelling in DDL: BIGINT, VARCHAR, TIMESTAMP, STRUCT(a INTEGER).
std::string duckdb_type(const arrow::DataType& type);
bool same_type(const arrow::DataType& a, const arrow::DataType& b);

/// The names and types of a schema on one line each, for plans and errors.
std::string schema_text(const arrow::Schema& schema);

struct ColumnInfo {
  std::string name;
  Type type;
  bool nullable = true;
};
Schema make_schema(const std::vector<ColumnInfo>& columns);
std::vector<ColumnInfo> columns_of(const arrow::Schema& schema);

/// Casts that a contract or `cast:` may ask for: `value` of a row as another type, or why not. Integers that do not fit and text that does not parse are
/// refusals, never NULL, never rounded. The result holds NULL where `refused` names the row.
struct CastOutcome {
  std::shared_ptr<arrow::Array> column;
  std::vector<int64_t> refused;  ///< rows, rising
};
Result<CastOutcome> cast_column(const std::shared_ptr<arrow::Array>& column, const Type& to);

}  // namespace trommel
