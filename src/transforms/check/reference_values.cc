#include "transforms/check/reference_values.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "batch/types.h"

namespace trommel {

ReferenceValues::ReferenceValues(ReferenceTable table, std::string column, Type type)
    : table_(std::move(table)),
      column_(std::move(column)),
      type_(std::move(type)),
      schema_(arrow::schema({arrow::field(column_, type_)})) {}

Result<> ReferenceValues::load() {
  std::call_once(once_, [this] { loaded_ = read(); });
  return loaded_;
}

Result<> ReferenceValues::read() {
  ASSIGN(auto digester, RowDigester::of(*schema_));
  std::vector<Digest> digests;
  return table_.read([&](const Batch& batch) -> Result<> {
    ASSIGN(const auto cast, cast_column(batch.rows->GetColumnByName(column_), type_));
    digester.digest(*arrow::RecordBatch::Make(schema_, batch.size(), {cast.column}), digests);
    for (size_t row = 0; row < digests.size(); ++row) {
      if (cast.column->IsValid(static_cast<int64_t>(row)) && values_.find(digests[row]) == nullptr)
        values_.insert(digests[row], 0);
    }
    return {};
  });
}

Result<> ReferenceValues::test(const std::string& name, const std::shared_ptr<arrow::Array>& column, Faults& faults) {
  ASSIGN(auto digester, RowDigester::of(*schema_));
  std::vector<Digest> digests;
  digester.digest(*arrow::RecordBatch::Make(schema_, column->length(), {column}), digests);
  for (size_t i = 0; i < digests.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    if (column->IsNull(row) || values_.find(digests[i]) != nullptr) continue;
    const std::string value = value_text(*column, row);
    faults.add(row, "exists_in", name, value,
               fmt::format("exists_in: `{}` does not stand in {}.{}", value, table_.name, column_));
  }
  return {};
}

}  // namespace trommel
