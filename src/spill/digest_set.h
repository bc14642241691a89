// Which rows were there already.
#pragma once

#include <cstddef>
#include <vector>

#include "batch/row_digest.h"

namespace trommel {

/// A set of digests, 16 bytes each in a table at most half full. One thread at a time.
class DigestSet {
 public:
  /// True when it was not there yet.
  bool insert(const Digest& digest);
  bool contains(const Digest& digest) const;
  void clear();  ///< gives back memory beyond what a small set needs
  size_t size() const { return size_ + (has_zero_ ? 1 : 0); }
  size_t memory() const { return slots_.capacity() * sizeof(Digest); }

 private:
  size_t find(const Digest& digest) const;  // its slot, or the empty one where it belongs
  void grow();

  std::vector<Digest> slots_;  // all zeros: empty
  size_t size_ = 0;
  bool has_zero_ = false;
};

}  // namespace trommel
