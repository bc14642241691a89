#include <gmock/gmock.h>

#include <numeric>

#include "base/json.h"
#include "base/virtual_clock.h"
#include "engine/backoff.h"
#include "engine/checkpoint.h"
#include "engine/testing.h"

namespace trommel {
namespace {

using ::testing::HasSubstr;

TEST_F(EngineTest, EveryRowIsWrittenInOrderAndAccountedFor) {
  for (const char* how : {"row_by_row", "in_order", "whole"}) {
    for (const bool stepped : {false, true}) {
      SCOPED_TRACE(fmt::format("{} stepped={}", how, stepped));
      std::filesystem::remove_all(folder_);
      std::filesystem::create_directories(folder_);
      world_.table.clear();
      world_.table_epoch = 0;
      shape(how);
      options_.stepped = stepped;
      options_.seed = 7;
      const auto report = run();
      ASSERT_TRUE(report) << report.error().text();
      std::vector<int64_t> want;
      for (int64_t i = 0; i < 1000; i += 2) want.push_back(i);
      EXPECT_EQ(written(), want);
      std::erase(want, 14);
      EXPECT_EQ(world_.table, want);
      const auto lines = report->balance.sinks();
      ASSERT_EQ(lines.size(), 2U);
      EXPECT_EQ(lines[0].read, 1000);
      EXPECT_EQ(lines[0].written, 500);
      EXPECT_EQ(lines[0].filtered, 500);
      EXPECT_EQ(lines[1].written, 499);
      EXPECT_EQ(lines[1].rejected, 1);
      EXPECT_TRUE(lines[0].balanced() && lines[1].balanced());
    }
  }
}

TEST_F(EngineTest, ManySteppedOrdersGiveTheSame) {
  world_.files = {50, 0, 70};
  options_.stepped = true;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    world_.table_epoch = 0;
    options_.seed = seed;
    pipeline_.settings.batch_rows = static_cast<int64_t>(seed % 4);
    pipeline_.settings.memory_bytes = 1 << 20;
    const auto report = run();
    ASSERT_TRUE(report) << report.error().text();
    const auto numbers = written();
    EXPECT_EQ(numbers.size(), 60U);
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
  }
}

TEST_F(EngineTest, ASteppedRunIsTheSameEachTimeToTheMicrosecond) {
  options_.stepped = true;
  options_.seed = 11;
  std::vector<std::string> seen;
  for (int i = 0; i < 2; ++i) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    world_.table.clear();
    world_.table_epoch = 0;
    const auto env = virtual_clock_env(real_env(), 1'700'000'000'000'000);
    Problems problems;
    auto report = run_pipeline(pipeline_, components_, *env, options_, problems);
    ASSERT_TRUE(report) << report.error().text();
    EXPECT_EQ(report->started_us, 1'700'000'000'000'001);
    report->cpu_us = report->peak_memory_bytes = 0;  // the machine's, not the clock's
    seen.push_back(report_json(*report));
  }
  EXPECT_EQ(seen[0], seen[1]);
}

TEST_F(EngineTest, PlantedMiscountsAreFound) {
  world_.lose_row = 77;
  auto report = run();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().text(), HasSubstr("does not balance"));
  EXPECT_THAT(report.error().text(), HasSubstr("read 1000"));
  EXPECT_TRUE(written().empty());
  world_.lose_row = -1;
  world_.lose_in_transform = 78;
  report = run();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().text(), HasSubstr("even: in 1000"));
  EXPECT_TRUE(written().empty());
  world_.lose_in_transform = -1;
  world_.sink_miscounts = true;
  report = run();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().text(), HasSubstr("file: since epoch 1: read 1000 + expanded 0 is not written 499"));
  EXPECT_TRUE(written().empty());
}

TEST_F(EngineTest, PastTheBudgetNothingIsPublished) {
  world_.reject_every = 100;
  pipeline_.settings.max_rejects.rows = 10;  // ten at the source, one more at the store
  auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->outcome, RunReport::Outcome::refused);
  EXPECT_THAT(report->message, HasSubstr("11 of 1000 rows were rejected and max_rejects is 10"));
  EXPECT_THAT(report->message, HasSubstr("file-0 line 101: n: is no number"));
  EXPECT_THAT(report->message, HasSubstr("--max-rejects 11"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
  EXPECT_TRUE(world_.table.empty());
  auto groups = group_rejects(real_env(), pipeline_.settings.state);
  ASSERT_TRUE(groups);
  ASSERT_EQ(groups->size(), 2U);
  EXPECT_EQ(groups->front().rows, 10);
  EXPECT_FALSE(groups->front().example.published);

  pipeline_.settings.max_rejects.rows = 11;
  report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->outcome, RunReport::Outcome::published);
  EXPECT_EQ(written().size(), 490U);
  groups = group_rejects(real_env(), pipeline_.settings.state);
  ASSERT_EQ(groups->size(), 2U);
  EXPECT_TRUE(groups->front().example.published);
  EXPECT_EQ(groups->front().example.line, 1);
  EXPECT_EQ(groups->front().example.raw, "0");
}

TEST_F(EngineTest, ASecondRunReadsOnlyWhatIsNew) {
  ASSERT_TRUE(run());
  auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->outcome, RunReport::Outcome::nothing_new);
  world_.files = {1000, 20};
  report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->epoch, 2U);
  EXPECT_EQ(written("numbers-2.txt").size(), 10U);
  EXPECT_EQ(world_.table.size(), 509U);
}

