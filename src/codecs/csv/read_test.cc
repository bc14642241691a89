// One test an oddity: docs/guide/csv.md promises what these hold it to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codecs/csv/testing.h"

namespace trommel::csv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Contract contract_of(std::vector<std::pair<std::string, Type>> columns) {
  Contract contract;
  for (auto& [name, type] : columns) {
    ContractColumn column;
    column.name = name;
    column.type = type;
    contract.columns.push_back(column);
  }
  return contract;
}

TEST(Read, Plain) {
  ReadText read("id,name,price\n1,ann,1.5\n2,bob,2\n");
  EXPECT_EQ(read.schema(), "id: int64, name: string, price: double");
  EXPECT_THAT(read.out.list(), ElementsAre("1|ann|1.5", "2|bob|2"));
  EXPECT_EQ(read.out.records, 2);
  EXPECT_THAT(read.out.rejects, IsEmpty());
  EXPECT_EQ(read.out.rows.begin()->first, 14);
}

TEST(Read, MissingLastNewline) { EXPECT_THAT(ReadText("a,b\n1,2\n3,4").out.list(), ElementsAre("1|2", "3|4")); }

TEST(Read, EmptyFile) {
  ReadText read("");
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.file->schema()->num_fields(), 0);
  EXPECT_EQ(read.out.records, 0);
}

TEST(Read, HeaderOnly) {
  for (const char* text : {"a,b,c\n", "a,b,c"}) {
    ReadText read(text);
    EXPECT_EQ(read.schema(), "a: string, b: string, c: string");
    EXPECT_EQ(read.out.records, 0);
  }
}

TEST(Read, ByteOrderMarkIsNoPartOfTheFirstName) {
  ReadText read("\xEF\xBB\xBFid,b\n1,2\n");
  EXPECT_EQ(read.schema(), "id: int64, b: int64");
  EXPECT_EQ(read.out.rows.begin()->first, 8);
}

TEST(Read, Utf16IsRead) {
  const std::string text = "id,wört\n1,ä\n2,b\n";
  std::string bytes = "\xFF\xFE";
  for (const char* c = text.data(); *c != 0; ++c) {
    const bool two = static_cast<uint8_t>(*c) >= 0x80;
    bytes += two ? static_cast<char>(static_cast<uint8_t>(*c) << 6 | (static_cast<uint8_t>(c[1]) & 0x3f)) : *c;
    bytes += '\0';
    if (two) ++c;
  }
  for (const int64_t block_bytes : {1, 7, 1 << 20}) {
    ReadOptions options;
    options.block_bytes = block_bytes;
    options.step = 5;
    ReadText read(bytes, options);
    EXPECT_EQ(read.schema(), "id: int64, wört: string");
    EXPECT_THAT(read.out.list(), ElementsAre("1|ä", "2|b"));
    EXPECT_EQ(read.out.rows.begin()->first, 3 + 9) << "bytes of the text in UTF-8, with its mark";
    EXPECT_THAT(read.notes(), HasSubstr("encoding utf-16le (by the mark at its start)"));
  }
}

TEST(Read, LineEnds) {
  EXPECT_THAT(ReadText("a,b\r\n1,2\r\n3,4\r\n").out.list(), ElementsAre("1|2", "3|4"));
  EXPECT_THAT(ReadText("a,b\r1,2\r3,4\r").out.list(), ElementsAre("1|2", "3|4"));
  EXPECT_THAT(ReadText("a,b\r\n1,2\n3,4\r5,6\n7,8\r\n").out.list(), ElementsAre("1|2", "3|4", "5|6", "7|8"));
}

TEST(Read, CarriageReturnWithinTextIsKept) {
  EXPECT_THAT(ReadText("a,b\nx\ry,1\nz,2\n").out.list(), ElementsAre("x\ry|1", "z|2"));
}

TEST(Read, LineNumbersCountPhysicalLines) {
  ReadText read("a,b\n\"x\ny\",1\n2\n3,4\n");
  ASSERT_EQ(read.out.rejects.size(), 1u);
  EXPECT_EQ(read.out.rejects[0].line, 4);
  EXPECT_EQ(read.out.rejects[0].raw, "2");
}

