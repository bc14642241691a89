// Stores at work beside everything else.
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "engine/testing.h"

namespace trommel {
namespace {

using namespace std::chrono_literals;

bool soon(const std::function<bool()>& is) {
  for (int i = 0; i < 2000 && !is(); ++i) std::this_thread::sleep_for(5ms);
  return is();
}

class Publish : public EngineTest {
 protected:
  Publish() {
    pipeline_.settings.lanes = 2;
    pipeline_.settings.commit.rows = 100;
    options_.once = true;
  }
};

TEST_F(Publish, TheNextEpochIsReadWhileAStoreIsAtWorkAndNoMoreThanThat) {
  world_.endless = true;
  bool next_was_read = false;
  int64_t ahead = 0;
  world_.at_work = [&](Epoch epoch) {
    if (epoch != 1) return;
    const int64_t own = world_.asked;
    next_was_read = soon([&] { return world_.asked >= own + 50; });  // half of its hundred rows come so far
    std::this_thread::sleep_for(200ms);
    ahead = world_.asked - own;
  };
  const auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_TRUE(next_was_read);
  EXPECT_LT(ahead, 100) << "slow stores get larger epochs, not more of them";
  EXPECT_EQ(world_.table.size(), 499U);
  EXPECT_TRUE(std::ranges::is_sorted(world_.table));
}

TEST_F(Publish, AnEpochThatLeftInputBehindIsFollowedAtOnce) {
  std::stop_source stop;
  options_.once = false;
  options_.stop = stop.get_token();
  world_.endless = true;
  pipeline_.settings.commit.every_us = int64_t{3600} * 1'000'000;
  std::atomic<size_t> rows{0};
  world_.at_work = [&](Epoch) { rows = world_.table.size(); };
  std::jthread watch([&] {
    soon([&] { return rows > 400; });
    stop.request_stop();
  });
  const auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_GT(report->epochs, 5);
  EXPECT_GT(world_.table.size(), 400U);
}

/// A second sink of the same rows.
class TwoSinks : public Publish {
 protected:
  TwoSinks() {
    components_.sinks.push_back(table_kind(far_, other_));
    pipeline_.sinks[0] = part("far", "far", {"even"});
    pipeline_.sinks[0].store = pipeline_.sinks[0].store_name = "far:";
  }

  /// How many commits were at work at once, at most; each waits a while for another.
  int most_at_once() {
    std::atomic<int> at_work{0}, most{0};
    world_.at_work = other_.at_work = [&](Epoch) {
      const int now = ++at_work;
      if (now > most) most = now;
      for (int i = 0; i < 100 && most < 2; ++i) std::this_thread::sleep_for(5ms);
      --at_work;
    };
    const auto report = run();
    EXPECT_TRUE(report) << report.error().text();
    EXPECT_EQ(world_.table, other_.table);
    return most;
  }

  World other_;
  SpecInfo far_ = spec("far");
};

TEST_F(TwoSinks, OfTwoStoresWorkAtOnce) { EXPECT_EQ(most_at_once(), 2); }

TEST_F(TwoSinks, OfOneStoreWorkOneAfterTheOther) {
  pipeline_.sinks[0].store = pipeline_.sinks[1].store;
  EXPECT_EQ(most_at_once(), 1);
}

}  // namespace
}  // namespace trommel
