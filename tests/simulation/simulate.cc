// Histories of crashes and faults under the real engine, and mistakes planted in it.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <string>

#include "base/planted.h"
#include "simulation/simulate.h"

namespace {

constexpr const char* kUsage =
    "usage: simulate [--seeds N] [--first SEED] [--trace] [--mistake NAME|all]\n"
    "  --mistake NAME   with a mistake planted in the engine: fine when seeds go wrong\n"
    "  --mistake all    each in turn: in how many seeds it is caught, and the first\n";

/// In how many of the seeds each mistake shows. 1: one is in none.
int try_mistakes(uint64_t first, uint64_t seeds) {
  int missed = 0;
  for (const auto& [mistake, name, what] : trommel::kMistakes) {
    trommel::plant(mistake);
    uint64_t caught = 0, at = 0;
    for (uint64_t seed = first; seed < first + seeds; ++seed) {
      if (trommel::simulate(seed).wrong.empty()) continue;
      if (caught++ == 0) at = seed;
    }
    missed += caught == 0;
    fmt::print("{:34} {:>6} of {} seeds, {:22} {}\n", name, caught, seeds,
               caught == 0 ? "MISSED" : fmt::format("the first {}", at), what);
  }
  return missed == 0 ? 0 : 1;
}

bool plant_named(const std::string& name) {
  for (const auto& info : trommel::kMistakes) {
    if (info.name != name) continue;
    trommel::plant(info.mistake);
    return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t first = 1, seeds = 500;
  bool trace = false, all_mistakes = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool more = i + 1 < argc;
    if (word == "--seeds" && more) {
      seeds = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--first" && more) {
      first = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--trace") {
      trace = true;
    } else if (word == "--mistake" && more && std::string(argv[i + 1]) == "all") {
      all_mistakes = true;
      ++i;
    } else if (word == "--mistake" && more && plant_named(argv[i + 1])) {
      ++i;
    } else {
      fmt::print(stderr, "{}", kUsage);
      return 64;
    }
  }
  if (all_mistakes) return try_mistakes(first, seeds);
  std::map<std::string, int64_t> crashes;
  int64_t wrong = 0, stopped = 0, rows = 0, lives = 0, faults = 0, epochs = 0;
  const auto began = std::chrono::steady_clock::now();
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const auto result = trommel::simulate(seed, trace);
    for (const auto& [phase, count] : result.crashes) crashes[phase] += count;
    stopped += result.stopped;
    rows += result.rows;
    lives += result.lives;
    faults += result.faults;
    epochs += result.epochs;
    if (result.wrong.empty()) continue;
    if (++wrong > 5) continue;
    fmt::print("seed {}:\n", seed);
    for (const std::string& text : result.wrong) fmt::print("  {}\n", text);
    fmt::print("  again: {} --first {} --seeds 1 --trace\n", argv[0], seed);
  }
  const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
  int64_t taken = 0;
  std::string by_phase;
  for (const auto& [phase, count] : crashes) {
    taken += count;
    by_phase += fmt::format("{}{} {}", by_phase.empty() ? "" : ", ", phase, count);
  }
  fmt::print(
      "{} seeds, {} rows, {} lives, {} epochs, {} crashes ({}), {} faults, {} stopped at a damaged checkpoint: {} "
      "wrong; "
      "{:.1f} ms a seed\n",
      seeds, rows, lives, epochs, taken, by_phase, faults, stopped, wrong, ms / static_cast<double>(seeds));
  return wrong == 0 ? 0 : 1;
}
