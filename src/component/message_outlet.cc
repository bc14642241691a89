#include "component/message_outlet.h"

#include <arrow/record_batch.h>

#include <algorithm>
#include <utility>

namespace trommel {

void MessageOutlet::refuse(int64_t message, std::string code, std::string reason) {
  refusals_.push_back({message, std::move(code), {}, {}, std::move(reason)});
}

void MessageOutlet::emit(Batch batch) {
  if (auto added = gathered_.add(std::move(batch.rows)); !added && outcome_) outcome_ = added;
}

void MessageOutlet::reject(const Block& block, std::span<const RawRefusal> refusals) {
  for (const RawRefusal& refusal : refusals) {
    const auto found = std::ranges::lower_bound(expected_, block.from + refusal.offset, {}, &Expected::begin);
    TROMMEL_CHECK(found != expected_.end() && found->begin == block.from + refusal.offset,
                  "a refusal begins where no message does");
    refusals_.push_back({found->message, refusal.code, refusal.column, refusal.value, refusal.reason});
  }
}

Result<DecodedMessages> MessageOutlet::take(const Schema& schema) {
  TRY(outcome_);
  DecodedMessages out;
  std::ranges::stable_sort(refusals_, {}, &Refusal::row);
  out.refusals = std::move(refusals_);
  if (gathered_.empty()) {
    auto none = arrow::RecordBatch::MakeEmpty(schema);
    if (!none.ok()) return tl::unexpected(from_arrow(none.status(), "messages"));
    out.rows = *none;
  } else {
    ASSIGN(out.rows, gathered_.take());
  }
  return out;
}

}  // namespace trommel
