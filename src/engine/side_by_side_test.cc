// Commit groups at work: two parts of a pipeline on threads of their own, and by turns.
#include <gmock/gmock.h>

#include <set>

#include "base/virtual_clock.h"
#include "engine/commit_groups.h"
#include "engine/testing.h"

namespace trommel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// A second source and a second store, which nothing connects to the first.
class SideBySide : public EngineTest {
 protected:
  SideBySide() {
    world_.endless = other_.endless = true;
    world_.files = {700, 300, 500};
    other_.files = {400, 600};
    components_.sources.push_back({.spec = &others_,
                                   .bind = [this](const Node&, const auto&, const BindContext& context,
                                                  Problems&) -> Result<std::shared_ptr<Source>> {
                                     return std::make_shared<NumberSource>(other_, context.memory.block);
                                   }});
    components_.sinks.push_back(table_kind(far_, other_));
    pipeline_.sources.push_back(part("others", "others", {}));
    pipeline_.sinks.push_back(part("far", "far", {"others"}));
    pipeline_.sinks.back().store = pipeline_.sinks.back().store_name = "far:";
    pipeline_.settings.lanes = 4;
    pipeline_.settings.commit.rows = 250;
    pipeline_.settings.retry = {1'000'000, 1'000};
    options_.once = true;
  }

  static int64_t distinct(const World& world) {
    const std::set<int64_t> numbers(world.table.begin(), world.table.end());
    EXPECT_EQ(numbers.size(), world.table.size()) << "none twice";
    return static_cast<int64_t>(numbers.size());
  }

  World other_;
  SpecInfo others_ = spec("others"), far_ = spec("far");
};

TEST_F(SideBySide, EachTakesItsOwnAndOneSheetHoldsAll) {
  for (const bool stepped : {false, true}) {
    SCOPED_TRACE(stepped);
    std::filesystem::remove_all(folder_);
    world_.table.clear();
    other_.table.clear();
    world_.table_epoch = other_.table_epoch = 0;
    options_.stepped = stepped;
    world_.store_away = 3;
    const auto report = run();
    ASSERT_TRUE(report) << report.error().text();
    EXPECT_EQ(report->outcome, RunReport::Outcome::published);
    EXPECT_EQ(report->balance.read(), 2500);
    EXPECT_EQ(distinct(world_), 749);  // even ones, without 14
    EXPECT_EQ(distinct(other_), 999);  // all but 14
    const auto lines = report->balance.sinks();
    ASSERT_THAT(lines, SizeIs(3));
    for (const SinkLine& line : lines) EXPECT_TRUE(line.balanced()) << line.sink;
    EXPECT_EQ(lines[2].read, 1000);
    EXPECT_EQ(lines[2].written, 999);
    EXPECT_EQ(report->retries, 3);
    EXPECT_THAT(group_folders(real_env(), pipeline_.settings.state), SizeIs(2));
    const auto again = run();
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(again->outcome, RunReport::Outcome::nothing_new);
  }
}

TEST_F(SideBySide, OneThatFailsEndsTheOtherAndBothGoOn) {
  world_.store_away = 1'000'000;
  pipeline_.settings.retry = {0, 1'000};
  options_.once = false;  // the other would wait for ever
  const auto failed = run();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().text(), HasSubstr("is away"));
  world_.store_away = 0;
  options_.once = true;
  ASSERT_TRUE(run());
  EXPECT_EQ(distinct(world_), 749);
  EXPECT_EQ(distinct(other_), 999);
}

/// The time that is allowed for one begins with each.
TEST_F(SideBySide, AnOutageThatIsOverIsForgotten) {
  world_.fails_once = true;
  pipeline_.settings.retry = {200'000, 1'000};
  pipeline_.settings.commit.rows = 20;
  options_.stepped = true;
  const auto clock = virtual_clock_env(real_env(), 1'700'000'000'000'000);
  Problems problems;
  const auto report = run_pipeline(pipeline_, components_, *clock, options_, problems);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_GT(report->elapsed_us, 400'000) << "else no outage would outlast what is allowed for one";
  EXPECT_GT(report->retries, 20);
  EXPECT_EQ(distinct(world_), 749);
}

/// The epochs before it are published, though their store is away just then.
TEST_F(SideBySide, OneThatRefusesItsInputEndsTheOther) {
  world_.files = {100, 100};
  world_.reject_from = 1'000'000;  // all of the second file
  world_.reject_every = 1;
  world_.store_away = 3;
  pipeline_.settings.max_rejects.rows = 5;
  pipeline_.settings.commit.rows = 100;
  options_.stepped = true;
  const auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->outcome, RunReport::Outcome::refused);
  EXPECT_EQ(distinct(world_), 49);
}

TEST_F(SideBySide, AreAskedToEndTogether) {
  std::stop_source stop;
  options_.once = false;
  options_.stop = stop.get_token();
  std::atomic<int> wrote{0};
  options_.say = [&](const std::string& line) {
    if (line.starts_with("wrote") && ++wrote == 2) stop.request_stop();
  };
  const auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  options_ = {};
  options_.once = true;
  ASSERT_TRUE(run());
  EXPECT_EQ(distinct(world_), 749);
  EXPECT_EQ(distinct(other_), 999);
}

}  // namespace
}  // namespace trommel
