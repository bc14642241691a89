#include "engine/reject_logs.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "engine/life.h"
#include "engine/rejects.h"

namespace trommel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RejectLogsTest : public ::testing::Test {
 protected:
  RejectLogsTest() {
    folder_ =
        std::filesystem::temp_directory_path() /
        fmt::format("trommel-logs-{}-{}", ::getpid(), ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "rejects");
  }
  ~RejectLogsTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path path(const std::string& name) const { return folder_ / "rejects" / name; }
  /// A log of `rejects` rows; `days` old.
  void log(Epoch epoch, int rejects, int days) {
    RejectLines lines(epoch, [](const std::string&) -> Schema { return nullptr; });
    std::ofstream out(path(fmt::format("epoch-{:06}.jsonl", epoch)));
    for (int i = 0; i < rejects; ++i) {
      Reject reject;
      reject.pipeline = "p";
      reject.stage = reject.source = "in";
      reject.facts = std::make_shared<const std::string>(R"({"format":"csv"})");
      out << lines.line(reject) << "\n";
      if (epoch == 1 && i == 0) first_id_ = reject.id;
    }
    out.close();
    std::filesystem::last_write_time(path(fmt::format("epoch-{:06}.jsonl", epoch)),
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * days));
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "rejects"))
      out.push_back(entry.path().filename());
    std::sort(out.begin(), out.end());
    return out;
  }
  std::string tidy(RejectLogSettings settings) {
    RejectLogs logs(real_env(), folder_, settings);
    std::string said;
    const auto done = logs.tidy([&]() -> Result<std::set<std::string>> { return std::set<std::string>{first_id_}; },
                                [&](const std::string& line) { said += line + "\n"; });
    EXPECT_TRUE(done) << done.error().text();
    return said;
  }
  std::vector<Reject> all() const {
    std::vector<Reject> out;
    EXPECT_TRUE(for_each_reject(real_env(), folder_, [&](const Reject& reject) {
      out.push_back(reject);
      return true;
    }));
    return out;
  }

  std::filesystem::path folder_;
  std::string first_id_;
};

TEST_F(RejectLogsTest, OldOnesGoAndItIsSaidWhatWentWithThem) {
  log(1, 3, 40);
  log(2, 1, 31);
  log(3, 1, 29);
  log(4, 1, 0);
  const std::string said = tidy({int64_t{30} * 86'400'000'000, 0});
  EXPECT_THAT(names(), ElementsAre("epoch-000003.jsonl", "epoch-000004.jsonl"));
  EXPECT_THAT(
      said,
      HasSubstr("removed epoch-000001.jsonl: 3 rejects past the limit of rejects: max_age, 2 of them never replayed"));
  EXPECT_THAT(said, HasSubstr("removed epoch-000002.jsonl: 1 reject past"));
}

TEST_F(RejectLogsTest, TheOldestGoWhereAllAreTooLargeAndTheLastStays) {
  for (Epoch epoch = 1; epoch <= 5; ++epoch) log(epoch, 10, 1);
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path("epoch-000005.jsonl")));
  EXPECT_EQ(tidy({0, 0}), "");
  EXPECT_EQ(tidy({0, 5 * size + 100}), "");
  tidy({0, 3 * size + 100});
  EXPECT_THAT(names(), ElementsAre("epoch-000003.jsonl", "epoch-000004.jsonl", "epoch-000005.jsonl"));
  tidy({1, 1});
  EXPECT_THAT(names(), ElementsAre("epoch-000005.jsonl"));
}

TEST_F(RejectLogsTest, ManySmallOnesBecomeOneAndCopiesOfACrashAreNotReadTwice) {
  for (Epoch epoch = 1; epoch <= 250; ++epoch) log(epoch, 2, 1);
  const auto before = all();
  ASSERT_EQ(before.size(), 500U);
  tidy({});
  EXPECT_THAT(names(), ElementsAre("epoch-000001-000249.jsonl", "epoch-000250.jsonl"));
  log(7, 2, 1);  // was not removed any more
  log(249, 2, 1);
  const auto after = all();
  ASSERT_EQ(after.size(), before.size());
  for (size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].id, before[i].id);
    ASSERT_TRUE(after[i].facts);
    EXPECT_EQ(*after[i].facts, R"({"format":"csv"})");
  }
  tidy({});
  EXPECT_THAT(names(), ElementsAre("epoch-000001-000249.jsonl", "epoch-000250.jsonl"));
}

TEST_F(RejectLogsTest, IdsDifferWhateverIsTheSame) {
  std::set<std::string> ids;
  for (const Epoch epoch : {1, 2}) {
    RejectLines lines(epoch, [](const std::string&) -> Schema { return nullptr; });
    for (const char* stage : {"a", "b"}) {
      for (int i = 0; i < 3; ++i) {
        Reject reject;
        reject.stage = stage;
        lines.line(reject);
        ids.insert(reject.id);
      }
    }
  }
  EXPECT_EQ(ids.size(), 12U);
}

Counts counts(int64_t read, int64_t in, int64_t out, int64_t written, int64_t rejected) {
  Counts made;
  made.read = read;
  made.in = in;
  made.out = out;
  made.written = written;
  made.rejected = rejected;
  return made;
}

TEST(Life, AReplayIsNoSecondReading) {
  Balance epoch;
  epoch.nodes.push_back({NodeBalance::Kind::source, "in", "files", {}, counts(10, 0, 8, 0, 2)});
  epoch.nodes.push_back({NodeBalance::Kind::sink, "out", "files", {0}, counts(0, 8, 0, 8, 0)});
  Life life;
  life.add(1, epoch, {}, false);
  EXPECT_TRUE(life.mistakes().empty());
  epoch.nodes[0].counts = counts(2, 0, 1, 0, 1);
  epoch.nodes[1].counts = counts(0, 1, 0, 0, 0);
  life.add(2, epoch, {{"out", "segment", 1, 0, ""}}, true);
  EXPECT_TRUE(life.mistakes().empty());
  EXPECT_EQ(life.read, 10);
  EXPECT_EQ(life.rejected - life.replayed, 1);
  EXPECT_EQ(life.sinks[0].written, 9);
  life = parse_life(life_text(life));
  EXPECT_EQ(life.until, 2U);
  EXPECT_TRUE(life.mistakes().empty());
  ++life.sinks[0].written;
  EXPECT_THAT(life.mistakes(),
              ElementsAre(HasSubstr("out: since epoch 1: read 10 + expanded 0 is not written 10 + rejected 3 "
                                    "- replayed 2")));
}

}  // namespace
}  // namespace trommel
