// The columns that data of a schema are decoded into: a tree as Arrow has it, each node with buffers of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "avro/schema.h"
#include "avro/types.h"

namespace trommel::avro {

/// How a column's values lie in memory.
enum class Store : uint8_t {
  nothing,    ///< only NULL
  bit,        ///< a byte each until the column is finished
  fixed,      ///< `width` bytes each
  bytes,      ///< offsets of 32 bits, and bytes
  list,       ///< offsets of 32 bits, and one child; a map has two: keys and values
  structure,  ///< children of the same length
};

struct ColumnLayout {
  Store store = Store::nothing;
  uint8_t width = 0;
  uint8_t precision = 0;  ///< of a decimal
  bool nullable = false;
  Type type;
  std::vector<uint32_t> children;  ///< places in Layout::columns
};

struct Layout {
  SchemaPtr reader;  ///< what the columns were made for
  Schema schema;
  std::vector<ColumnLayout> columns;
  std::vector<uint32_t> top;  ///< of the schema's fields
};

/// The error (`config`) names what has no type of ours.
Result<std::shared_ptr<const Layout>> layout_of(const SchemaPtr& reader);

}  // namespace trommel::avro
