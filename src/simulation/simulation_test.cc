// The disk that forgets, and a few hundred histories of the engine on it.
#include <gtest/gtest.h>

#include "base/planted.h"
#include "simulation/disk.h"
#include "simulation/simulate.h"

namespace trommel {
namespace {

TEST(SimulatedDisk, KeepsWhatWasSynced) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Dice dice(seed);
    SimulatedDisk disk;
    disk.make_folders("/a");
    const auto file = disk.create("/a/x", 1);
    disk.append(*file, "lasting", 1);
    disk.sync(*file);
    disk.sync_folder("/a");
    disk.append(*file, " and not", 2);
    disk.crash(dice);
    ASSERT_TRUE(disk.find("/a/x"));
    EXPECT_TRUE(disk.find("/a/x")->content.starts_with("lasting"));
  }
}

TEST(SimulatedDisk, MayForgetAllThatWasNot) {
  bool name_gone = false, name_there = false, empty = false, torn = false, rubbish = false, whole = false;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Dice dice(seed);
    SimulatedDisk disk;
    disk.make_folders("/a");
    disk.append(*disk.create("/a/x", 1), "content", 1);
    disk.crash(dice);
    const auto file = disk.find("/a/x");
    (file ? name_there : name_gone) = true;
    if (!file) continue;
    empty |= file->content.empty();
    whole |= file->content == "content";
    torn |= !file->content.empty() && file->content.size() < 7;
    rubbish |= file->content.size() == 7 && file->content.find('\0') != std::string::npos;
  }
  EXPECT_TRUE(name_gone && name_there && empty && torn && rubbish && whole);
}

TEST(SimulatedDisk, UndoesARenameAsAWholeAndAFoldersChangesFromTheLastOn) {
  bool before = false, after = false;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Dice dice(seed);
    SimulatedDisk disk;
    disk.make_folders("/a");
    disk.make_folders("/b");
    disk.sync(*disk.create("/a/x", 1));
    disk.sync_folder("/a");
    disk.rename("/a/x", "/b/x");
    disk.create("/b/later", 1);
    disk.crash(dice);
    EXPECT_NE(disk.find("/a/x") == nullptr, disk.find("/b/x") == nullptr);
    EXPECT_TRUE(!disk.find("/b/later") || disk.find("/b/x"));
    (disk.find("/a/x") ? before : after) = true;
  }
  EXPECT_TRUE(before && after);
}

TEST(Simulation, NothingIsLostAndNothingDoubled) {
  int64_t crashes = 0;
  for (uint64_t seed = 1; seed <= 1200; ++seed) {
    const SimulationResult result = simulate(seed);
    for (const auto& [phase, count] : result.crashes) crashes += count;
    ASSERT_TRUE(result.wrong.empty()) << "seed " << seed << ": " << result.wrong.front();
  }
  EXPECT_GT(crashes, 3000);
}

/// A judge that never condemns is none: each of these mistakes must show in some history.
TEST(Simulation, EveryPlantedMistakeIsCaught) {
  constexpr uint64_t kMost = 10000;
  for (const auto& [mistake, name, what] : kMistakes) {
    plant(mistake);
    uint64_t seed = 1;
    while (seed <= kMost && simulate(seed).wrong.empty()) ++seed;
    EXPECT_LE(seed, kMost) << name << ": " << what;
    RecordProperty(std::string(name), static_cast<int>(seed));
  }
  plant(Mistake::none);
}

TEST(Simulation, ASeedIsAHistoryThatCanBeHadAgain) {
  const SimulationResult one = simulate(7), two = simulate(7);
  EXPECT_EQ(one.touches, two.touches);
  EXPECT_EQ(one.crashes, two.crashes);
}

}  // namespace
}  // namespace trommel
