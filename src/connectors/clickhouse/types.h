// Types of ClickHouse's columns: how a type of ours is spelled there, and which values a column there takes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "batch/types.h"
#include "connectors/clickhouse/client.h"

namespace trommel::clickhouse {

/// A column's type as the server spells it, and what its values are on the wire.
struct ColumnType {
  enum class Kind { boolean, number, text, fixed_text, date, timestamp, decimal, uuid, array };
  std::string text;  ///< `Nullable(DateTime64(6, 'UTC'))`
  Kind kind = Kind::text;
  Type arrow;  ///< of the values, as `as_written` makes them; of timestamps without their zone
  bool nullable = false;
  bool low_cardinality = false;
  int width = 0;                     ///< bytes of a value on the wire; of a text 0
  int64_t min = 0, max = 0;          ///< of dates and timestamps, in units of `arrow`, both ends taken
  std::shared_ptr<ColumnType> item;  ///< of an array

  bool takes_null() const { return nullable; }
  /// The type without LowCardinality, which a server makes of it by itself.
  std::string sent_as() const;
};

/// Reads a type as the server spells it. The error names a type that nothing of ours is written to.
Result<ColumnType> parse_column_type(std::string_view text, const Engine& engine);

/// The column that holds values of `type`. Older engines: no Date32, DateTime64 (timestamps are DateTime, of whole
/// seconds) and Bool (UInt8). Times of day are text. The error says that there is none for a struct or a map.
Result<ColumnType> column_type(const arrow::DataType& type, bool nullable, bool low_cardinality, const Engine& engine);

/// Whether a column takes values of `type`: all of them, or those that it can hold exactly (dates and times within its
/// range, and not finer than it is).
bool takes(const ColumnType& column, const arrow::DataType& type);

/// The values as the column's own; what it cannot hold exactly is refused.
Result<CastOutcome> as_written(const std::shared_ptr<arrow::Array>& values, const ColumnType& type);

}  // namespace trommel::clickhouse
