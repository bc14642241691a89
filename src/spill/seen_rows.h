// Which rows were seen before, exactly, in a bounded amount of memory: a table of digests, and beyond that sorted runs
// in files, of the kind that log-structured stores keep (O'Neil et al., "The Log-Structured Merge-Tree", 1996). A row
// that is in no run is nearly always known to be in none by a Bloom filter, so most rows read nothing.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/env.h"
#include "spill/seen_table.h"

namespace trommel {

/// One thread at a time.
class SeenRows {
 public:
  struct Options {
    Env* env = nullptr;
    std::string folder;         ///< for its files, which are gone with it
    int64_t memory = 64 << 20;  ///< bytes: half for the table, a quarter for filters, the rest for merging
    int64_t within = 0;         ///< rows so far apart in time, or farther, are never equal; 0: time does not matter
  };
  explicit SeenRows(Options options);
  ~SeenRows();
  SeenRows(SeenRows&&) noexcept;

  /// In their order: whether a row equals no earlier one that was kept (1), or one (0). `times` is empty where time
  /// does not matter. A row that lies `within` behind the newest one is kept and not remembered: what it might equal is
  /// forgotten.
  Result<> insert(std::span<const Digest> digests, std::span<const int64_t> times, std::vector<uint8_t>& fresh);
  /// As it was kept by an earlier process.
  Result<> restore(const SeenEntry& entry);
  Result<> clear();

  int64_t newest() const { return newest_; }  ///< of all times
  int64_t size() const;                       ///< entries that it holds
  bool spilled() const { return !runs_.empty(); }
  int64_t memory() const;  ///< bytes that it holds at the moment

 private:
  struct Run;
  class RunWriter;
  bool remembered(int64_t time) const { return options_.within == 0 || time > newest_ - options_.within; }
  bool equal_in_time(int64_t kept, int64_t time) const;
  bool is_fresh(const Digest& digest, int64_t time);
  Result<> make_room(size_t entries);
  Result<> flush();
  Result<> merge_last_two();
  Result<> look_up(std::span<const Digest> digests);
  Result<> look_up_in(Run& run, std::span<const Digest> sorted);
  int64_t filter_bits(int64_t entries) const;

  Options options_;
  size_t room_;
  SeenTable table_, found_;                 // `found_`: what the runs know of the rows at hand
  std::vector<std::unique_ptr<Run>> runs_;  // oldest first, each at least twice as large as the next
  std::vector<Digest> asked_;
  int64_t newest_ = INT64_MIN / 2;
};

}  // namespace trommel