TEST(Read, RaggedRowsAreRejects) {
  ReadText read("a,b,c\n1,2,3\n1,2\n1,2,3,4\n4,5,6\n");
  EXPECT_THAT(read.out.list(), ElementsAre("1|2|3", "4|5|6"));
  ASSERT_EQ(read.out.rejects.size(), 2u);
  EXPECT_EQ(read.out.rejects[0].code, "ragged");
  EXPECT_EQ(read.out.rejects[0].reason, "2 fields, expected 3");
  EXPECT_EQ(read.out.rejects[0].raw, "1,2");
  EXPECT_EQ(read.out.rejects[1].reason, "4 fields, expected 3");
  EXPECT_EQ(read.out.records, 4);
}

TEST(Read, RaggedRowsCanBePadded) {
  ReadOptions options{setting("ragged", "pad"), {}};
  ReadText read("a,b,c\r\n1,2,3\r\n1,2\r\n\r\n1,2,3,4\r\n7\r\n", options);
  EXPECT_THAT(read.out.list(), ElementsAre("1|2|3", "1|2|~", "7|~|~"));
  EXPECT_EQ(read.out.rejects.size(), 1u);
}

TEST(Read, BlankLinesAreNoRows) {
  ReadText read("a,b\n\n1,2\n\r\n3,4\n\n\n");
  EXPECT_THAT(read.out.list(), ElementsAre("1|2", "3|4"));
  EXPECT_EQ(read.out.records, 2);
}

TEST(Read, BlankLineIsANullInAFileOfOneColumn) {
  ReadText read("a\n1\n\n3\n");
  EXPECT_THAT(read.out.list(), ElementsAre("1", "~", "3"));
}

TEST(Read, QuotedFields) {
  ReadText read("a,b\n\"x, y\",\"say \"\"hi\"\"\"\n\"two\nlines\",\"\"\nplain,\n");
  EXPECT_THAT(read.out.list(), ElementsAre("x, y|say \"hi\"", "two\nlines|", "plain|~"));
}

TEST(Read, QuoteWithinUnquotedTextIsText) {
  ReadText read("a,b\n5\" pipe,1\nx\"y\"z,2\n");
  EXPECT_THAT(read.out.list(), ElementsAre("5\" pipe|1", "x\"y\"z|2"));
}

TEST(Read, TextBehindAClosingQuoteIsAReject) {
  ReadText read("a,b\n\"x\"y,1\nz,2\n");
  EXPECT_THAT(read.out.list(), ElementsAre("z|2"));
  ASSERT_EQ(read.out.rejects.size(), 1u);
  EXPECT_EQ(read.out.rejects[0].code, "quote");
  EXPECT_EQ(read.out.rejects[0].raw, "\"x\"y,1");
  EXPECT_THAT(read.out.rejects[0].reason, HasSubstr("behind a closing quote"));
}

TEST(Read, UnclosedQuoteCostsItsOwnLineOnly) {
  ReadText read("a,b\n1,x\n2,\"open\n3,y\n4,\"z\"\n5,w\n");
  EXPECT_THAT(read.out.list(), ElementsAre("1|x", "3|y", "4|z", "5|w"));
  ASSERT_EQ(read.out.rejects.size(), 1u);
  EXPECT_EQ(read.out.rejects[0].code, "quote");
  EXPECT_EQ(read.out.rejects[0].line, 3);
  EXPECT_EQ(read.out.rejects[0].raw, "2,\"open");
}

TEST(Read, UnclosedQuoteAtTheEnd) {
  ReadText read("a,b\n1,x\n2,\"open");
  EXPECT_THAT(read.out.list(), ElementsAre("1|x"));
  ASSERT_EQ(read.out.rejects.size(), 1u);
  EXPECT_EQ(read.out.rejects[0].raw, "2,\"open");
}

TEST(Read, InvalidUtf8CostsOneRow) {
  ReadText read("a,b\nfine,1\nb\xFF\x41,2\nö,3\n");
  EXPECT_THAT(read.out.list(), ElementsAre("fine|1", "ö|3"));
  ASSERT_EQ(read.out.rejects.size(), 1u);
  EXPECT_EQ(read.out.rejects[0].code, "encoding");
  EXPECT_EQ(read.out.rejects[0].raw, "b\xFF\x41,2");
}

TEST(Read, NulBytesCostOneRow) {
  const std::string text("a,b\nfine,1\nb\0c,2\nx,3\n", 21);
  ReadText read(text);
  EXPECT_THAT(read.out.list(), ElementsAre("fine|1", "x|3"));
  ASSERT_EQ(read.out.rejects.size(), 1u);
  EXPECT_EQ(read.out.rejects[0].code, "nul");
}

