// Ledger: where the counts of one epoch come together, from whichever thread. Nobody but the engine's outlets and
// machines writes to it.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "component/outlet.h"
#include "engine/balance.h"

namespace trommel {

class Ledger {
 public:
  explicit Ledger(size_t nodes) : counts_(nodes) {}

  void add(size_t node, const Counts& counts) {
    const std::lock_guard lock(mutex_);
    counts_[node].add(counts);
  }
  void add_logged_rejects(int64_t records) {
    const std::lock_guard lock(mutex_);
    logged_ += records;
  }
  Counts of(size_t node) {
    const std::lock_guard lock(mutex_);
    return counts_[node];
  }
  int64_t logged_rejects() {
    const std::lock_guard lock(mutex_);
    return logged_;
  }

  // Values that do not fit guessed types: the attempt is over.
  struct SourceMisfit {
    size_t source = 0;
    Misfit misfit;
    std::string split;
    int64_t line = 0;
  };
  void add_misfit(SourceMisfit misfit) {
    const std::lock_guard lock(mutex_);
    misfits_.push_back(std::move(misfit));
  }
  std::vector<SourceMisfit> misfits() {
    const std::lock_guard lock(mutex_);
    return misfits_;
  }

  // What transforms want people to look at.
  void add_warning(std::string text) {
    const std::lock_guard lock(mutex_);
    warnings_.push_back(std::move(text));
  }
  std::vector<std::string> warnings() {
    const std::lock_guard lock(mutex_);
    return warnings_;
  }

  // For the progress line; may run ahead of the counts.
  std::atomic<int64_t> rows_read{0}, rows_rejected{0}, bytes_read{0}, splits_read{0};

 private:
  std::mutex mutex_;
  std::vector<Counts> counts_;
  int64_t logged_ = 0;
  std::vector<SourceMisfit> misfits_;
  std::vector<std::string> warnings_;
};

}  // namespace trommel
