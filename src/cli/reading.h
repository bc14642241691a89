// Reading a data file with the components' own reader, without a pipeline: for `query` and the samples of `plan`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "component/component.h"
#include "component/quiet_outlet.h"

namespace trommel::cli {

struct UnreadRow {
  std::string place, reason;
};

/// An Outlet that keeps what it hears.
class Kept : public QuietOutlet {
 public:
  void emit(Batch batch) override { batches.push_back(std::move(batch)); }
  void reject(const Batch& batch, std::span<const Refusal> refusals) override;
  void reject(const Block& block, std::span<const RawRefusal> refusals) override;
  void misfit(const Block&, Misfit misfit) override { misfits.push_back(std::move(misfit)); }

  std::vector<Batch> batches;
  std::vector<UnreadRow> unread;
  std::vector<Misfit> misfits;
};

/// All rows of a source, batch by batch; null at the end. Rows that cannot be read are in `unread`.
class SourceRows {
 public:
  explicit SourceRows(Source& source) : source_(source) {}
  Result<Rows> next();

  int64_t rows = 0;
  std::vector<UnreadRow> unread;  ///< the first hundred
  int64_t unread_rows = 0;
  std::vector<Misfit> misfits;

 private:
  Result<bool> open_next();

  Source& source_;
  std::vector<Split> splits_;
  size_t split_ = 0;
  bool discovered_ = false;
  std::unique_ptr<Reader> reader_;
  std::vector<Batch> ready_;
};

}  // namespace trommel::cli
