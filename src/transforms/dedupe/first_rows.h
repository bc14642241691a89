// Tells the first of equal rows from those that come after it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "component/component.h"
#include "spill/seen_rows.h"

namespace trommel {

/// Rows must come in order; within files (splits), the files of one source one after the other, while several sources
/// may take turns. One thread at a time.
class FirstRows {
 public:
  struct Options {
    std::optional<RowDigester> digester;  ///< of the columns that are compared
    bool within_file = false;
    int64_t within_us = 0;  ///< rows so far apart, or farther, are never equal; 0: time does not matter
    int time_column = -1;   ///< a timestamp or date without NULLs; -1: the time at which a batch comes by
    bool saves = false;     ///< what it knows must outlive the process
    Env* env = nullptr;     ///< may be null where nothing asks for the time or for room on disk
    std::string folder;
    int64_t memory = 64 << 20;
  };
  explicit FirstRows(Options options);

  /// For each row whether it is the first (1) or equals an earlier one (0). Returns how many are equal.
  Result<int64_t> judge(const Batch& batch, std::vector<uint8_t>& first);
  /// The first rows; the others are counted as deduplicated.
  Result<Batch> keep(const Batch& batch, Outlet& outlet);

  Result<> save(State& state);
  Result<> load(std::string_view key, std::string_view value);

 private:
  // What was saved in one go, and the newest time in it: it is forgotten as a whole.
  struct Chunk {
    std::string key;
    int64_t newest = 0;
  };
  struct Seen {
    explicit Seen(SeenRows::Options options) : rows(std::move(options)) {}
    SeenRows rows;
    std::string split;  // within files: its id
    std::vector<SeenEntry> unsaved;
    std::vector<Chunk> chunks;
    bool stale = false;  // the chunks are of an earlier split
    int64_t number = 0;  // of the next chunk
  };
  Seen& seen_of(const std::string& source);
  Result<> begin_split(Seen& seen, const Batch& batch);
  void read_times(const Batch& batch);
  void save_changes(const std::string& source, Seen& seen, State& state);

  Options options_;
  std::map<std::string, Seen> by_source_;  // the whole input: one, under no name
  std::vector<Digest> digests_;
  std::vector<int64_t> times_;
  std::vector<uint8_t> first_;
};

/// The share of one transform that remembers rows, once all of a run are bound; `setting` where the user gave one.
/// To be asked when an instance is made; `remembers` is to be called when it is bound.
int64_t memory_to_remember(const BindContext& context, int64_t setting);
void remembers(const BindContext& context);

}  // namespace trommel
