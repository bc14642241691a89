// What lies outside of the program and outlives it: people who drop files, the disk, two stores, a clock. It knows
// every row that was ever given out, and what must become of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "component/sink.h"
#include "simulation/env.h"

namespace trommel {

struct SimulatedRow {
  int64_t row = 0;  ///< never the same twice
  int64_t key = 0;  ///< says what becomes of it
  auto operator<=>(const SimulatedRow&) const = default;
};

/// What is drawn once for a seed: the pipeline, and what the outside is like.
struct Scenario {
  bool watched = true;
  std::string after = "delete";
  bool whole_file = false;
  bool dedupe = true;
  bool by_input = false;  ///< an output is named after its input
  bool apart = false;     ///< a second part, of files of its own to a store of its own: another commit group
  bool slow_writers = false;
  bool tells_writers = true;
  bool power = true;  ///< crashes take the power away; else they kill the process alone
  bool rots = false;  ///< one of the newest checkpoints may be damaged by a crash
  int lanes = 1;
  int64_t commit_rows = 10;
  int64_t block_bytes = 40;
  Faults faults;

  static Scenario drawn(Dice& dice);
  std::string pipeline() const;  ///< the file's text
};

/// A store that takes an epoch in one transaction, its number with its rows.
struct ModelStore {
  std::vector<SimulatedRow> rows;
  Epoch epoch = 0;
};

enum class Fate { passes, no_number, against_the_rule, filtered };

class World {
 public:
  static constexpr const char* kFolder = "/job";

  World(uint64_t seed, const std::function<void(const std::string&)>& log);

  /// People do something, perhaps. To be called at each touch.
  void goes_on();
  /// All that people still want to drop, at once.
  void drop_the_rest();
  bool all_dropped() const { return to_drop_ == 0 && growing_.empty(); }
  void crash(bool while_publishing);

  static Fate fate(int64_t key);
  /// Whether the store `table` takes a row of that key.
  bool table_takes(int64_t key) const { return scenario.whole_file || key % 11 != 0; }

  struct File {
    std::string path;
    std::vector<SimulatedRow> rows;
    bool apart = false;   ///< for the second part
    bool faulty() const;  ///< it holds a row that is refused before any sink
  };

  Dice dice;
  Scenario scenario;
  SimulatedDisk disk;
  SimulatedEnv env;
  std::map<std::string, ModelStore> stores;
  std::vector<File> files;  ///< every one that was ever dropped
  std::string rotted;       ///< the checkpoint that was damaged

 private:
  void drop();
  void grow();

  struct Growing {
    std::string path, rest;
  };
  int64_t to_drop_;
  int64_t next_row_ = 0;
  std::vector<Growing> growing_;
};

}  // namespace trommel
