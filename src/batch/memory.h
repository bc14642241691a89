// How many bytes rows take.
#pragma once

#include <cstdint>

namespace arrow {
class Array;
class RecordBatch;
}  // namespace arrow

namespace trommel {

/// Bytes of the values that an array or a batch refers to, not those of a larger buffer around them. Cheap: it is asked
/// for every batch at every queue.
int64_t bytes_of(const arrow::Array& values);
int64_t bytes_of(const arrow::RecordBatch& rows);

}  // namespace trommel
