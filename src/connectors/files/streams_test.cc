#include "connectors/files/streams.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <random>
#include <stdexcept>

#include "connectors/files/streams_testing.h"

namespace trommel {
namespace {

using testing::HasSubstr;

std::string deflated(const std::string& bytes, int window_bits, int level = 6) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("deflate");
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("deflate");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}
std::string gzip(const std::string& bytes, int level = 6) { return deflated(bytes, 15 + 16, level); }

std::string number(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

struct ZipOptions {
  bool deflate = true;
  bool encrypted = false;
  bool zip64 = false;
  std::string comment = {};
  uint16_t method = 0;  ///< other than what is true
};

std::string zip(const std::vector<std::pair<std::string, std::string>>& files, const ZipOptions& options = {}) {
  std::string out;
  std::string directory;
  for (const auto& [name, bytes] : files) {
    const std::string packed = options.deflate ? deflated(bytes, -15) : bytes;
    const auto crc = crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    const uint16_t method = options.method ? options.method : options.deflate ? 8 : 0;
    const uint16_t flags = options.encrypted ? 1 : 0;
    const uint64_t offset = out.size();
    out += number(0x04034b50, 4) + number(20, 2) + number(flags, 2) + number(method, 2) + number(0, 4) +
           number(crc, 4) + number(packed.size(), 4) + number(bytes.size(), 4) + number(name.size(), 2) + number(0, 2) +
           name + packed;
    const std::string extra = options.zip64 ? number(1, 2) + number(24, 2) + number(bytes.size(), 8) +
                                                  number(packed.size(), 8) + number(offset, 8)
                                            : "";
    const uint64_t narrow = 0xFFFFFFFF;
    directory += number(0x02014b50, 4) + number(20, 2) + number(20, 2) + number(flags, 2) + number(method, 2) +
                 number(0, 4) + number(crc, 4) + number(options.zip64 ? narrow : packed.size(), 4) +
                 number(options.zip64 ? narrow : bytes.size(), 4) + number(name.size(), 2) + number(extra.size(), 2) +
                 number(0, 2) + number(0, 2) + number(0, 2) + number(0, 4) +
                 number(options.zip64 ? narrow : offset, 4) + name + extra;
  }
  const uint64_t begin = out.size();
  out += directory;
  if (options.zip64) {
    const uint64_t record = out.size();
    out += number(0x06064b50, 4) + number(44, 8) + number(45, 2) + number(45, 2) + number(0, 4) + number(0, 4) +
           number(files.size(), 8) + number(files.size(), 8) + number(directory.size(), 8) + number(begin, 8);
    out += number(0x07064b50, 4) + number(0, 4) + number(record, 8) + number(1, 4);
  }
  const uint64_t count = options.zip64 ? 0xFFFF : files.size();
  out += number(0x06054b50, 4) + number(0, 4) + number(count, 2) + number(count, 2) +
         number(options.zip64 ? 0xFFFFFFFF : directory.size(), 4) + number(options.zip64 ? 0xFFFFFFFF : begin, 4) +
         number(options.comment.size(), 2) + options.comment;
  return out;
}

class InMemory : public RandomFile {
 public:
  explicit InMemory(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<size_t> read_at(int64_t offset, std::span<uint8_t> into) const override {
    const size_t at = std::min(static_cast<size_t>(offset), bytes_.size());
    const size_t count = std::min(into.size(), bytes_.size() - at);
    std::copy_n(bytes_.data() + at, count, into.data());
    return count;
  }
  int64_t size() const override { return static_cast<int64_t>(bytes_.size()); }

 private:
  std::string bytes_;
};

TEST(Gunzip, AnyMembersInAnyPiecesGiveBackTheirBytes) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string expected;
    std::string packed;
    for (uint64_t members = 1 + random() % 5; members > 0; --members) {
      const std::string part = some_text(random, round % 10 == 0 ? 300'000 : 300);
      packed += gzip(part, 1 + static_cast<int>(random() % 9));
      expected += part;
    }
    if (random() % 4 == 0) packed += std::string(random() % 600, '\0');
    const auto stream = gunzip(std::make_unique<Crumbs>(packed, round, round % 2 == 0 ? 5 : 1 << 20), "x.gz");
    const auto got = read_whole(*stream, random);
    ASSERT_TRUE(got) << round << ": " << got.error().text();
    ASSERT_TRUE(*got == expected) << round << ": " << got->size() << " bytes, " << expected.size() << " expected";
  }
}

TEST(Gunzip, CutAnywhereItIsAnErrorAndNeverAShortSuccess) {
  std::mt19937_64 random(11);
  const std::string packed = gzip(some_text(random, 3000) + "end") + gzip("second");
  const size_t first_member = gzip("second").size();
  for (size_t length = 1; length < packed.size(); ++length) {
    if (length == packed.size() - first_member) continue;  // between two members nothing is amiss
    const auto stream = gunzip(std::make_unique<Crumbs>(packed.substr(0, length), length, 64), "x.gz");
    const auto got = read_whole(*stream, random);
    ASSERT_FALSE(got) << "cut at " << length;
    ASSERT_THAT(got.error().text(), HasSubstr("x.gz: damaged gzip at byte " + std::to_string(length)));
    ASSERT_EQ(got.error().domain, Error::Domain::external);
  }
}

TEST(Gunzip, AFlippedBitIsAnError) {
  std::mt19937_64 random(13);
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "line " + std::to_string(random() % 1000) + "\n";
  const std::string packed = gzip(text);
  for (int round = 0; round < 200; ++round) {
    std::string damaged = packed;
    const size_t at = 10 + random() % (packed.size() - 10);  // the header's time and name may say what they like
    damaged[at] = static_cast<char>(damaged[at] ^ 1 << random() % 8);
    const auto stream = gunzip(std::make_unique<Crumbs>(damaged, round, 1 << 20), "x.gz");
    ASSERT_FALSE(read_whole(*stream, random)) << "bit flipped at " << at;
  }
}

TEST(Gunzip, WhatFollowsTheEndMustBeGzipOrZeros) {
  std::mt19937_64 random(1);
  const auto stream = gunzip(std::make_unique<Crumbs>(gzip("text") + "more", 1, 100), "x.gz");
  const auto got = read_whole(*stream, random);
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().text(), HasSubstr("no gzip follow its end"));
}

std::vector<std::pair<std::string, std::string>> unzip(const std::string& archive) {
  const auto file = std::make_shared<InMemory>(archive);
  std::vector<std::pair<std::string, std::string>> out;
  std::mt19937_64 random(3);
  for (const ZipMember& member : must(zip_members(*file, "a.zip"))) {
    const auto stream = must(open_zip_member(file, member, "a.zip!" + member.name));
    out.emplace_back(member.name, must(read_whole(*stream, random)));
  }
  return out;
}

std::string zip_error(const std::string& archive) {
  try {
    unzip(archive);
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

TEST(Zip, EveryFileComesOutWhole) {
  std::mt19937_64 random(5);
  const std::vector<std::pair<std::string, std::string>> files = {
      {"a.csv", "x,y\n1,2\n"}, {"folder/b.csv", some_text(random, 500'000)}, {"empty", ""}};
  for (const bool deflate : {true, false}) {
    for (const bool zip64 : {true, false}) {
      EXPECT_EQ(unzip(zip(files, {.deflate = deflate, .zip64 = zip64})), files);
    }
  }
  EXPECT_EQ(unzip(zip(files, {.comment = "PK\5\6 in a comment"})), files);
}

TEST(Zip, FoldersAndShadowFilesAreNoFiles) {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"d/", ""}, {"d/a.csv", "1"}, {"__MACOSX/d/._a.csv", "x"}, {"d/.DS_Store", "x"}};
  EXPECT_EQ(unzip(zip(files)), (std::vector<std::pair<std::string, std::string>>{{"d/a.csv", "1"}}));
}

TEST(Zip, NamesOfOldProgramsBecomeUtf8) { EXPECT_EQ(unzip(zip({{"caf\x82.csv", "1"}})).front().first, "café.csv"); }

TEST(Zip, WhatIsWrongIsSaid) {
  const std::string good = zip({{"a.csv", std::string(5000, 'x') + "y"}});
  EXPECT_EQ(zip_error(good), "");
  EXPECT_THAT(zip_error(good.substr(0, good.size() - 5)), HasSubstr("cut short"));
  EXPECT_THAT(zip_error(zip({{"a.csv", "1"}}, {.encrypted = true})), HasSubstr("encrypted"));
  EXPECT_THAT(zip_error(zip({{"a.csv", "1"}}, {.method = 14})), HasSubstr("method 14"));
  std::string wrong = zip({{"a.csv", "hello"}}, {.deflate = false});
  wrong[wrong.find("hello")] = 'j';
  EXPECT_THAT(zip_error(wrong), HasSubstr("a.zip!a.csv: damaged zip at byte 40: its checksum is wrong"));
  std::string broken = good;
  for (size_t i = 38; i < 50; ++i) broken[i] = '\x7f';
  EXPECT_THAT(zip_error(broken), HasSubstr("damaged zip at byte"));
}

TEST(Zip, NoBytesOfAnyKindMakeItCrash) {
  std::mt19937_64 random(17);
  const std::string good = zip({{"a.csv", "x,y\n1,2\n"}, {"b", std::string(1000, 'b')}}, {.zip64 = true});
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (uint64_t changes = 1 + random() % 4; changes > 0; --changes)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    zip_error(bytes);
  }
}

}  // namespace
}  // namespace trommel
