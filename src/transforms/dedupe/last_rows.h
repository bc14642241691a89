// Keeps the last of equal rows: all rows are set aside until their end, then judged from the last to the first, and
// handed on from the first to the last.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "component/outlet.h"
#include "spill/row_spill.h"
#include "spill/seen_rows.h"

namespace trommel {

/// Rows in order, as for FirstRows. One thread at a time.
class LastRows {
 public:
  LastRows(RowDigester digester, bool within_file, Env& env, std::string folder, int64_t memory);
  ~LastRows();

  Result<> add(const Batch& batch, Outlet& outlet);
  Result<> end(Outlet& outlet);

 private:
  struct Aside;
  Result<> judge(Aside& rows, SpillBytes& verdicts, std::vector<int64_t>& verdicts_at);
  Result<> hand_on(Aside& rows, Outlet& outlet);

  RowDigester digester_;
  const bool within_file_;
  Env& env_;
  const std::string folder_;
  const int64_t memory_;
  std::map<std::string, std::unique_ptr<Aside>> by_source_;
  std::vector<Digest> digests_;
};

}  // namespace trommel
