// What an encoder does for each row, made once from the schema and the rows that will come. Internal to the encoder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "avro/schema.h"
#include "avro/types.h"

namespace trommel::avro {

enum class EncodeOp : uint8_t {
  nothing,
  boolean,
  int32,
  int64,
  raw32,
  raw64,
  sized,
  fixed,  ///< `extra` bytes
  symbol,
  decimal,
  decimal_fixed,  ///< of `extra` bytes
  uuid_text,
  uuid_fixed,
  list,
  map,
  one_of,    ///< of a struct's fields, the one that is not NULL; steps of each follow
  constant,  ///< `extra`: bytes that do not depend on the row
  structure,
};

/// What a step does for a value, and where in the schema it is.
struct EncodeStep {
  EncodeOp op = EncodeOp::nothing;
  int8_t null_branch = -1;   ///< what is written before NULL; -1: NULL is refused
  int8_t value_branch = -1;  ///< what is written before a value; -1: nothing
  uint32_t source = 0;       ///< place among the bound arrays
  uint32_t next = 0;
  uint32_t extra = 0;
};

using Symbols = std::unordered_map<std::string_view, int64_t>;

struct EncodePlan {
  /// A field of the record that comes from a column.
  struct Column {
    int from = 0;
    Type type;  ///< that it is cast to where it has another
    std::string name;
  };

  SchemaPtr writer;
  std::vector<EncodeStep> steps;
  std::vector<std::string> paths;  ///< one a step
  std::vector<Column> columns;
  std::vector<Symbols> symbols;
  std::vector<std::string> constants;
  std::vector<std::vector<int8_t>> branches;  ///< of a one_of: the writer's branch for each field of the struct
  uint32_t sources = 0;

  uint32_t end() const { return static_cast<uint32_t>(steps.size()); }
};

/// As DatumEncoder::make says.
Result<EncodePlan> plan_encoding(SchemaPtr writer, const arrow::Schema& rows, const std::vector<int>& from_column);

}  // namespace trommel::avro
