#include "transforms/dedupe/last_rows.h"

#include <arrow/record_batch.h>

#include <algorithm>

namespace trommel {

struct LastRows::Aside {
  Aside(Env& env, const std::string& folder, int64_t memory)
      : rows(env, folder, memory / 2), digests(env, folder, memory / 8) {}
  RowSpill rows;
  SpillBytes digests;  // 16 bytes a row
  std::string split;
};

LastRows::LastRows(RowDigester digester, bool within_file, Env& env, std::string folder, int64_t memory)
    : digester_(std::move(digester)),
      within_file_(within_file),
      env_(env),
      folder_(std::move(folder)),
      memory_(memory) {}
LastRows::~LastRows() = default;

Result<> LastRows::add(const Batch& batch, Outlet& outlet) {
  if (batch.size() == 0) return {};
  if (within_file_)
    TROMMEL_CHECK(batch.block && batch.block->split, "rows within a file are compared, and these know of no file");
  auto& aside = by_source_[within_file_ ? batch.block->split->source : ""];
  const std::string& split = within_file_ ? batch.block->split->id : std::string();
  if (aside && aside->split != split) {
    TRY(hand_on(*aside, outlet));
    aside.reset();
  }
  if (!aside) {
    aside = std::make_unique<Aside>(env_, folder_, memory_);
    aside->split = split;
  }
  digester_.digest(*batch.rows, digests_);
  TRY(aside->digests.append({reinterpret_cast<const uint8_t*>(digests_.data()), digests_.size() * sizeof(Digest)}));
  return aside->rows.add(batch);
}

Result<> LastRows::end(Outlet& outlet) {
  for (auto& [source, aside] : by_source_) TRY(hand_on(*aside, outlet));
  by_source_.clear();
  return {};
}

/// One byte a row, batch by batch from the last; a row is kept when it is the first from there.
Result<> LastRows::judge(Aside& aside, SpillBytes& verdicts, std::vector<int64_t>& verdicts_at) {
  SeenRows seen({&env_, folder_, memory_ / 4, 0});
  std::vector<uint8_t> keep;
  int64_t after = aside.rows.rows();
  for (size_t i = aside.rows.batches(); i-- > 0;) {
    digests_.resize(static_cast<size_t>(aside.rows.rows_of(i)));
    after -= aside.rows.rows_of(i);
    TRY(aside.digests.read(after * static_cast<int64_t>(sizeof(Digest)),
                           {reinterpret_cast<uint8_t*>(digests_.data()), digests_.size() * sizeof(Digest)}));
    std::ranges::reverse(digests_);
    TRY(seen.insert(digests_, {}, keep));
    std::ranges::reverse(keep);
    verdicts_at[i] = verdicts.size();
    TRY(verdicts.append(keep));
  }
  return verdicts.finish();
}

Result<> LastRows::hand_on(Aside& aside, Outlet& outlet) {
  TRY(aside.rows.finish());
  TRY(aside.digests.finish());
  SpillBytes verdicts(env_, folder_, memory_ / 8);
  std::vector<int64_t> verdicts_at(aside.rows.batches());
  TRY(judge(aside, verdicts, verdicts_at));
  std::vector<uint8_t> keep;
  for (size_t i = 0; i < aside.rows.batches(); ++i) {
    ASSIGN(const Batch batch, aside.rows.read(i));
    keep.resize(static_cast<size_t>(batch.size()));
    TRY(verdicts.read(verdicts_at[i], keep));
    ASSIGN(Batch kept, filter(batch, keep));
    if (kept.size() < batch.size()) outlet.deduplicated(batch.size() - kept.size());
    if (kept.size() > 0) outlet.emit(std::move(kept));
  }
  return {};
}

}  // namespace trommel
