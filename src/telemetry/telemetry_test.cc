#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <vector>

#include "telemetry/log.h"
#include "telemetry/log_file.h"
#include "telemetry/numbers.h"
#include "telemetry/progress.h"
#include "telemetry/table.h"
#include "telemetry/terminal.h"

namespace trommel {
namespace {

TEST(Numbers, AreReadable) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(336776), "336,776");
  EXPECT_EQ(count_text(-1234567), "-1,234,567");
  EXPECT_EQ(rows_text(1), "1 row");
  EXPECT_EQ(rows_text(2000), "2,000 rows");
  EXPECT_EQ(bytes_text(812), "812 B");
  EXPECT_EQ(bytes_text(1'200'000'000), "1.2 GB");
  EXPECT_EQ(bytes_text(340'123'000), "340 MB");
  EXPECT_EQ(bytes_text(999'999), "1 MB");
  EXPECT_EQ(duration_text(850), "850 us");
  EXPECT_EQ(duration_text(12'300), "12 ms");
  EXPECT_EQ(duration_text(3'400'000), "3.4 s");
  EXPECT_EQ(duration_text(999'900), "1 s");
  EXPECT_EQ(duration_text(125'000'000), "2 min 5 s");
  EXPECT_EQ(duration_text(12'000'000'000), "3 h 20 min");
  EXPECT_EQ(share_text(0.9999), "99%");
  EXPECT_EQ(share_text(0.004), "0.4%");
  EXPECT_EQ(share_text(1), "100%");
  EXPECT_EQ(time_text(1'795'262'400'000'000), "2026-11-21 12:00:00");
  EXPECT_EQ(time_text(-1), "1969-12-31 23:59:59");
}

TEST(Terminal, CountsCells) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("Zürich"), 6);
  EXPECT_EQ(display_width("日本"), 4);
  EXPECT_EQ(display_width("e\xcc\x81"), 1);  // e and a combining acute
  EXPECT_EQ(display_width("\xff\xfe"), 2);
  EXPECT_EQ(cut_to_width("日本語", 5), "日本…");
  EXPECT_EQ(cut_to_width("abc", 3), "abc");
  EXPECT_EQ(cut_to_width("abcd", 3), "ab…");
  EXPECT_EQ(cut_front_to_width("abc", 3), "abc");
  EXPECT_EQ(cut_front_to_width("in/日本.csv line 3", 9), "…v line 3");
  EXPECT_EQ(cut_front_to_width("日本語", 4), "…語");
}

TEST(Terminal, NeverLetsTextMoveTheCursor) {
  EXPECT_EQ(printable("a\x1b[31mb\nc\t\xff é"), "a\\x1b[31mb\\nc\\t\\xff é");
  EXPECT_EQ(printable("\u202e"), "\\u202e");
}

TEST(Terminal, PaintsOnlyWhereThereIsColour) {
  EXPECT_EQ(Terminal{}.paint("x", Colour::red), "x");
  EXPECT_EQ((Terminal{2, true, true, 80}.paint("x", Colour::red)), "\x1b[1;31mx\x1b[0m");
}

Table small_table() {
  Table table({{"name"}, {"rows", Table::Align::right}, {"what"}});
  table.add({"日本", "1,234", "a long text that goes on and on"});
  table.add({"b", "5", "x\ny"});
  return table;
}

TEST(Table, AlignsByCells) {
  EXPECT_EQ(small_table().text(),
            "name   rows  what\n"
            "────  ─────  ───────────────────────────────\n"
            "日本  1,234  a long text that goes on and on\n"
            "b         5  x\\ny\n");
}

TEST(Table, FitsIntoItsWidth) {
  const std::string text = small_table().text(24);
  EXPECT_EQ(text,
            "name   rows  what\n"
            "────  ─────  ───────────\n"
            "日本  1,234  a long tex…\n"
            "b         5  x\\ny\n");
  EXPECT_EQ(small_table().text(12),
            "name   rows\n"
            "────  ─────\n"
            "日本  1,234\n"
            "b         5\n"
            "… and 1 mor…\n");
}

// What is written to a console that is a pipe.
class Piped {
 public:
  Piped() { EXPECT_EQ(pipe(ends_), 0); }
  ~Piped() {
    close(ends_[0]);
    close(ends_[1]);
  }
  Terminal as(bool terminal) const { return {ends_[1], terminal, false, terminal ? 40 : 0}; }
  std::string read_all() const {
    std::string text(65536, 0);
    const ssize_t got = read(ends_[0], text.data(), text.size());
    text.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return text;
  }

 private:
  int ends_[2]{};
};

TEST(Console, KeepsItsLiveLineBelow) {
  Piped pipe;
  Console console(pipe.as(true));
  console.live("10%");
  console.print("a line");
  console.end_live();
  EXPECT_EQ(pipe.read_all(), "\r\x1b[K10%\r\x1b[Ka line\n10%\r\x1b[K");
}

TEST(Console, ShowsNoLiveLineInAFile) {
  Piped pipe;
  Console console(pipe.as(false));
  console.live("10%");
  console.print("a line");
  console.end_live();
  EXPECT_EQ(pipe.read_all(), "a line\n");
}

TEST(Json, EscapesWhatItMust) {
  EXPECT_EQ(json_text("a\"b\\c\n\x01"), "\"a\\\"b\\\\c\\n\\u0001\"");
  EXPECT_EQ(json_text("\xff"
                      "é\xed\xa0\x80"),
            "\"\xef\xbf\xbd"
            "é\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(Progress, SaysWhatIsKnown) {
  ProgressFigures now;
  now.rows = 123456;
  now.bytes = 12'000'000;
  now.bytes_expected = 30'000'000;
  EXPECT_EQ(progress_text(now, 52000, 8.1e6), "123,456 rows  12 MB of 30 MB  40%  52,000 rows/s  8.1 MB/s  2 s left");
  now.bytes_expected = -1;
  now.rejected = 3;
  EXPECT_EQ(progress_text(now, 52000, 8.1e6), "123,456 rows  12 MB  52,000 rows/s  8.1 MB/s  3 rejected");
}

/// A folder that is gone with the test.
struct TempFolder {
  TempFolder() { EXPECT_NE(mkdtemp(path.data()), nullptr); }
  ~TempFolder() { (void)real_env().remove_tree(path); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
  std::string read(const std::string& name) const { return real_env().read_text(*this / name).value_or("(none)"); }
  void write(const std::string& name, std::string_view text) const {
    ASSERT_TRUE(real_env().write_text(*this / name, text).has_value());
  }
  std::string path = "/tmp/trommel-log-XXXXXX";
};

void append_all(const TempFolder& folder, std::initializer_list<std::string_view> lines, int64_t max_bytes,
                int64_t keep) {
  auto file = LogFile::open(real_env(), {folder / "run.log", max_bytes, keep});
  ASSERT_TRUE(file.has_value()) << file.error().text();
  for (const auto line : lines) ASSERT_TRUE((*file)->append(line).has_value());
}

TEST(LogFile, IsPutAsideBySizeAndKeepsSoMany) {
  const TempFolder folder;
  append_all(folder, {"1", "2", "3"}, 4, 2);
  EXPECT_EQ(folder.read("run.log"), "3\n");
  EXPECT_EQ(folder.read("run.log.1"), "1\n2\n");
  append_all(folder, {"4", "5", "6", "7"}, 4, 2);  // a second run goes on in the same file
  EXPECT_EQ(folder.read("run.log"), "7\n");
  EXPECT_EQ(folder.read("run.log.1"), "5\n6\n");
  EXPECT_EQ(folder.read("run.log.2"), "3\n4\n");
  EXPECT_EQ(folder.read("run.log.3"), "(none)");
  append_all(folder, {"longer than a file may be"}, 4, 2);
  EXPECT_EQ(folder.read("run.log"), "longer than a file may be\n");
}

TEST(LogFile, FillsTheGapOfARotationThatWasCutOff) {
  const TempFolder folder;
  folder.write("run.log", "now\n");
  folder.write("run.log.2", "b\n");  // died between its renames: .1 is free
  folder.write("run.log.3", "c\n");
  append_all(folder, {"next"}, 4, 3);
  EXPECT_EQ(folder.read("run.log.1"), "now\n");
  EXPECT_EQ(folder.read("run.log.2"), "b\n");
  EXPECT_EQ(folder.read("run.log.3"), "c\n");
}

TEST(LogFile, EndsALineThatWasCutOff) {
  const TempFolder folder;
  folder.write("run.log", "whole\ncut of");
  append_all(folder, {"next"}, 1000, 2);
  EXPECT_EQ(folder.read("run.log"), "whole\ncut of\nnext\n");
}

TEST(LogFile, GoesOnWhereItCannotBePutAside) {
  const TempFolder folder;
  folder.write("run.log", "");
  ASSERT_TRUE(real_env().make_directories(folder / "run.log.1/in the way").has_value());
  append_all(folder, {"1", "2", "3", "4", "5"}, 4, 1);
  EXPECT_EQ(folder.read("run.log"), "1\n2\n3\n4\n5\n");
}

TEST(LogFile, LosesNoLineOfManyThreads) {
  const TempFolder folder;
  {
    auto file = LogFile::open(real_env(), {folder / "run.log", 1000, 1000});
    ASSERT_TRUE(file.has_value());
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&file, thread] {
        for (int i = 0; i < 500; ++i)
          EXPECT_TRUE((*file)->append(std::to_string(thread) + " " + std::to_string(i)).has_value());
      });
    }
  }
  const auto entries = real_env().list(folder.path);
  ASSERT_TRUE(entries.has_value());
  EXPECT_GT(entries->size(), 10U);
  int64_t lines = 0;
  for (const FileInfo& entry : *entries) {
    EXPECT_LE(entry.size, 1000);
    const std::string text = *real_env().read_text(entry.path);
    lines += std::count(text.begin(), text.end(), '\n');
  }
  EXPECT_EQ(lines, 2000);
}

}  // namespace
}  // namespace trommel
