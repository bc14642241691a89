// The balance sheet of a pipeline's whole life: that of every epoch that was published, added up in its checkpoint.
//
//   read + expanded = written + (rejected - replayed) + filtered + deduplicated + late + combined
//
// for every sink over the nodes on the way to it. A reject that comes back is not read again: it counts as replayed,
// and then as what has become of it. What is rejected and not replayed is what `rejects list` shows.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/balance.h"
#include "segment/segment_file.h"

namespace trommel {

struct Life {
  struct Line {
    std::string sink;
    int64_t read = 0, replayed = 0, expanded = 0, written = 0, rejected = 0, filtered = 0, deduplicated = 0, late = 0,
            combined = 0;
    bool balanced() const {
      return read + expanded == written + rejected - replayed + filtered + deduplicated + late + combined;
    }
  };
  Epoch since = 0, until = 0;                                     ///< the epochs that it is the sum of; 0: none yet
  int64_t read = 0, rejected = 0, replayed = 0;                   ///< at all nodes
  std::map<std::string, std::map<std::string, int64_t>> reasons;  ///< of the rejected ones, by node and code
  std::vector<Line> sinks;

  /// Adds an epoch that is about to be published. What lies ready for stores counts as written.
  void add(Epoch epoch, const Balance& balance, const std::vector<SealedSegment>& segments, bool replays);
  /// Every equation that does not hold, with its figures.
  std::vector<std::string> mistakes() const;
};

/// As one JSON object, and back.
std::string life_text(const Life& life);
Life parse_life(std::string_view text);

}  // namespace trommel
