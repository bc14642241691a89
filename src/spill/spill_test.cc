// What was set aside comes back, whether it fitted into memory or not.
#include <arrow/api.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <random>

#include "spill/row_spill.h"
#include "spill/seen_rows.h"

namespace trommel {
namespace {

std::string folder() {
  static const std::string made = [] {
    std::string path = testing::TempDir() + "/spill_test";
    std::filesystem::remove_all(path);
    return path;
  }();
  return made;
}

bool nothing_left() { return !std::filesystem::exists(folder()) || std::filesystem::is_empty(folder()); }

Digest digest_of(uint64_t number) {  // spread evenly, as real ones are
  std::mt19937_64 random(number);
  return {random(), random()};
}

TEST(SeenTable, HoldsWhatWasPutIn) {
  std::mt19937_64 random(1);
  SeenTable table;
  std::map<Digest, int64_t> model;
  for (int64_t time = 0; time < 100'000; ++time) {
    // Close together, so that many fall on each other; and zeros.
    const Digest digest{random() % 50'000 << (random() % 3 * 2), 0};
    const SeenEntry* entry = table.find(digest);
    const auto known = model.find(digest == Digest{} ? Digest{1, 0} : digest);
    ASSERT_EQ(entry != nullptr, known != model.end());
    if (entry != nullptr) {
      ASSERT_EQ(entry->time, known->second);
    } else {
      table.insert(digest, time);
      model[digest == Digest{} ? Digest{1, 0} : digest] = time;
    }
    if (time == 60'000) {
      table.drop_until(30'000);
      std::erase_if(model, [](const auto& one) { return one.second <= 30'000; });
    }
    ASSERT_EQ(table.size(), model.size());
  }
  const auto sorted = table.take_sorted();
  ASSERT_EQ(sorted.size(), model.size());
  for (size_t i = 0; const auto& [digest, time] : model) {
    EXPECT_EQ(sorted[i].digest, digest);
    EXPECT_EQ(sorted[i++].time, time);
  }
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.memory(), 0U);
}

TEST(SeenTable, GivesMemoryBackAndKeepsToItsRoom) {
  SeenTable table;
  const size_t room = SeenTable::room(4 << 20);
  for (uint64_t i = 1; i <= room; ++i) table.insert(digest_of(i), 0);
  EXPECT_GT(table.memory(), size_t{1} << 20);
  EXPECT_LE(table.memory() * 3 / 2, size_t{4} << 20);
  table.clear();
  EXPECT_EQ(table.find(digest_of(1)), nullptr);
  EXPECT_LT(table.memory(), 1000U);
}

// The same rows through little memory, through much, and through a plain map.
TEST(SeenRows, IsExactHoweverLittleMemoryThereIs) {
  for (const int64_t within : {0, 20'000}) {
    std::mt19937_64 random(7);
    SeenRows small({&real_env(), folder(), 100 << 10, within}), large({&real_env(), folder(), 64 << 20, within});
    std::map<uint64_t, int64_t> model;
    int64_t newest = INT64_MIN / 2;
    std::vector<uint8_t> fresh, also;
    for (int64_t at = 0; at < 150'000;) {
      std::vector<Digest> digests;
      std::vector<int64_t> times;
      std::vector<uint8_t> expected;
      const auto rows = static_cast<int64_t>(random() % 5000);
      for (int64_t i = 0; i < rows; ++i, ++at) {
        const uint64_t number = random() % 60'000;
        // Now and then late, sometimes very late.
        const int64_t time = at - (random() % 10 == 0 ? static_cast<int64_t>(random() % 30'000) : 0);
        digests.push_back(digest_of(number));
        if (within > 0) times.push_back(time);
        newest = std::max(newest, time);
        const auto kept = model.find(number);
        bool is_fresh = kept == model.end();
        if (within > 0 && kept != model.end())
          is_fresh = kept->second <= newest - within || std::abs(kept->second - time) >= within;
        if (within > 0 && time <= newest - within) {
          is_fresh = true;
        } else if (is_fresh) {
          model[number] = kept == model.end() ? time : std::max(time, kept->second);
        }
        expected.push_back(is_fresh ? 1 : 0);
      }
      ASSERT_TRUE(small.insert(digests, times, fresh));
      ASSERT_TRUE(large.insert(digests, times, also));
      ASSERT_EQ(also, expected);
      ASSERT_EQ(fresh, expected);
      ASSERT_LE(small.memory(), 100 << 10);
    }
    EXPECT_TRUE(small.spilled());
    EXPECT_FALSE(large.spilled());
    EXPECT_TRUE(nothing_left());
  }
}

Batch batch_of(const std::shared_ptr<const Block>& block, int64_t first, int64_t rows) {
  arrow::Int64Builder builder;
  std::vector<Position> positions;
  for (int64_t i = first; i < first + rows; ++i) {
    EXPECT_TRUE(builder.Append(i).ok());
    positions.push_back(i * 10);
  }
  return {arrow::RecordBatch::Make(arrow::schema({arrow::field("n", arrow::int64())}), rows, {*builder.Finish()}),
          Positions::each(std::move(positions)), block};
}

TEST(RowSpill, RowsComeBackWithTheirPlaces) {
  for (const int64_t memory : {int64_t{1} << 30, int64_t{20'000}}) {
    std::vector<std::shared_ptr<const Block>> blocks;
    for (int i = 0; i < 3; ++i) {
      auto split = std::make_shared<Split>();
      split->id = std::to_string(i);
      auto block = std::make_shared<Block>();
      block->split = std::move(split);
      blocks.push_back(std::move(block));
    }
    RowSpill spill(real_env(), folder(), memory);
    std::mt19937_64 random(3);
    int64_t rows = 0;
    std::vector<std::string> split_of;
    for (size_t i = 0; i < 60; ++i) {
      const auto count = static_cast<int64_t>(random() % 3000);
      ASSERT_TRUE(spill.add(batch_of(blocks[i / 20], rows, count)));
      rows += count;
      split_of.resize(static_cast<size_t>(rows), std::to_string(i / 20));
    }
    ASSERT_TRUE(spill.finish());
    EXPECT_EQ(spill.rows(), rows);
    EXPECT_TRUE(nothing_left());
    int64_t next = rows;
    for (size_t i = spill.batches(); i-- > 0;) {  // backwards
      const auto batch = spill.read(i);
      ASSERT_TRUE(batch) << batch.error().text();
      ASSERT_EQ(batch->size(), spill.rows_of(i));
      next -= batch->size();
      for (int64_t row = 0; row < batch->size(); ++row) {
        ASSERT_EQ(value_text(*batch->rows->column(0), row), std::to_string(next + row));
        ASSERT_EQ(batch->positions.at(row), (next + row) * 10);
        ASSERT_EQ(batch->block->split->id, split_of[static_cast<size_t>(next + row)]);
      }
    }
    EXPECT_EQ(next, 0);
  }
}

TEST(SpillFile, WhatTheDeadLeftIsSwept) {
  const std::string own = folder() + "_of_the_dead";
  std::filesystem::remove_all(own);
  ASSERT_TRUE(real_env().make_directories(own));
  for (const char* name : {"/1-000001.spill", "/2-000001.spill", "/duckdb_temp_storage.tmp"})
    ASSERT_TRUE(real_env().write_text(own + name, "x"));
  for (const char* name : {"/1-000001.spill", "/duckdb_temp_storage.tmp"})
    std::filesystem::last_write_time(own + name, std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  auto file = SpillFile::create(real_env(), own);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->read());
  EXPECT_FALSE(std::filesystem::exists(own + "/1-000001.spill"));  // old
  EXPECT_TRUE(std::filesystem::exists(own + "/2-000001.spill"));   // somebody may be writing it
  EXPECT_TRUE(std::filesystem::exists(own + "/duckdb_temp_storage.tmp"));
}

TEST(SpillBytes, ComeBack) {
  for (const int64_t memory : {1000, 10}) {
    SpillBytes bytes(real_env(), folder(), memory);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(bytes.append(as_bytes("abcdefgh" + std::to_string(i))));
    ASSERT_TRUE(bytes.finish());
    EXPECT_EQ(bytes.size(), 90);
    std::string read(11, ' ');
    ASSERT_TRUE(bytes.read(25, {reinterpret_cast<uint8_t*>(read.data()), read.size()}));
    EXPECT_EQ(read, "h2abcdefgh3");
    EXPECT_TRUE(nothing_left());
  }
}

}  // namespace
}  // namespace trommel
