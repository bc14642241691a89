#include "spill/digest_set.h"

#include <algorithm>
#include <utility>

namespace trommel {
namespace {

constexpr size_t kSlotsMin = 1024;
constexpr Digest kEmpty{};

}  // namespace

// Digests are spread evenly, so their own bits say where they belong.
size_t DigestSet::find(const Digest& digest) const {
  const size_t mask = slots_.size() - 1;
  size_t at = digest.low & mask;
  while (slots_[at] != kEmpty && slots_[at] != digest) at = (at + 1) & mask;
  return at;
}

bool DigestSet::contains(const Digest& digest) const {
  if (digest == kEmpty) return has_zero_;
  return !slots_.empty() && slots_[find(digest)] == digest;
}

bool DigestSet::insert(const Digest& digest) {
  if (digest == kEmpty) return !std::exchange(has_zero_, true);
  if (size_ * 2 >= slots_.size()) grow();
  Digest& slot = slots_[find(digest)];
  if (slot == digest) return false;
  slot = digest;
  ++size_;
  return true;
}

void DigestSet::grow() {
  std::vector<Digest> old = std::exchange(slots_, {});
  slots_.resize(std::max(kSlotsMin, old.size() * 2));
  for (const Digest& digest : old) {
    if (digest != kEmpty) slots_[find(digest)] = digest;
  }
}

void DigestSet::clear() {
  if (slots_.size() > kSlotsMin * 16) {
    std::vector<Digest>().swap(slots_);
  } else if (size_ > 0) {
    std::fill(slots_.begin(), slots_.end(), kEmpty);
  }
  size_ = 0;
  has_zero_ = false;
}

}  // namespace trommel
