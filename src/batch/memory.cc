#include "batch/memory.h"

#include <arrow/api.h>
#include <arrow/util/byte_size.h>

namespace trommel {

int64_t bytes_of(const arrow::Array& values) {
  const int64_t rows = values.length();
  const int64_t validity = values.null_bitmap() ? (rows + 7) / 8 : 0;
  switch (values.type_id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY: {
      const auto& text = static_cast<const arrow::BinaryArray&>(values);
      return validity + (rows + 1) * static_cast<int64_t>(sizeof(int32_t)) +
             (rows == 0 ? 0 : text.value_offset(rows) - text.value_offset(0));
    }
    case arrow::Type::BOOL:
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
    case arrow::Type::UINT64:
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
    case arrow::Type::DATE32:
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
    case arrow::Type::DECIMAL128:
      return validity + (rows * values.type()->bit_width() + 7) / 8;
    default: {
      // Arrow's own way takes as long as copying a batch of a few hundred rows.
      const auto bytes = arrow::util::ReferencedBufferSize(values);
      return bytes.ok() ? *bytes : arrow::util::TotalBufferSize(values);
    }
  }
}

int64_t bytes_of(const arrow::RecordBatch& rows) {
  int64_t bytes = 0;
  for (const auto& column : rows.columns()) bytes += bytes_of(*column);
  return bytes;
}

}  // namespace trommel
