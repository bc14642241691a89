#include <bzlib.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zstd.h>

#include "connectors/files/input_file.h"
#include "connectors/files/streams.h"
#include "connectors/files/streams_testing.h"

namespace trommel {
namespace {

using testing::HasSubstr;

std::string packed_frame(Packing packing, const std::string& text) {
  std::string out(text.size() * 2 + 4096, '\0');
  switch (packing) {
    case Packing::zstd: {
      ZSTD_CCtx* context = ZSTD_createCCtx();
      ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
      out.resize(ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size()));
      ZSTD_freeCCtx(context);
      return out;
    }
    case Packing::bzip2: {
      auto size = static_cast<unsigned>(out.size());
      EXPECT_EQ(BZ2_bzBuffToBuffCompress(out.data(), &size, const_cast<char*>(text.data()),
                                         static_cast<unsigned>(text.size()), 1, 0, 0),
                BZ_OK);
      out.resize(size);
      return out;
    }
    case Packing::xz: {
      size_t size = 0;
      EXPECT_EQ(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, nullptr, reinterpret_cast<const uint8_t*>(text.data()),
                                        text.size(), reinterpret_cast<uint8_t*>(out.data()), &size, out.size()),
                LZMA_OK);
      out.resize(size);
      return out;
    }
    default: {
      LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
      preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
      out.resize(LZ4F_compressFrameBound(text.size(), &preferences));
      out.resize(LZ4F_compressFrame(out.data(), out.size(), text.data(), text.size(), &preferences));
      return out;
    }
  }
}

class FramesOf : public testing::TestWithParam<Packing> {
 protected:
  Result<std::string> unpacked(const std::string& bytes, uint64_t seed, size_t most) {
    std::mt19937_64 random(seed);
    const auto stream = unpack_frames(GetParam(), std::make_unique<Crumbs>(bytes, seed, most), "x");
    return read_whole(*stream, random);
  }
};

TEST_P(FramesOf, AnyFramesInAnyPiecesGiveBackTheirBytes) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 100; ++round) {
    std::string expected;
    std::string packed;
    for (uint64_t frames = 1 + random() % 5; frames > 0; --frames) {
      const std::string part = some_text(random, round % 10 == 0 ? 300'000 : 300);
      packed += packed_frame(GetParam(), part);
      expected += part;
    }
    EXPECT_EQ(packing_of(as_bytes(packed)), GetParam());
    if (random() % 4 == 0) packed += std::string(random() % 600, '\0');
    const auto got = unpacked(packed, static_cast<uint64_t>(round), round % 2 == 0 ? 5 : 1 << 20);
    ASSERT_TRUE(got) << round << ": " << got.error().text();
    ASSERT_TRUE(*got == expected) << round << ": " << got->size() << " bytes, " << expected.size() << " expected";
  }
}

TEST_P(FramesOf, CutAnywhereItIsAnErrorAndNeverAShortSuccess) {
  std::mt19937_64 random(11);
  const std::string second = packed_frame(GetParam(), "second");
  const std::string packed = packed_frame(GetParam(), some_text(random, 3000) + "end") + second;
  for (size_t length = 1; length < packed.size(); ++length) {
    if (length == packed.size() - second.size()) continue;  // between two frames nothing is amiss
    const auto got = unpacked(packed.substr(0, length), length, 64);
    ASSERT_FALSE(got) << "cut at " << length;
    ASSERT_THAT(got.error().text(), HasSubstr("cut short"));
    ASSERT_THAT(got.error().text(), HasSubstr("x: damaged "));
    ASSERT_EQ(got.error().domain, Error::Domain::external);
  }
}

TEST_P(FramesOf, AFlippedBitNeverGivesOtherBytes) {
  std::mt19937_64 random(13);
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "line " + std::to_string(random() % 1000) + "\n";
  const std::string packed = packed_frame(GetParam(), text);
  int refused = 0;
  for (uint64_t round = 0; round < 200; ++round) {
    std::string damaged = packed;
    const size_t at = random() % packed.size();
    damaged[at] = static_cast<char>(damaged[at] ^ 1 << random() % 8);
    const auto got = unpacked(damaged, round, 1 << 20);
    refused += got ? 0 : 1;
    // Some header bits mean nothing to a reader.
    ASSERT_TRUE(!got || *got == text) << "bit flipped at " << at;
  }
  EXPECT_GT(refused, 190);
}

TEST_P(FramesOf, WhatFollowsTheEndMustBeAFrameOrZeros) {
  const auto got = unpacked(packed_frame(GetParam(), "text") + "id,name\n1,a\n", 1, 100);
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().text(), HasSubstr("x: damaged "));
}

INSTANTIATE_TEST_SUITE_P(Each, FramesOf, testing::Values(Packing::zstd, Packing::bzip2, Packing::xz, Packing::lz4));

TEST(Frames, SkippableFramesAreSkipped) {
  const std::string skip("\x55\x2a\x4d\x18\x03\0\0\0abc", 11);
  const std::string packed = skip + packed_frame(Packing::zstd, "text") + skip;
  EXPECT_EQ(packing_of(as_bytes(packed)), Packing::zstd);
  std::mt19937_64 random(1);
  const auto stream = unpack_frames(Packing::zstd, std::make_unique<Crumbs>(packed, 1, 3), "x");
  EXPECT_EQ(must(read_whole(*stream, random)), "text");
}

TEST(Frames, TextThatBeginsLikeAMarkIsText) {
  EXPECT_EQ(packing_of(as_bytes("BZh1,name,more\n1,a,2\n")), Packing::plain);
  EXPECT_EQ(packing_of(as_bytes("(id\n1\n")), Packing::plain);
  EXPECT_EQ(packing_of(as_bytes("")), Packing::plain);
}

}  // namespace
}  // namespace trommel
