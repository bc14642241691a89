#include "spill/seen_table.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace trommel {
namespace {

constexpr size_t kSlotsMin = 1024;
constexpr Digest kEmpty{};

// The one digest that means an empty slot is taken for another one.
Digest named(const Digest& digest) { return digest == kEmpty ? Digest{1, 0} : digest; }

bool is_full(size_t entries, size_t slots) { return entries * 4 >= slots * 3; }

}  // namespace

size_t SeenTable::room(int64_t memory) {
  // While it doubles, the old slots are there beside the new ones.
  const auto slots = std::bit_floor(std::max(static_cast<size_t>(memory) / (sizeof(SeenEntry) * 3 / 2), kSlotsMin));
  return slots * 3 / 4;
}

// Digests are spread evenly, so their own bits say where they belong.
size_t SeenTable::place_of(const Digest& digest) const {
  const size_t mask = slots_.size() - 1;
  size_t at = digest.low & mask;
  while (slots_[at].digest != kEmpty && slots_[at].digest != digest) at = (at + 1) & mask;
  return at;
}

SeenEntry* SeenTable::find(const Digest& digest) {
  if (slots_.empty()) return nullptr;
  SeenEntry& slot = slots_[place_of(named(digest))];
  return slot.digest == kEmpty ? nullptr : &slot;
}

void SeenTable::insert(const Digest& digest, int64_t time) {
  if (is_full(size_, slots_.size())) resize(std::max(kSlotsMin, slots_.size() * 2));
  slots_[place_of(named(digest))] = {named(digest), time};
  ++size_;
}

void SeenTable::resize(size_t slots) {
  const std::vector<SeenEntry> old = std::exchange(slots_, std::vector<SeenEntry>(slots));
  for (const SeenEntry& entry : old) {
    if (entry.digest != kEmpty) slots_[place_of(entry.digest)] = entry;
  }
}

void SeenTable::drop_until(int64_t time) {
  for (SeenEntry& entry : slots_) {
    if (entry.digest == kEmpty || entry.time > time) continue;
    entry = {};
    --size_;
  }
  // Holes must not part a digest from its place.
  resize(std::max(kSlotsMin, slots_.size()));
}

std::vector<SeenEntry> SeenTable::take_sorted() {
  std::erase_if(slots_, [](const SeenEntry& entry) { return entry.digest == kEmpty; });
  std::ranges::sort(slots_, {}, &SeenEntry::digest);
  size_ = 0;
  return std::exchange(slots_, {});
}

void SeenTable::clear() {
  if (slots_.size() > kSlotsMin * 16) {
    std::vector<SeenEntry>().swap(slots_);
  } else if (size_ > 0) {
    std::ranges::fill(slots_, SeenEntry{});
  }
  size_ = 0;
}

}  // namespace trommel
