#include "codecs/avro/avro.h"

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "codecs/avro/container.h"
#include "codecs/avro/registry.h"

namespace trommel::avro {
namespace {

using testing::HasSubstr;

constexpr Codec all_codecs[] = {Codec::none, Codec::deflate, Codec::snappy, Codec::zstandard};

TEST(AvroContainer, BlocksComeBackFromEachCodec) {
  for (const Codec codec : all_codecs) {
    for (const size_t size : {0U, 1U, 1000U, 5'000'000U}) {
      std::string content(size, 'x');
      for (size_t i = 0; i < size; i += 7) content[i] = static_cast<char>(i * 31);
      std::string packed = "before";
      ASSERT_TRUE(pack(codec, 0, as_bytes(content), packed));
      const auto again = unpacked(codec, as_bytes(std::string_view(packed).substr(6)));
      ASSERT_TRUE(again) << again.error().text();
      EXPECT_TRUE(as_text(*again) == content) << codec_name(codec) << " " << size;
    }
  }
}

TEST(AvroContainer, DamagedBlocksAreErrorsOfData) {
  std::string content;
  for (int i = 0; i < 2000; ++i) content += "row " + std::to_string(i * i);
  std::mt19937 random(3);
  for (const Codec codec : {Codec::deflate, Codec::snappy, Codec::zstandard}) {
    std::string packed;
    ASSERT_TRUE(pack(codec, 0, as_bytes(content), packed));
    for (int i = 0; i < 300; ++i) {
      std::string broken = packed;
      broken[random() % broken.size()] ^= static_cast<char>(1 + random() % 255);
      if (i % 3 == 0) broken.resize(random() % broken.size());
      const auto outcome = unpacked(codec, as_bytes(broken));
      EXPECT_TRUE(outcome || outcome.error().domain == Error::Domain::data);
      // Snappy's content has a checksum.
      EXPECT_TRUE(codec != Codec::snappy || !outcome);
    }
  }
}

TEST(AvroContainer, NoBlockIsUnpackedWithoutEnd) {
  const std::string zeros(static_cast<size_t>(block_bytes_max) + (1 << 20), '\0');
  for (const Codec codec : {Codec::deflate, Codec::zstandard, Codec::snappy}) {
    std::string packed;
    ASSERT_TRUE(pack(codec, 1, as_bytes(zeros), packed));
    const auto outcome = unpacked(codec, as_bytes(packed));
    ASSERT_FALSE(outcome) << codec_name(codec);
    EXPECT_THAT(outcome.error().what, HasSubstr("bytes when unpacked"));
  }
}

TEST(AvroContainer, HeadersReadBackAndAreNotBelieved) {
  SyncMarker sync{};
  sync.fill(7);
  const std::string header = header_bytes(R"({"type":"record","name":"r","fields":[]})", Codec::snappy, sync);
  const auto read = read_header(as_bytes(header + "rest"), "f");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->bytes, header.size());
  EXPECT_EQ(read->codec, Codec::snappy);
  EXPECT_EQ(read->sync, sync);
  for (size_t cut = 4; cut < header.size(); ++cut) {
    const std::string part = header.substr(0, cut);
    EXPECT_THAT(read_header(as_bytes(part), "f").error().text(),
                HasSubstr("f: damaged Avro file: its header is cut short"))
        << cut;
  }
  EXPECT_THAT(read_header(as_bytes("PAR1"), "f").error().text(), HasSubstr("not an Avro file"));
  std::string other = header;
  other.replace(other.find("snappy"), 6, "brotli");
  EXPECT_THAT(read_header(as_bytes(other), "f").error().text(), HasSubstr("its blocks are packed with `brotli`"));
}

TEST(AvroRegistry, WirePrefix) {
  EXPECT_EQ(wire_prefix(0x01020304), std::string("\0\1\2\3\4", 5));
  EXPECT_EQ(wire_id(as_bytes(std::string_view("\0\0\0\1\2rest", 9))), 258);
  EXPECT_EQ(wire_id(as_bytes(std::string_view("\1\0\0\1\2", 5))), std::nullopt);
  EXPECT_EQ(wire_id(as_bytes(std::string_view("\0\0\0\1", 4))), std::nullopt);
}

}  // namespace
}  // namespace trommel::avro
