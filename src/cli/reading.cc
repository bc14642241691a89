#include "cli/reading.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

namespace trommel::cli {

namespace {

std::string place_of(const Block& block, Position position) {
  const std::string name = block.split ? block.split->name : "";
  const int64_t line = line_at(block, position);
  return line > 0 ? fmt::format("{} line {}", name, line) : fmt::format("{} row {}", name, position + 1);
}

}  // namespace

void Kept::reject(const Batch& batch, std::span<const Refusal> refusals) {
  for (const Refusal& refusal : refusals) {
    const bool placed = batch.block && batch.positions.known();
    unread.push_back({placed ? place_of(*batch.block, batch.positions.at(refusal.row)) : "",
                      refusal.column.empty() ? refusal.reason : refusal.column + ": " + refusal.reason});
  }
}

void Kept::reject(const Block& block, std::span<const RawRefusal> refusals) {
  for (const RawRefusal& refusal : refusals) {
    unread.push_back({place_of(block, block.from + refusal.offset),
                      refusal.column.empty() ? refusal.reason : refusal.column + ": " + refusal.reason});
  }
}

Result<bool> SourceRows::open_next() {
  if (!discovered_) {
    ASSIGN(splits_, source_.discover());
    discovered_ = true;
  }
  if (split_ == splits_.size()) return false;
  ASSIGN(reader_, source_.open(std::make_shared<const Split>(splits_[split_++]), 0));
  return true;
}

Result<Rows> SourceRows::next() {
  constexpr size_t unread_shown = 100;
  while (ready_.empty()) {
    if (!reader_) {
      ASSIGN(const bool more, open_next());
      if (!more) return Rows();
    }
    ASSIGN(auto piece, reader_->read());
    if (piece.block) {
      Kept kept;
      TRY(piece.block->decoder->decode(*piece.block, kept));
      ready_ = std::move(kept.batches);
      std::erase_if(ready_, [](const Batch& batch) { return batch.size() == 0; });
      std::reverse(ready_.begin(), ready_.end());
      unread_rows += static_cast<int64_t>(kept.unread.size());
      for (auto& row : kept.unread) {
        if (unread.size() < unread_shown) unread.push_back(std::move(row));
      }
      misfits.insert(misfits.end(), kept.misfits.begin(), kept.misfits.end());
    }
    if (piece.then != Reader::Next::more) reader_ = nullptr;
  }
  Rows out = ready_.back().rows;
  ready_.pop_back();
  rows += out->num_rows();
  return out;
}

}  // namespace trommel::cli
