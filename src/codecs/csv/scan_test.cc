// The SIMD scan against scan_record, record by record, on texts that are nothing but trouble; and blocks of any size
// against one block.
#include <gtest/gtest.h>

#include <random>

#include "codecs/csv/dialect.h"
#include "codecs/csv/testing.h"

namespace trommel::csv {
namespace {

/// Text of few different bytes, so that quotes, escapes and line ends meet in every way.
std::string random_text(std::mt19937& random, size_t size, std::string_view alphabet) {
  std::string text;
  for (size_t i = 0; i < size; ++i) text += alphabet[random() % alphabet.size()];
  return text;
}

std::string described(const Index& index) {
  std::string out;
  size_t broken = 0;
  for (size_t row = 0; row < index.row_count(); ++row) {
    out += std::to_string(index.rows[row].start);
    if (broken < index.broken.size() && index.broken[broken].row == row) {
      out += "!" + std::to_string(static_cast<int>(index.broken[broken].ending)) + "-" +
             std::to_string(index.broken[broken].end);
      ++broken;
    }
    for (uint32_t i = index.rows[row].first; i < index.rows[row + 1].first; ++i)
      out += "," + std::to_string(index.ends[i]);
    out += ";";
  }
  return out;
}

std::string described_by_records(const std::string& text, size_t size, const Dialect& dialect) {
  std::string out;
  std::vector<uint32_t> ends;
  for (size_t at = 0; at < size;) {
    ends.clear();
    const Record record = scan_record(text.data(), size, at, true, dialect, &ends);
    out += std::to_string(at);
    if (record.ending != Ending::line)
      out += "!" + std::to_string(static_cast<int>(record.ending)) + "-" + std::to_string(record.end);
    for (const uint32_t end : ends) out += "," + std::to_string(end);
    out += ";";
    EXPECT_GT(record.next, at);
    at = record.next;
  }
  return out;
}

std::vector<Dialect> dialects() {
  std::vector<Dialect> all(5);
  all[1].escape = '\\';
  all[2].lone_cr = true;
  all[3].quote = 0;
  all[4].max_row = 40;
  return all;
}

TEST(Scan, AgreesWithTheRecordScanner) {
  std::mt19937 random(7);
  for (const Dialect& dialect : dialects()) {
    for (int round = 0; round < 4000; ++round) {
      const std::string_view alphabet = round % 3 == 0   ? "a,\"\n"
                                        : round % 3 == 1 ? "abcdefg,,\"\"\n\r\\"
                                                         : "aaaaaaaaaaaaaaaaaaaaaaa,,,,\"\n";
      const size_t size = random() % 400;
      const std::string text = random_text(random, size, alphabet) + std::string(kPadding, random() % 2 ? '\n' : '"');
      Index index;
      index_block(text.data(), size, dialect, index);
      ASSERT_EQ(described(index), described_by_records(text, size, dialect))
          << "round " << round << ": " << text.substr(0, size);
    }
  }
}

TEST(Scan, CutsWhereRecordsEnd) {
  std::mt19937 random(11);
  for (const Dialect& dialect : dialects()) {
    for (int round = 0; round < 2000; ++round) {
      const size_t size = 1 + random() % 300;
      const std::string text = random_text(random, size, "abc,\"\n\r") + std::string(kPadding, ' ');
      std::vector<size_t> borders;
      bool too_long = false;
      for (size_t at = 0; at < size && !too_long;) {
        const Record record = scan_record(text.data(), size, at, true, dialect, nullptr);
        too_long = record.ending == Ending::too_long;
        if (!too_long) borders.push_back(at = record.next);
      }
      const size_t wanted = random() % size;
      const Cut cut = cut_block(text.data(), size, wanted, true, dialect);
      size_t expected = borders.empty() ? 0 : borders[0];
      for (const size_t border : borders) expected = border <= wanted ? border : expected;
      ASSERT_EQ(cut.border, expected) << "round " << round << " wanted " << wanted << ": " << text.substr(0, size);
    }
  }
}

TEST(Scan, CountsBytes) {
  const std::string text = std::string(100, 'x') + "\n\n" + std::string(61, '\n') + "y\n";
  EXPECT_EQ(count_byte(text.data(), text.size(), '\n'), 64);
  EXPECT_EQ(count_byte(text.data(), 0, '\n'), 0);
}

/// Whatever the size of blocks and the portions of the stream: the same rows, positions, lines and rejects.
void expect_same_for_all_blocks(const std::string& text, const Node& settings, std::mt19937& random) {
  ReadOptions whole;
  whole.settings = settings;
  ReadText one(text, whole);
  ASSERT_EQ(one.error, "");
  std::sort(one.out.rejects.begin(), one.out.rejects.end());
  EXPECT_EQ(one.out.records,
            static_cast<int64_t>(one.out.rows.size() + one.out.rejects.size() + one.out.misfits.size()));
  for (const int64_t block : {int64_t{1}, int64_t{2}, int64_t{7}, int64_t{64}, int64_t{100},
                              static_cast<int64_t>(random() % 3000 + 1), int64_t{65536}}) {
    ReadOptions options = whole;
    options.block_bytes = block;
    options.step = random() % 2 ? 1 + random() % 50 : size_t{1} << 30;
    ReadText many(text, options);
    std::sort(many.out.rejects.begin(), many.out.rejects.end());
    ASSERT_EQ(many.out.rows, one.out.rows) << "blocks of " << block << ":\n" << text;
    ASSERT_EQ(many.out.rejects.size(), one.out.rejects.size()) << "blocks of " << block << ":\n" << text;
    for (size_t i = 0; i < one.out.rejects.size(); ++i) {
      const auto &a = many.out.rejects[i], &b = one.out.rejects[i];
      ASSERT_EQ(a, b) << "blocks of " << block << ": " << a.position << "/" << b.position << " line " << a.line << "/"
                      << b.line << " " << a.code << "/" << b.code << " " << a.reason << "/" << b.reason << " [" << a.raw
                      << "]/[" << b.raw << "]\n"
                      << text;
    }
    ASSERT_EQ(many.out.records, one.out.records);
  }
}

TEST(Blocks, AnySizeGivesTheSameRows) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    std::string text = "a,b,c\n";
    while (text.size() < 600) {
      switch (random() % 12) {
        case 0:
          text += "x,\"y\ny\",z\n";
          break;
        case 1:
          text += "x,\"never closed,z\n";
          break;
        case 2:
          text += "x,\"closed\"badly,z\n";
          break;
        case 3:
          text += "too,few\n";
          break;
        case 4:
          text += "one,two,three,four\r\n";
          break;
        case 5:
          text += "\n";
          break;
        case 6:
          text += "\"\",\"q\"\"q\",\n";
          break;
        case 7:
          text += "x,\xFFy,z\n";
          break;
        case 8:
          text += "in\"ches,5\",6\n";
          break;
        case 9:
          text += "a\r,\"b\r\n\",c\n";
          break;
        default:
          text += "plain,text," + random_text(random, random() % 90, "abc") + "\n";
      }
    }
    if (random() % 2) text.pop_back();
    expect_same_for_all_blocks(text, setting("header", "true"), random);
  }
}

TEST(Blocks, AnySizeGivesTheSameRowsUnderAShortMaxRow) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    std::string text = "a,b\n";
    while (text.size() < 500) {
      if (random() % 4 == 0)
        text += random_text(random, random() % 200, "ab,") + "\n";
      else if (random() % 4 == 0)
        text += "\"" + random_text(random, random() % 100, "a\n") + "\",x\n";
      else if (random() % 8 == 0)
        text += "\"open,x\r\n";
      else
        text += "1,2\n";
    }
    Node settings = setting("max_row", "50");
    settings.entries.push_back(setting("header", "true").entries[0]);
    settings.entries.push_back(setting("delimiter", ",").entries[0]);
    settings.entries.push_back(setting("escape", "none").entries[0]);
    expect_same_for_all_blocks(text, settings, random);
  }
}

}  // namespace
}  // namespace trommel::csv