/// Gives a header, a line of `size` bytes, and a row; holds none of it.
class LongLine : public InputStream {
 public:
  explicit LongLine(int64_t size) : left_(size) {}
  Result<size_t> read(std::span<uint8_t> into) override {
    if (part_ == 0) return whole("a,b\n1,2\n", into);
    if (part_ == 2) return whole("\n3,4\n", into);
    if (part_ == 3) return 0;
    const auto count = static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(into.size()), left_));
    std::memset(into.data(), 'x', count);
    left_ -= static_cast<int64_t>(count);
    if (left_ == 0) ++part_;
    return count;
  }

 private:
  size_t whole(std::string_view text, std::span<uint8_t> into) {
    EXPECT_GE(into.size(), text.size());
    std::memcpy(into.data(), text.data(), text.size());
    ++part_;
    return text.size();
  }
  int64_t left_;
  int part_ = 0;
};

TEST(Read, LineOfHundredMegabytesIsOneRejectInLittleMemory) {
  Problems problems;
  auto file = *csv_format().look(Sample{"long.csv", {"a,b\n1,2\n"}, false, -1}, nullptr, {}, {}, problems);
  auto reader = *file->open(std::make_shared<Split>(), std::make_unique<LongLine>(100 << 20), nullptr, 0, 1 << 20);
  Collected out;
  int64_t records = 0, most = 0;
  const int64_t before = arrow::default_memory_pool()->bytes_allocated();
  while (true) {
    const auto piece = *reader->read();
    most = std::max(most, arrow::default_memory_pool()->bytes_allocated() - before);
    if (piece.block) records += *piece.block->decoder->decode(*piece.block, out);
    if (piece.then == Reader::Next::ended) break;
  }
  EXPECT_LT(most, int64_t{70} << 20);
  EXPECT_EQ(records, 3);
  EXPECT_THAT(out.list(), ElementsAre("1|2", "3|4"));
  ASSERT_EQ(out.rejects.size(), 1u);
  EXPECT_EQ(out.rejects[0].code, "row_too_long");
  EXPECT_EQ(out.rejects[0].line, 3);
  EXPECT_EQ(out.rejects[0].raw.size(), size_t{64} << 10);
  EXPECT_EQ(out.rows.rbegin()->first, 8 + (100 << 20) + 1);
}

TEST(Read, ValuesThatDoNotFitAGuessAreMisfits) {
  std::string text = "a,b\n";
  for (int i = 0; i < 1000; ++i) text += "1,2\n";
  text += "007,2\nx,3\n";
  ReadOptions options;
  options.sample = 500;
  ReadText read(text, options);
  EXPECT_EQ(read.schema(), "a: int64, b: int64");
  ASSERT_EQ(read.out.misfits.size(), 2u);
  EXPECT_EQ(read.out.misfits[0].value, "007");
  EXPECT_EQ(read.out.misfits[0].column, "a");
  EXPECT_THAT(read.out.rejects, IsEmpty());
  ASSERT_TRUE(read.file->widen(std::make_unique<TextStream>(text)));
  EXPECT_EQ(read.schema(), "a: string, b: int64");
  std::vector<int> all = {0, 1};
  ASSERT_TRUE(read.file->target(read.file->schema(), all, {}, true));
  read.read_all(text);
  EXPECT_THAT(read.out.misfits, IsEmpty());
  EXPECT_EQ(read.out.rows.size(), 1002u);
}

TEST(Read, ValuesThatBreakAContractAreRejects) {
  ReadOptions options;
  options.contract = contract_of({{"a", arrow::int32()}, {"b", arrow::date32()}});
  ReadText read("a,b\n1,2020-01-01\nx,2020-01-02\n3000000000,2020-01-03\n+04,2020-02-30\n 5 ,2020-01-05\n", options);
  EXPECT_THAT(read.out.list(), ElementsAre("1|2020-01-01", "5|2020-01-05"));
  ASSERT_EQ(read.out.rejects.size(), 3u);
  EXPECT_EQ(read.out.rejects[0].code, "cast");
  EXPECT_EQ(read.out.rejects[0].column, "a");
  EXPECT_EQ(read.out.rejects[0].value, "x");
  EXPECT_THAT(read.out.rejects[0].reason, HasSubstr("int32"));
  EXPECT_EQ(read.out.rejects[1].value, "3000000000");
  EXPECT_EQ(read.out.rejects[2].column, "b");
  EXPECT_EQ(read.out.records, 5);
}

