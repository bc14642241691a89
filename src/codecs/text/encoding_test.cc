#include "codecs/text/encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace trommel::text {
namespace {

using namespace std::string_view_literals;
using testing::HasSubstr;

/// Gives its bytes in pieces of at most `step`.
class Pieces : public InputStream {
 public:
  Pieces(std::string bytes, size_t step) : bytes_(std::move(bytes)), step_(step) {}
  Result<size_t> read(std::span<uint8_t> into) override {
    const size_t count = std::min({into.size(), step_, bytes_.size() - at_});
    if (count > 0) std::memcpy(into.data(), bytes_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string bytes_;
  size_t at_ = 0, step_;
};

std::string read_whole(InputStream& stream, size_t room = 1000) {
  std::string out;
  std::vector<uint8_t> buffer(room);
  while (true) {
    const auto got = stream.read(buffer);
    if (!got || *got == 0) return out;
    out.append(reinterpret_cast<const char*>(buffer.data()), *got);
  }
}

std::string transcoded(std::string_view bytes, const std::string& name, size_t step = 1 << 20, size_t room = 1000) {
  const auto stream = in_utf8(std::make_unique<Pieces>(std::string(bytes), step), *encoding_named(name));
  return read_whole(*stream, room);
}

Encoding guess(std::string_view bytes) { return guess_encoding({"x", {std::string(bytes)}, true, -1}, std::nullopt); }

std::string utf16(std::u16string_view text, bool big) {
  std::string out;
  for (const char16_t unit : text) {
    const char low = static_cast<char>(unit & 0xff), high = static_cast<char>(unit >> 8);
    out += big ? high : low;
    out += big ? low : high;
  }
  return out;
}

TEST(Encoding, EveryEncodingGivesTheSameTextInPiecesOfAnySize) {
  const std::u16string text = u"id;näme;€;𝄞\n1;Żółć;漢字;ok\n";
  const std::string expected = "id;näme;€;𝄞\n1;Żółć;漢字;ok\n";
  for (size_t step = 1; step < 20; ++step) {
    EXPECT_EQ(transcoded(utf16(text, false), "utf-16le", step, step), expected);
    EXPECT_EQ(transcoded(utf16(text, true), "UTF-16BE", step, step), expected);
    EXPECT_EQ(transcoded("na\xefve \x80\x99", "windows-1252", step, step), "naïve €™");
    EXPECT_EQ(transcoded("na\xefve \x80", "latin-1", step, step), "naïve \xc2\x80");
    EXPECT_EQ(transcoded("\x8a\xbf", "shift_jis", step, step), "漢");
  }
}

TEST(Encoding, BytesThatMeanNothingStayAndAreNoUtf8) {
  EXPECT_EQ(transcoded("a\x81z", "windows-1252"), "a\xed\xb2\x81z");
  EXPECT_FALSE(is_utf8(transcoded("a\x81z", "windows-1252")));
  EXPECT_EQ(transcoded("a\0\0\xd8z\0"sv, "utf-16le"), "a\xed\xa0\x80z");
  EXPECT_EQ(transcoded("\0a\xdc\x01\0z"sv, "utf-16be"), "a\xed\xb0\x81z");
  EXPECT_EQ(transcoded("a\0\x62"sv, "utf-16le", 1), "a\xed\xb1\xa2") << "half a unit at the end";
  EXPECT_EQ(transcoded("a\0\x01\xd8"sv, "utf-16le", 1), "a\xed\xa0\x81") << "half a pair at the end";
}

TEST(Encoding, AMarkDecides) {
  EXPECT_EQ(guess("\xef\xbb\xbfid\n").name, "utf-8");
  EXPECT_EQ(guess("\xff\xfei\0d\0"sv).name, "utf-16le");
  EXPECT_EQ(guess("\xfe\xff\0i\0d"sv).name, "utf-16be");
  EXPECT_EQ(guess("\xff\xfe\0\0i\0\0\0"sv).name, "utf-32le");
  EXPECT_EQ(guess_encoding({"x", {"\xef\xbb\xbfid\n"}, true, -1}, encoding_named("latin-1")).name, "utf-8");
  EXPECT_EQ(guess_encoding({"x", {"\xfe\xff"}, true, -1}, encoding_named("utf-16")).name, "utf-16be");
  EXPECT_EQ(guess_encoding({"x", {"a"}, true, -1}, encoding_named("utf-16")).name, "utf-16le");
}

TEST(Encoding, WithoutAMarkUtf16IsFoundByItsZeros) {
  EXPECT_EQ(guess(utf16(u"id,name\n1,a\n", false)).name, "utf-16le");
  EXPECT_EQ(guess(utf16(u"id,name\n1,a\n", true)).name, "utf-16be");
  EXPECT_EQ(guess(utf16(u"名前,番号\n山田,1\n鈴木,2\n", false)).name, "utf-16le");
  EXPECT_THAT(guess(utf16(u"id,name\n1,a\n", true)).why, HasSubstr("every first byte is mostly 0"));
}

TEST(Encoding, ZerosInATextAreNotUtf16) {
  EXPECT_EQ(guess("a,b\n1,\0\n2,\0\n"sv).name, "utf-8");
  EXPECT_EQ(guess("1,\0"sv).name, "utf-8");
  EXPECT_EQ(guess(std::string(100, '\0')).name, "utf-8");
}

TEST(Encoding, Windows1252IsFoundByItsWords) {
  const Encoding found = guess("id;ort\n1;M\xfcnchen\n2;K\xf6ln\n");
  EXPECT_EQ(found.name, "windows-1252");
  EXPECT_EQ(found.why, "2 bytes of words are no UTF-8");
  EXPECT_EQ(guess("id;ort\n1;München\n2;K\xf6ln\n3;Görlitz\n").name, "utf-8") << "one bad row among good ones";
  EXPECT_EQ(guess("id,text\n1,bad \xff byte\n").name, "utf-8") << "no word";
  EXPECT_EQ(guess("id;ort\n1;M\x81nchen\n").name, "utf-8") << "this byte means nothing there either";
  EXPECT_EQ(guess("id;ort\n1;München\n").name, "utf-8");
  EXPECT_EQ(guess("").name, "utf-8");
}

TEST(Encoding, APieceCutWithinACodePointIsStillUtf8) {
  const std::string text = "1;ü;ü\n";
  for (size_t begin = 0; begin < text.size(); ++begin) {
    for (size_t length = 0; begin + length <= text.size(); ++length) {
      EXPECT_EQ(guess_encoding({"x", {"id;a;b\n", text.substr(begin, length)}, false, -1}, std::nullopt).name, "utf-8");
    }
  }
}

TEST(Encoding, NamesArePeoplesNames) {
  EXPECT_EQ(encoding_named("UTF8")->name, "utf-8");
  EXPECT_EQ(encoding_named("ISO-8859-1")->name, "latin-1");
  EXPECT_EQ(encoding_named("CP1250")->name, "CP1250");
  EXPECT_FALSE(encoding_named("utf-9"));
  EXPECT_FALSE(encoding_named("latin1//TRANSLIT"));
  EXPECT_FALSE(encoding_named(""));
}

TEST(Encoding, ReadingGoesOnInTheMiddle) {
  const std::string bytes = utf16(u"aä€\n", false);
  const std::string text = "aä€\n";
  for (size_t at = 0; at <= text.size(); ++at) {
    auto stream =
        in_utf8_from(std::make_unique<Pieces>(bytes, 3), *encoding_named("utf-16"), static_cast<int64_t>(at), "x");
    EXPECT_EQ(read_whole(**stream), text.substr(at));
  }
  EXPECT_FALSE(in_utf8_from(std::make_unique<Pieces>(bytes, 3), *encoding_named("utf-16"), 100, "x"));
}

TEST(Encoding, Utf8IsWhatTheStandardSays) {
  for (const std::string_view good : {"", "a", "ä", "€", "𝄞", "\xf4\x8f\xbf\xbf"}) EXPECT_TRUE(is_utf8(good));
  for (const std::string_view bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                                     "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "a\xff"})
    EXPECT_FALSE(is_utf8(bad));
}

}  // namespace
}  // namespace trommel::text
