#include "engine/status.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/lock_holder.h"
#include "base/virtual_clock.h"

namespace trommel {
namespace {

using ::testing::HasSubstr;

class StatusTest : public ::testing::Test {
 protected:
  StatusTest()
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("trommel-status-{}-{}", ::getpid(),
                            ::testing::UnitTest::GetInstance()->current_test_info()->name())),
        env_(virtual_clock_env(real_env(), 1'700'000'000'000'000)),
        file_(*env_, folder_, "numbers", true) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    file_.began(env_->now_us());
  }
  ~StatusTest() override { std::filesystem::remove_all(folder_); }

  RunStatus read() {
    const auto status = read_status(*env_, folder_);
    EXPECT_TRUE(status && status->size() == 1 && status->front().run);
    return status && status->front().run ? *status->front().run : RunStatus{};
  }
  static Progress rows(int64_t read) {
    Progress progress;
    progress.rows_read = read;
    progress.elapsed_us = 500'000;
    return progress;
  }

  std::string folder_;
  std::unique_ptr<Env> env_;
  StatusFile file_;
};

TEST_F(StatusTest, IsWrittenOnceASecondAtMost) {
  env_->sleep_us(1'000'000);
  file_.reading(rows(10));
  EXPECT_EQ(read().epoch_rows_read, 10);
  for (int i = 1; i < 9; ++i) {
    env_->sleep_us(100'000);
    file_.reading(rows(10 + i));
  }
  EXPECT_EQ(read().epoch_rows_read, 10);
  env_->sleep_us(200'000);
  file_.looked(0, 0);  // what waited is written though nothing new came
  EXPECT_EQ(read().epoch_rows_read, 18);
  EXPECT_EQ(read().rows_per_second(), 36);
}

TEST_F(StatusTest, TellsAtOnceWhatIsRetried) {
  file_.retrying({"table", 1'700'000'000'000'000, 1, 1'700'000'005'000'000, "is away"});
  file_.retrying({"other", 1'700'000'000'000'000, 4, 1'700'000'005'000'000, "is away too"});
  file_.retrying({"table", 1'700'000'000'000'000, 2, 1'700'000'015'000'000, "is still away"});
  const auto retrying = read().retrying;
  ASSERT_EQ(retrying.size(), 2u);
  EXPECT_EQ(retrying[0].what, "other");
  EXPECT_EQ(retrying[1].attempts, 2);
  EXPECT_EQ(retrying[1].next_us, 1'700'000'015'000'000);
  EXPECT_EQ(retrying[1].error, "is still away");
  const auto status = read_status(*env_, folder_);
  EXPECT_THAT(status_json(*status), HasSubstr("\"attempts\": 4"));
  file_.retrying({"table", 0, 0, 0, ""});
  EXPECT_EQ(read().retrying.size(), 1u);
}

TEST_F(StatusTest, KeepsTheErrorThatEndedIt) {
  file_.ended(external_error("store", "is away", "wait"));
  EXPECT_EQ(read().outcome, "failed");
  EXPECT_EQ(read().message, "store: is away (wait)");
}

TEST_F(StatusTest, TheHolderOfALockIsSeenWithoutTakingIt) {
  const std::string path = folder_ + "/lock";
  EXPECT_EQ(lock_holder(path), std::nullopt);
  auto lock = real_env().lock(path, "process 7");
  ASSERT_TRUE(lock.has_value());
  EXPECT_EQ(lock_holder(path), "process 7");
  lock->reset();
  EXPECT_EQ(lock_holder(path), std::nullopt);
  EXPECT_TRUE(real_env().lock(path, "process 8").has_value());
}

}  // namespace
}  // namespace trommel