TEST(Read, ContractNullsAndFormats) {
  ReadOptions options;
  Contract contract = contract_of({{"a", arrow::int64()}, {"d", arrow::date32()}, {"t", arrow::utf8()}});
  contract.nulls = {"missing"};
  contract.columns[1].format = "%d %b %Y";
  contract.columns[1].nulls = {"?"};
  options.contract = contract;
  ReadText read("a,d,t\n1,03 Feb 2021,x\nmissing,?,missing\n,,\n2,04 feb 2021,\"missing\"\n", options);
  EXPECT_THAT(read.out.rejects, IsEmpty());
  EXPECT_THAT(read.out.list(), ElementsAre("1|2021-02-03|x", "~|~|~", "~|~|~", "2|2021-02-04|missing"));
}

TEST(Read, ColumnsThatAreNotWantedAreNotConverted) {
  ReadText read("a,b,c\n1,x,2.5\n2,y,3.5\n");
  const Schema wanted =
      make_schema({{"c", arrow::float64(), true}, {"new", arrow::int64(), true}, {"a", arrow::utf8(), true}});
  ASSERT_TRUE(read.file->target(wanted, {2, -1, 0}, {}, false));
  read.read_all("a,b,c\n1,x,2.5\n2,y,3.5\n4,\xFF,1\n");
  EXPECT_THAT(read.out.list(), ElementsAre("2.5|~|1", "3.5|~|2"));
  EXPECT_EQ(read.out.rejects.size(), 1u);
}

TEST(Read, GoesOnFromAPosition) {
  const std::string text = "a,b\n1,2\n3,4\n5,6\n";
  ReadText read(text);
  auto reader =
      *read.file->open(std::make_shared<Split>(), std::make_unique<TextStream>(text.substr(8)), nullptr, 8, 1 << 20);
  const auto piece = *reader->read();
  Collected out;
  ASSERT_TRUE(piece.block);
  (void)piece.block->decoder->decode(*piece.block, out);
  EXPECT_THAT(out.list(), ElementsAre("3|4", "5|6"));
  EXPECT_EQ(out.rows.begin()->first, 8);
  EXPECT_EQ(piece.next, 16);
}

TEST(Read, SettingsAreChecked) {
  Problems problems;
  Node settings = setting("delimiter", "ab");
  settings.entries.push_back(setting("max_row", "0").entries[0]);
  (void)csv_format().look(sample_of("a\n"), nullptr, settings, {}, problems);
  EXPECT_GE(problems.size(), 2u);
}

TEST(Guess, Delimiters) {
  EXPECT_EQ(ReadText("a;b\n1,5;2\n2,5;3\n").schema(), "a: string, b: int64");
  EXPECT_EQ(ReadText("a\tb\n1\t2\n").schema(), "a: int64, b: int64");
  EXPECT_EQ(ReadText("a|b\n1|2\n").schema(), "a: int64, b: int64");
  EXPECT_EQ(ReadText("root:x:0\nbin:x:1\nsys:y:2\n").schema(), "column1: string, column2: string, column3: int64");
  EXPECT_EQ(ReadText("t\n05:00:00\n06:00:00\n").schema(), "t: time64[us]");
  EXPECT_EQ(ReadText("words\nhello there\nmy friend\n").schema(), "words: string");
}

TEST(Guess, SingleQuotes) {
  ReadText read("a,b\n'x, y',1\n'it''s',2\n");
  EXPECT_THAT(read.out.list(), ElementsAre("x, y|1", "it's|2"));
}

TEST(Guess, BackslashEscapes) {
  ReadText read("a,b\n\"say \\\"hi\\\", you\",1\n\"x\",2\n");
  EXPECT_THAT(read.out.list(), ElementsAre("say \"hi\", you|1", "x|2"));
}

TEST(Guess, EscapesWithinNumbersAndDatesAreUndone) {
  Node settings = setting("escape", "\\");
  ReadOptions options;
  options.settings = settings;
  ReadText read("d,n\n\"\\31/01/2020\",\"\\12\"\n", options);
  EXPECT_EQ(read.schema(), "d: date32[day], n: int64");
  EXPECT_THAT(read.out.list(), ElementsAre("2020-01-31|12"));
}