TEST_F(EngineTest, AStoreThatIsAwayForAMomentIsWaitedFor) {
  world_.store_away = 3;
  std::vector<std::string> said;
  options_.say = [&](const std::string& line) { said.push_back(line); };
  const auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->retries, 3);
  EXPECT_EQ(world_.table.size(), 499U);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_THAT(said[0], HasSubstr("table: store: is away; trying again"));
  EXPECT_THAT(said[1], HasSubstr("table is there again"));
}

TEST(BackoffTest, PausesDoubleAndTheTimeIsKept) {
  Backoff backoff(10'000'000, 1'000'000, 7);
  const Error away{Error::Domain::external, "store", "is away", "", true};
  int64_t now = 5'000'000, last_pause = 0;
  while (backoff.failed(now, away)) {
    const int64_t pause = backoff.next_us() - now;
    EXPECT_GT(pause, 0);
    EXPECT_LE(pause, 1'000'000);
    EXPECT_TRUE(backoff.pausing(now) && !backoff.pausing(backoff.next_us()));
    EXPECT_TRUE(backoff.tries() >= 6 || pause > last_pause);
    last_pause = pause;
    now = backoff.next_us();
  }
  EXPECT_EQ(now, 15'000'000);
  EXPECT_GT(backoff.tries(), 12);
  EXPECT_FALSE(Backoff(0, 1'000'000, 7).failed(1, away));
}

TEST_F(EngineTest, AStoreThatWasAwayGetsItsRowsOnce) {
  world_.store_away = 1;
  pipeline_.settings.retry.for_us = 0;
  auto report = run();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().text(), HasSubstr("the next run writes them"));
  EXPECT_TRUE(world_.table.empty());
  report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_TRUE(report->recovered);
  EXPECT_EQ(world_.table.size(), 499U);
  EXPECT_EQ(written().size(), 500U);
  report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->outcome, RunReport::Outcome::nothing_new);
  EXPECT_EQ(world_.table.size(), 499U);
}

TEST_F(EngineTest, WrongGuessesStartTheRunAgain) {
  world_.misfits = 1;
  std::vector<std::string> said;
  options_.say = [&](const std::string& line) { said.push_back(line); };
  const auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(written().size(), 500U);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_THAT(said[0], HasSubstr("starting again with wider types"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ / "out"), {}), 1);
}

TEST_F(EngineTest, StoppingPublishesNothing) {
  std::stop_source stop;
  options_.stop = stop.get_token();
  stop.request_stop();
  const auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->outcome, RunReport::Outcome::stopped);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

TEST(CheckpointTest, DamageIsFound) {
  Checkpoint checkpoint;
  checkpoint.pipeline = "p";
  checkpoint.epoch = 3;
  TakenInput input;
  input.split.source = "in";
  input.split.id = "a\nb";
  input.split.size = 17;
  checkpoint.taken.push_back(input);
  checkpoint.files.push_back({"s", "t", "f", 1, 2, "00"});
  const std::string text = checkpoint_text(checkpoint);
  const auto whole = parse_checkpoint(text, "x");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->taken[0].split.id, "a\nb");
  EXPECT_EQ(whole->files[0].rows, 2);
  for (size_t cut = 0; cut < text.size(); ++cut) EXPECT_FALSE(parse_checkpoint(text.substr(0, cut), "x")) << cut;
  for (size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_FALSE(parse_checkpoint(damaged, "x")) << at;
  }
}

/// No sink has anything of an epoch of rejects alone: its log is what shows that it was published.
TEST_F(EngineTest, ADamagedCheckpointOfRejectsAloneIsNotPassedOver) {
  pipeline_.sinks.erase(pipeline_.sinks.begin());  // files would stop it too
  world_.reject_every = 1;
  ASSERT_TRUE(run());
  world_.table_epoch = 0;  // as a store that keeps nothing of an epoch without rows
  const std::string state = pipeline_.settings.state;
  std::filesystem::remove(state + "/taken.jsonl");
  std::filesystem::resize_file(state + "/checkpoint-000001.json", 20);
  const auto again = run();
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().text(), HasSubstr("epoch-000001.jsonl holds rejects of it"));
}

TEST(StateFolderTest, ALineTornByACrashDoesNotSwallowTheNext) {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("trommel-torn-{}", ::getpid());
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "taken.jsonl") << "{\"source\":\"in\",\"id\":\"1\"}\n{\"source\":\"in\",\"i";
  StateFolder state(real_env(), folder);
  Checkpoint checkpoint;
  checkpoint.epoch = 5;
  TakenInput input;
  input.split.source = "in";
  input.split.id = "2";
  checkpoint.taken.push_back(input);
  StateFolder::Taken marked;
  ASSERT_TRUE(state.append_taken(checkpoint, 0, marked));
  const auto taken = state.taken();
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->last_epoch, 5U);
  EXPECT_THAT(taken->keys, ::testing::ElementsAre("in\n1", "in\n2"));
  std::filesystem::remove_all(folder);
}

TEST(RejectTest, AnyBytesComeBack) {
  Reject reject;
  reject.code = "encoding";
  reject.raw = std::string("a\xff\0b", 4);
  reject.value = "ü";
  reject.line = 5;
  const auto back = parse_reject(reject_line(reject), "x");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->raw, reject.raw);
  EXPECT_EQ(back->value, "ü");
  EXPECT_EQ(back->line, 5);
}

}  // namespace
}  // namespace trommel
