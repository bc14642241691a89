// The balance sheet: what became of every row, counted where it happened. Nothing here is computed from what it is
// meant to prove.
//
//   read + expanded = written + withheld + rejected + filtered + deduplicated + late + combined
//
// holds for every sink over the nodes on the way to it (`combined` is rows in less rows out of aggregates, `withheld`
// what a run that was refused had ready), and a like equation holds at each node and each edge.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"

namespace trommel {

/// What one node counted. `in` is counted by who takes a batch, `out` by the outlet, `read` by the decoder, `written`
/// by the file or store itself.
struct Counts {
  int64_t read = 0, in = 0, out = 0, written = 0, withheld = 0;
  int64_t rejected = 0, filtered = 0, deduplicated = 0, late = 0;
  int64_t expanded = 0, combined_in = 0, combined_out = 0;
  std::map<std::string, int64_t> reasons;  ///< rejects by code

  void add(const Counts& other);
};

struct NodeBalance {
  enum class Kind { source, transform, sink };
  Kind kind = Kind::source;
  std::string name, component;
  std::vector<size_t> inputs;  ///< indexes into Balance::nodes, all smaller than its own
  Counts counts;
};

/// One line of the sheet: a sink and all that happened on the way to it.
struct SinkLine {
  std::string sink;
  int64_t read = 0, expanded = 0, written = 0, withheld = 0, rejected = 0, filtered = 0, deduplicated = 0, late = 0,
          combined = 0;
  bool balanced() const {
    return read + expanded == written + withheld + rejected + filtered + deduplicated + late + combined;
  }
};

struct Balance {
  std::vector<NodeBalance> nodes;  ///< in the order of the plan
  int64_t rejects_logged = 0;      ///< counted by the reject log, record by record

  std::vector<SinkLine> sinks() const;
  int64_t read() const;      ///< by all sources
  int64_t rejected() const;  ///< at all nodes
  /// Every equation that does not hold, as text with its figures; empty when the sheet balances.
  /// `written` is left out before the commit, when stores have not counted yet.
  std::vector<std::string> mistakes(bool with_written) const;
};

}  // namespace trommel