TEST(Guess, Types) {
  ReadText read(
      "i,d,t,b,day,at,z,time,big,code\n"
      "1,1.5,x,true,2020-01-31,2020-01-31 05:06:07,2020-01-31T05:06:07Z,05:06:07,12345678901234567890,007\n"
      "-2,2,y,FALSE,2020-02-01,2020-01-31T05:06:07.25,2020-01-31T05:06:07+02:00,23:59:59.5,1,8\n");
  EXPECT_EQ(read.schema(),
            "i: int64, d: double, t: string, b: bool, day: date32[day], at: timestamp[us], z: timestamp[us, tz=UTC], "
            "time: time64[us], "
            "big: decimal128(38, 0), code: string");
  EXPECT_THAT(read.notes(), HasSubstr("code: text, since a number would lose the zeros of '007'"));
}

TEST(Guess, DayAndMonthOnlyWhereTheDataDecides) {
  EXPECT_EQ(ReadText("d\n01/02/2020\n13/02/2020\n").schema(), "d: date32[day]");
  EXPECT_THAT(ReadText("d\n01/02/2020\n13/02/2020\n").out.list(), ElementsAre("2020-02-01", "2020-02-13"));
  EXPECT_THAT(ReadText("d\n01/02/2020\n02/13/2020\n").out.list(), ElementsAre("2020-01-02", "2020-02-13"));
  ReadText open("d\n01/02/2020\n03/04/2020\n");
  EXPECT_EQ(open.schema(), "d: string");
  EXPECT_THAT(open.notes(), HasSubstr("day from month"));
}

TEST(Guess, NullMarkersOnlyWhereATypedColumnNeedsThem) {
  ReadText read("n,t\n1,x\nNA,NA\n3,\"NA\"\n");
  EXPECT_EQ(read.schema(), "n: int64, t: string");
  EXPECT_THAT(read.out.list(), ElementsAre("1|x", "~|~", "3|NA"));
  EXPECT_THAT(read.notes(), HasSubstr("null marker NA (seen in n, 1 time)"));
  ReadText text("n,t\n1,x\n2,NA\n");
  EXPECT_THAT(text.out.list(), ElementsAre("1|x", "2|NA"));
  EXPECT_THAT(text.notes(), Not(HasSubstr("null marker")));
}

TEST(Guess, NoDigitIsLost) {
  EXPECT_EQ(ReadText("a\n123456789012345678901234567890123456789012\n").schema(), "a: string");
  EXPECT_EQ(ReadText("a\n1.5\n12345678901234567890123\n").schema(), "a: string");
  EXPECT_EQ(ReadText("a\n+5\n").schema(), "a: string");
  EXPECT_EQ(ReadText("a\n2020-01-01 00:00:00.1234567\n").schema(), "a: string");
}

TEST(Guess, NoHeader) {
  ReadText read("1,x\n2,y\n");
  EXPECT_EQ(read.schema(), "column1: int64, column2: string");
  EXPECT_EQ(read.out.records, 2);
}

TEST(Guess, NamesAreMadeUnique) {
  EXPECT_EQ(ReadText("a,a,,a_2\n1,2,3,4\n").schema(), "a: int64, a_2: int64, column3: int64, a_2_2: int64");
}

TEST(Guess, EverythingCanBeSaidByHand) {
  Node settings = setting("delimiter", "|");
  settings.entries.push_back(setting("quote", "none").entries[0]);
  settings.entries.push_back(setting("header", "false").entries[0]);
  settings.entries.push_back(setting("skip", "1").entries[0]);
  settings.entries.push_back(setting("nulls", "void").entries[0]);
  Node types = setting("column1", "string");
  settings.entries.push_back({"types", {}, types});
  ReadOptions options;
  options.settings = settings;
  ReadText read("# made by hand\n1|\"x\n2|void\n", options);
  EXPECT_EQ(read.problems.text(), "");
  EXPECT_EQ(read.schema(), "column1: string, column2: string");
  EXPECT_THAT(read.out.list(), ElementsAre("1|\"x", "2|~"));
}

TEST(Guess, PiecesFromTheMiddleAreSeen) {
  std::string text = "a,b\n";
  for (int i = 0; i < 1000; ++i) text += "1,\"x\ny, z\"\n";
  Sample sample = sample_of(text, 400);
  sample.pieces.push_back("ne\ny, z\"\n1.5,\"x\ny\"\n2.5,\"x\n\"\n1.5,q\n");
  Problems problems;
  auto file = *csv_format().look(sample, nullptr, {}, {}, problems);
  EXPECT_EQ(file->schema()->field(0)->type()->ToString(), "double");
}

}  // namespace
}  // namespace trommel::csv
