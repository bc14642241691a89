// One seed: a world, and life after life of the real engine in it, on one thread, until all is done.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace trommel {

struct SimulationResult {
  std::vector<std::string> wrong;          ///< empty: every row is where it must be
  std::map<std::string, int64_t> crashes;  ///< by phase: read, prepare, checkpoint, commit, durable
  int64_t lives = 0, faults = 0, touches = 0, rows = 0, epochs = 0;
  bool stopped = false;  ///< refused to go on behind a damaged checkpoint: never a loss
};

/// `trace`: each touch goes to standard output.
SimulationResult simulate(uint64_t seed, bool trace = false);

}  // namespace trommel
