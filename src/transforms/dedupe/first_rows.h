// Keeps the first of equal rows, as they come.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "batch/row_digest.h"
#include "component/outlet.h"
#include "spill/digest_set.h"

namespace trommel {

/// Within one file (split): rows of one must come in order, and the files of one source one after the other; several
/// sources may take turns.
class FirstRows {
 public:
  explicit FirstRows(RowDigester digester) : digester_(std::move(digester)) {}

  /// The rows that equal no earlier one of their file; the others are counted as deduplicated.
  Result<Batch> keep(const Batch& batch, Outlet& outlet);

 private:
  struct Seen {
    std::shared_ptr<const Split> split;
    DigestSet rows;
  };
  RowDigester digester_;
  std::map<std::string, Seen> by_source_;
  std::vector<Digest> digests_;
  std::vector<uint8_t> keep_;
};

}  // namespace trommel
