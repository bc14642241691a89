#include "transforms/dedupe/first_rows.h"

#include <arrow/record_batch.h>

namespace trommel {

Result<Batch> FirstRows::keep(const Batch& batch, Outlet& outlet) {
  if (batch.size() == 0) return batch;
  TROMMEL_CHECK(batch.block && batch.block->split, "rows within a file are compared, and these know of no file");
  const auto& split = batch.block->split;
  Seen& seen = by_source_[split->source];
  if (seen.split != split && (!seen.split || seen.split->id != split->id)) seen.rows.clear();
  seen.split = split;

  digester_.digest(*batch.rows, digests_);
  keep_.resize(digests_.size());
  int64_t again = 0;
  for (size_t row = 0; row < digests_.size(); ++row) {
    const bool first = seen.rows.insert(digests_[row]);
    keep_[row] = first ? 1 : 0;
    again += first ? 0 : 1;
  }
  if (again == 0) return batch;
  outlet.deduplicated(again);
  return filter(batch, keep_);
}

}  // namespace trommel
