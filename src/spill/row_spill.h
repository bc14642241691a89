// Rows set aside until the end of their input: in memory as long as they are few, then in a file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "batch/gather.h"
#include "spill/spill_file.h"

namespace trommel {

/// Rows are added in order, and after `finish` read batch by batch in any order. They keep their split and position;
/// what went to the file loses the raw bytes of its block. One thread at a time.
class RowSpill {
 public:
  RowSpill(Env& env, std::string folder, int64_t memory);
  ~RowSpill();
  RowSpill(RowSpill&&) noexcept;
  RowSpill& operator=(RowSpill&&) noexcept;

  Result<> add(const Batch& batch);
  Result<> finish();

  int64_t rows() const { return rows_; }
  size_t batches() const { return held_.size() + filed_.size(); }
  int64_t rows_of(size_t batch) const;
  Result<Batch> read(size_t batch) const;

 private:
  struct File;
  struct Filed {
    std::shared_ptr<const Split> split;
    int64_t rows = 0;
    bool positions = false;
  };
  Result<> gather(const Batch& batch);
  Result<> write_gathered();

  Env* env_;
  std::string folder_;
  int64_t memory_;
  int64_t rows_ = 0, held_bytes_ = 0;
  std::vector<Batch> held_;  // all of them, or none
  const Block* last_block_ = nullptr;
  std::vector<Filed> filed_;
  Gather gathered_;
  Filed of_gathered_;
  std::unique_ptr<File> file_;
};

}  // namespace trommel
