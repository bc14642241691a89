// The simulated Env: one thread, a clock of its own, a disk that can fail, fill up and lose its power. At every touch
// the dice of the run decide what happens, so that a seed is a history that can be had again.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/env.h"
#include "simulation/disk.h"
#include "simulation/random.h"

namespace trommel {

/// Thrown where the power goes or the process is killed, and caught by who drives the simulation.
struct Crash {
  std::string during;  ///< `rename /job/out/a.csv`
};

/// Thrown where a program has gone on for so long that it must be going round in circles.
struct NoEnd {
  std::string during;
};

/// How likely what is at each touch; 0..1.
struct Faults {
  double crash = 0;
  double crash_at_commit = 0;  ///< besides, when a store is about to commit
  double fail = 0;             ///< the call fails, and nothing has happened
  double fail_to_publish = 0;  ///< likewise, besides, when a file or a store's rows are about to appear
  double fail_after = 0;       ///< the call fails, and it has happened all the same
  double partly = 0;           ///< of what was to be appended a part is
  double slow = 0;             ///< it takes seconds
  double full = 0;             ///< from here on the disk is full, for a while
  double clock_jumps = 0;
};

class SimulatedEnv final : public Env {
 public:
  SimulatedEnv(SimulatedDisk& disk, Dice& dice, int64_t now_us) : disk_(disk), dice_(dice), wall_us_(now_us) {}

  Faults faults;
  std::function<void()> on_touch;               ///< the world goes on: somebody drops a file
  std::function<void(const std::string&)> log;  ///< each touch, in words
  std::set<std::string> open_for_writing;       ///< by others
  std::string sound;                            ///< what lies below this folder can always be read
  bool tells_writers = true;                    ///< `being_written` knows

  int64_t touches() const { return touches_; }
  int64_t faults_told() const { return faults_told_; }  ///< errors that were given to the program

  /// A touch of something outside: may crash, may fail. Components that stand for other systems call it too.
  Result<> touch(const char* what, const std::string& where);
  /// The same once it has been done.
  Result<> touched(const char* what, const std::string& where);
  /// A new process on the same machine.
  void restart();

  Result<std::unique_ptr<RandomFile>> open_random(const std::string& path) override;
  Result<std::unique_ptr<InputStream>> open_stream(const std::string& path) override;
  Result<std::unique_ptr<OutputStream>> create(const std::string& path) override;
  Result<std::unique_ptr<OutputStream>> append_to(const std::string& path) override;
  Result<FileInfo> info(const std::string& path) override;
  bool exists(const std::string& path) override { return disk_.exists(path); }
  Result<std::vector<FileInfo>> list(const std::string& directory) override;
  Result<> make_directories(const std::string& path) override;
  Result<> rename(const std::string& from, const std::string& to) override;
  Result<bool> rename_new(const std::string& from, const std::string& to) override;
  Result<> remove(const std::string& path) override;
  Result<> remove_tree(const std::string& path) override;
  Result<> remove_folder(const std::string& path) override;
  Result<> sync_directory(const std::string& path) override;
  Result<> sync_filesystem(const std::string& path) override;
  std::optional<bool> being_written(const std::string& path) override;
  Result<int64_t> free_space(const std::string&) override { return int64_t{1} << 40; }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, const std::string& holder) override;

  int64_t now_us() override { return wall_us_ + steady_us(); }
  int64_t steady_us() override { return ++passed_us_; }
  void sleep_us(int64_t us) override;
  std::unique_ptr<Thread> start_thread(std::string name, std::function<void(std::stop_token)>) override;
  int cores() override { return 1; }
  int64_t memory_bytes() override { return int64_t{1} << 30; }
  ProcessUse process() override { return {process_, 0, 0}; }

 private:
  class Lock;
  class Random;
  class Input;
  class Output;

  Result<> no_such(const std::string& path) const;
  Result<> move(const std::string& from, const std::string& to);
  Result<> may_grow(const std::string& path);

  SimulatedDisk& disk_;
  Dice& dice_;
  int64_t wall_us_;  ///< when the clock stood at zero
  int64_t passed_us_ = 0;
  int64_t process_ = 100;
  int64_t touches_ = 0, faults_told_ = 0;
  int64_t full_until_ = 0;  ///< touches
  std::map<std::string, std::string> locks_;
};

}  // namespace trommel
