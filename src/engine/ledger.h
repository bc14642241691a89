// Ledger: where the counts of one epoch come together, from whichever thread. Nobody but the engine's outlets and
// machines writes to it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "component/outlet.h"
#include "engine/balance.h"
#include "engine/split_key.h"

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

  /// Rows of one input, for the log and for inputs that are refused as a whole.
  void add_input_rows(const Split& split, int64_t rows) {
    const std::lock_guard lock(mutex_);
    input_rows_[split_key(split)] += rows;
  }
  int64_t input_rows(const Split& split) {
    const std::lock_guard lock(mutex_);
    const auto found = input_rows_.find(split_key(split));
    return found == input_rows_.end() ? 0 : found->second;
  }

  /// Rows of one input that a sink took, where its source wants to know.
  void add_written_rows(const Split& split, const std::string& sink, int64_t rows) {
    const std::lock_guard lock(mutex_);
    written_rows_[split_key(split)][sink] += rows;
  }
  std::map<std::string, int64_t> written_rows(const Split& split) {
    const std::lock_guard lock(mutex_);
    const auto found = written_rows_.find(split_key(split));
    return found == written_rows_.end() ? std::map<std::string, int64_t>() : found->second;
  }

  // How far the inputs came; those that were not begun are not among them.
  struct InputProgress {
    std::shared_ptr<const Split> split;
    Position at = 0;
    bool ended = false;
  };
  void add_progress(InputProgress progress) {
    const std::lock_guard lock(mutex_);
    progress_.push_back(std::move(progress));
  }
  std::vector<InputProgress> progress() {
    const std::lock_guard lock(mutex_);
    return progress_;
  }

  // Inputs that could not be read to their end, where others may go on without them.
  struct Fault {
    std::shared_ptr<const Split> split;
    Error error;
  };
  void add_fault(Fault fault) {
    const std::lock_guard lock(mutex_);
    faults_.push_back(std::move(fault));
  }
  std::vector<Fault> faults() {
    const std::lock_guard lock(mutex_);
    return faults_;
  }

  // For the progress line; may run ahead of the counts.
  std::atomic<int64_t> rows_read{0}, rows_rejected{0}, bytes_read{0}, splits_read{0};
  // Bytes of blocks on their way to the lanes, and of those that were decoded: how many rows are under way can be
  // guessed from that.
  std::atomic<int64_t> bytes_handed{0}, bytes_decoded{0};

 private:
  std::mutex mutex_;
  std::vector<Counts> counts_;
  int64_t logged_ = 0;
  std::vector<SourceMisfit> misfits_;
  std::vector<std::string> warnings_;
  std::map<std::string, int64_t> input_rows_;
  std::map<std::string, std::map<std::string, int64_t>> written_rows_;  // by input and sink
  std::vector<InputProgress> progress_;
  std::vector<Fault> faults_;
};

}  // namespace trommel
