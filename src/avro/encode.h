// Rows to data in Avro's binary form.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "avro/schema.h"
#include "batch/batch.h"

namespace trommel::avro {

/// A row that cannot be a datum of the schema.
struct RowRefusal {
  int64_t row = 0;
  std::string column;
  std::string value;   ///< as text
  std::string reason;  ///< `NULL, where the schema has no null`
};

struct EncodePlan;

/// Made once for a schema and the rows that will come. One thread at a time. The same rows make the same bytes.
class DatumEncoder {
 public:
  /// `writer` is a record. `from_column` has, for each of its fields, the column of `rows`; -1: none, and the field is
  /// its default, or null. A column of another type than the field's is cast (batch/types.h). The error (`config`)
  /// names fields that have nothing to be, and columns that cannot be cast.
  static Result<DatumEncoder> make(SchemaPtr writer, const arrow::Schema& rows, std::vector<int> from_column);
  /// The same with columns found by their names, or a field's aliases.
  static Result<DatumEncoder> make(SchemaPtr writer, const arrow::Schema& rows);
  ~DatumEncoder();
  DatumEncoder(DatumEncoder&&) noexcept;
  DatumEncoder& operator=(DatumEncoder&&) noexcept;

  /// Appends `prefix` and a datum for each row to `out`, and where it ends there to `ends`. A refused row appends no
  /// bytes: its end is the one before it. Refusals rise.
  Result<std::vector<RowRefusal>> encode(const arrow::RecordBatch& rows, std::string_view prefix, std::string& out,
                                         std::vector<size_t>& ends);

 private:
  explicit DatumEncoder(std::unique_ptr<EncodePlan> plan);
  std::unique_ptr<EncodePlan> plan_;
};

}  // namespace trommel::avro
