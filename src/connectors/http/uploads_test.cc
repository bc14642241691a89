#include "connectors/http/uploads.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

namespace trommel {
namespace {

using testing::HasSubstr;
using testing::Not;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  return std::move(*result);
}
void must(Result<> result) {
  if (!result) throw std::runtime_error(result.error().text());
}

/// A client that waits, and what it was told.
struct Client {
  std::vector<int> told;
  server::Reply reply() {
    return server::Reply([this](const server::Response& response) { told.push_back(response.status); });
  }
};

class UploadsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = join_path(testing::TempDir(), "uploads_" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::shared_ptr<Uploads> opened() {
    auto uploads = std::make_shared<Uploads>(
        env_,
        Uploads::Settings{.folder = folder_, .id_prefix = "u-", .quota_bytes = 100, .remember_us = 1'000'000'000});
    must(uploads->open());
    return uploads;
  }
  void write(const std::string& path, const std::string& text) { must(env_.write_text(path, text)); }

  /// A whole upload that outlives a crash.
  std::shared_ptr<Upload> accepted(Uploads& uploads, const std::string& key, int64_t bytes) {
    auto upload = std::make_shared<Upload>();
    upload->key = key;
    upload->later = true;
    uploads.begin(upload);
    EXPECT_TRUE(uploads.reserve(bytes));
    upload->bytes = bytes;
    write(uploads.path(upload->id, "part"), std::string(static_cast<size_t>(bytes), 'x'));
    EXPECT_TRUE(must(uploads.complete(upload)));
    return upload;
  }
  static Delivered published(const Upload& upload) {
    Delivered delivered;
    delivered.split.id = upload.id;
    return delivered;
  }

  Env& env_ = real_env();
  std::string folder_;
};

TEST(Upload, WhatIsWrittenOfItComesBack) {
  for (const auto& packing : {std::optional<Packing>(), std::optional(Packing::gzip), std::optional(Packing::zstd)}) {
    Upload upload, again;
    upload.id = "u-1";
    upload.key = "token\n/path\nkey";
    upload.packing = packing;
    upload.bytes = 7;
    must(parse_upload(upload_text(upload), "u-1.json", again));
    EXPECT_EQ(again.packing, packing);
    EXPECT_EQ(upload_text(again), upload_text(upload));
  }
  EXPECT_EQ(body_packing("X-GZip"), std::optional(Packing::gzip));
  EXPECT_EQ(body_packing("br"), std::nullopt);
}

TEST_F(UploadsTest, WhatWaitsKeepsItsRoomOverARestart) {
  const auto id = accepted(*opened(), "key", 60)->id;
  const auto uploads = opened();
  EXPECT_FALSE(uploads->reserve(41));
  EXPECT_TRUE(uploads->reserve(40));
  must(uploads->durable(published(*uploads->find(id))));
  EXPECT_TRUE(uploads->reserve(60));
  EXPECT_EQ(must(uploads->answered(id))->key, "key");
}

TEST_F(UploadsTest, WhatWasAnsweredTakesNoRoomAfterACrashBeforeItsFilesWent) {
  auto uploads = opened();
  const auto upload = accepted(*uploads, "key", 60);
  const std::string facts = must(env_.read_text(uploads->path(upload->id, "json")));
  must(uploads->durable(published(*upload)));
  write(uploads->path(upload->id, "json"), facts);
  write(uploads->path(upload->id, "data"), std::string(60, 'x'));

  uploads = opened();
  EXPECT_TRUE(uploads->reserve(100));
  EXPECT_TRUE(uploads->ready().empty());
  EXPECT_FALSE(env_.exists(uploads->path(upload->id, "data")));
  EXPECT_EQ(must(uploads->answered(upload->id))->key, "key");
}

// Whoever receives it writes its name and its reply, and holds no lock for that.
TEST_F(UploadsTest, OfOneThatArrivesNothingIsLookedAtThatIsNotKnownYet) {
  const auto uploads = opened();
  Client client;
  const auto upload = std::make_shared<Upload>();
  uploads->begin(upload);
  upload->name = "rows.csv";
  upload->reply = client.reply();
  EXPECT_THAT(job_text(*upload, nullptr), Not(HasSubstr("rows.csv")));
  uploads->close();
  EXPECT_TRUE(client.told.empty());

  write(uploads->path(upload->id, "part"), "x");
  EXPECT_FALSE(must(uploads->complete(upload)));
  EXPECT_THAT(job_text(*upload, nullptr), HasSubstr("rows.csv"));
  uploads->release(upload->id);
  EXPECT_THAT(client.told, testing::ElementsAre(503));
}

TEST_F(UploadsTest, WhoWaitsHearsOfTheEnd) {
  const auto uploads = opened();
  Client client;
  const auto upload = std::make_shared<Upload>();
  uploads->begin(upload);
  upload->reply = client.reply();
  write(uploads->path(upload->id, "part"), "x");
  EXPECT_TRUE(must(uploads->complete(upload)));
  uploads->close();
  EXPECT_THAT(client.told, testing::ElementsAre(503));
}

}  // namespace
}  // namespace trommel
