// Which rows were there already, and when.
#pragma once

#include <cstddef>
#include <vector>

#include "batch/row_digest.h"

namespace trommel {

/// A digest and the time at which it was kept; the unit is its user's.
struct SeenEntry {
  Digest digest;
  int64_t time = 0;
};

/// Digests with their times in one table in memory, 24 bytes a slot, three quarters full at most. One thread at a time.
class SeenTable {
 public:
  /// Where it is, else null.
  SeenEntry* find(const Digest& digest);
  void insert(const Digest& digest, int64_t time);  ///< of one that is not there
  /// Leaves those out that were kept at `time` or before.
  void drop_until(int64_t time);
  /// All entries by rising digest; the table is empty afterwards, and gives its memory away when they are gone.
  std::vector<SeenEntry> take_sorted();
  void clear();  ///< gives back memory beyond what a small table needs

  size_t size() const { return size_; }
  size_t memory() const { return slots_.capacity() * sizeof(SeenEntry); }
  /// How many entries a table may hold that never needs more than `memory` bytes, growing included.
  static size_t room(int64_t memory);

 private:
  size_t place_of(const Digest& digest) const;  // its slot, or the empty one where it belongs
  void resize(size_t slots);

  std::vector<SeenEntry> slots_;  // a digest of zeros: empty
  size_t size_ = 0;
};

}  // namespace trommel
