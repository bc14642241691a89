#include "spill/digest_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace trommel {
namespace {

TEST(DigestSet, HoldsWhatWasPutIn) {
  std::mt19937_64 random(1);
  DigestSet set;
  std::set<Digest> model;
  for (int i = 0; i < 200'000; ++i) {
    // Close together, so that many fall on each other; and zeros.
    const Digest digest{random() % 50'000 << (random() % 3 * 2), random() % 2};
    EXPECT_EQ(set.contains(digest), model.contains(digest));
    EXPECT_EQ(set.insert(digest), model.insert(digest).second);
    EXPECT_EQ(set.size(), model.size());
    if (i == 60'000 || i == 60'100) {
      set.clear();
      model.clear();
    }
  }
}

TEST(DigestSet, GivesMemoryBack) {
  DigestSet set;
  for (uint64_t i = 1; i <= 100'000; ++i) set.insert({i, i});
  EXPECT_GE(set.memory(), 100'000 * sizeof(Digest) * 2);
  set.clear();
  EXPECT_EQ(set.size(), 0U);
  EXPECT_FALSE(set.contains({1, 1}));
  EXPECT_LT(set.memory(), 100'000U);
}

}  // namespace
}  // namespace trommel
