#include "connectors/files/files.h"

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>

#include "codecs/csv/csv.h"
#include "codecs/json/json.h"
#include "codecs/parquet/parquet.h"
#include "component/promises.h"
#include "config/pipeline.h"
#include "connectors/files/input_file.h"
#include "connectors/files/partition.h"

namespace trommel {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  return std::move(*result);
}
void must(Result<> result) {
  if (!result) throw std::runtime_error(result.error().text());
}

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class Files : public testing::Test {
 protected:
  void SetUp() override {
    root_ = join_path(testing::TempDir(), "files_" + std::to_string(::getpid()));
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    context_.env = &real_env();
    context_.folder = root_;
    context_.state_folder = root_ + "/state";
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void put(const std::string& name, const std::string& text) {
    must(real_env().make_directories(folder_of(root_ + "/" + name)));
    must(real_env().write_text(root_ + "/" + name, text));
  }

  static Node yaml(const std::string& text) {
    Problems problems;
    Node node = parse_yaml(text, "test.yaml", [](const std::string&) { return std::nullopt; }, problems);
    EXPECT_EQ(problems.text(), "");
    return node;
  }
  static std::optional<Contract> contract_of(const std::string& text) {
    if (text.empty()) return std::nullopt;
    Problems problems;
    Contract contract = parse_contract(yaml(text), problems);
    EXPECT_EQ(problems.text(), "");
    return contract;
  }

  Result<std::shared_ptr<Source>> bind(const std::string& settings, const std::string& contract = "") {
    Problems problems;
    auto source = source_.bind(yaml(settings), contract_of(contract), context_, problems);
    if (source && !problems.empty()) return config_error("problems", problems.text());
    return source;
  }
  std::string bind_error(const std::string& settings, const std::string& contract = "") {
    const auto source = bind(settings, contract);
    return source ? "" : source.error().text();
  }
  std::vector<std::string> rows(const std::string& settings, const std::string& contract = "") {
    const auto source = must(bind(settings, contract));
    return rows_of(*source);
  }
  static std::vector<std::string> rows_of(Source& source) {
    KeepingOutlet outlet;
    if (auto done = read_all(source, outlet); !done) return {done.error().text()};
    std::vector<std::string> out;
    for (const auto& row : outlet.rows) out.push_back(row.row);
    for (const auto& reject : outlet.rejects) out.push_back("REJECT " + reject);
    return out;
  }
  static std::string all_notes(const Source& source) { return joined(source.notes(), "\n"); }

  std::string root_;
  BindContext context_;
  SourceKind source_ = files_source({csv_format(), json_format(), parquet_format()});
  SinkKind sink_ = files_sink({parquet_encoder(), csv_encoder(), json_encoder()});
};

std::string many_lines(int count, int from = 0) {
  std::string out = "id,name,score\n";
  for (int i = from; i < from + count; ++i)
    out += std::to_string(i) + ",\"name, " + std::to_string(i % 7) + "\"," + std::to_string(i / 2.0) + "\n";
  return out;
}

TEST_F(Files, KeepASourcesPromisesPlainAndPacked) {
  put("in/a.csv", many_lines(3000));
  put("in/b.csv.gz", gzip(many_lines(2000, 5000)));
  put("in/c.csv", many_lines(1));
  const auto make = [&](int64_t block_bytes) {
    context_.memory.block = block_bytes;
    return bind("path: in/*");
  };
  EXPECT_THAT(broken_source_promises(make, {1 << 20, 1000, 64 << 10, 17'001}), IsEmpty());
}

std::string in_utf16(const std::string& ascii) {
  std::string out = "\xFF\xFE";
  for (const char c : ascii) out += std::string{c, '\0'};
  return out;
}

TEST_F(Files, KeepASourcesPromisesInEveryEncodingAndLayout) {
  std::string lines, array = "[";
  for (int i = 0; i < 1500; ++i) {
    const std::string row = R"({"id": )" + std::to_string(i) + R"(, "tags": ["a", null], "geo": {"lat": 1.5}})";
    lines += i % 100 == 7 ? "{broken\n" : row + "\n";
    array += (i > 0 ? ",\n " : "") + row;
  }
  put("json/a.jsonl", lines);
  put("json/b.json", array + "]\n");
  put("json/c.json.gz", gzip(array));  // its end is missing
  put("json/d.json", in_utf16(array + "]"));
  put("csv/a.csv", in_utf16(many_lines(3000)));
  put("csv/b.csv.gz", gzip(in_utf16(many_lines(500))));
  for (const std::string folder : {"json", "csv"}) {
    const auto make = [&](int64_t block_bytes) {
      context_.memory.block = block_bytes;
      return bind("path: " + folder + "/*");
    };
    EXPECT_THAT(broken_source_promises(make, {1 << 20, 1000, 17'001}), IsEmpty()) << folder;
  }
}

TEST_F(Files, PathsMayBeAScalarAListOrPatterns) {
  put("a.csv", "x\n1\n");
  put("b.csv", "x\n2\n");
  put("sub/c.csv", "x\n3\n");
  EXPECT_THAT(rows("a.csv"), ElementsAre("1"));
  EXPECT_THAT(rows("[b.csv, a.csv]"), ElementsAre("2", "1"));
  EXPECT_THAT(rows("path: '**/*.csv'"), ElementsAre("1", "2", "3"));
  EXPECT_THAT(rows("path: [a.csv, '*.csv']"), ElementsAre("1", "2"));
}

TEST_F(Files, NoMatchSaysWhatWasLookedFor) {
  put("in/flights.csv", "x\n1\n");
  EXPECT_THAT(bind_error("path: in/flihgts.csv"), HasSubstr("did you mean flights.csv?"));
  EXPECT_THAT(bind_error("path: in/*.parquet"), HasSubstr("in holds flights.csv"));
  EXPECT_THAT(bind_error("path: nowhere/*.csv"), HasSubstr("no file matches"));
}

TEST_F(Files, UnknownSettingsAreCheckedAgainstFilesAndFormat) {
  put("a.csv", "x\n1\n");
  EXPECT_THAT(bind_error("{ path: a.csv, delimter: ';' }"), HasSubstr("did you mean `delimiter`?"));
  EXPECT_THAT(bind_error("{ path: a.csv, format: cvs }"), HasSubstr("did you mean `csv`?"));
  EXPECT_THAT(bind_error("{ pth: a.csv }"), HasSubstr("did you mean `path`?"));
  EXPECT_THAT(bind_error("{ path: a.csv, compression: gz }"), HasSubstr("one of auto, none, gzip, zip"));
  EXPECT_THAT(rows("{ path: a.csv, delimiter: ',' }"), ElementsAre("1"));
}

TEST_F(Files, ColumnsOfManyFilesAreBroughtTogether) {
  put("a.csv", "id,name\n1,x\n");
  put("b.csv", "Name,id,extra\ny,2.5,7\n");
  const auto source = must(bind("path: '*.csv'"));
  EXPECT_EQ(schema_text(*source->schema()),
            schema_text(*make_schema(
                {{"id", arrow::float64()}, {"name", arrow::utf8()}, {"extra", source->schema()->field(2)->type()}})));
  EXPECT_THAT(rows_of(*source), ElementsAre("1 | x | NULL", "2.5 | y | 7"));
  EXPECT_THAT(all_notes(*source), HasSubstr("column extra is in 1 of 2 files"));
  EXPECT_THAT(all_notes(*source), HasSubstr("read as double"));
  EXPECT_TRUE(source->guessed());
}

TEST_F(Files, AContractDecides) {
  put("a.csv", "Dep Delay,origin\n5,JFK\nx,EWR\n");
  const auto source = must(bind("path: a.csv", "{ dep_delay: int32, origin: string }"));
  EXPECT_FALSE(source->guessed());
  EXPECT_THAT(rows_of(*source), ElementsAre("5 | JFK", HasSubstr("REJECT")));
  put("b.csv", "origin\nJFK\n");
  EXPECT_THAT(bind_error("path: '*.csv'", "{ dep_delay: int32, origin: string }"),
              HasSubstr("b.csv: it lacks dep_delay"));
  EXPECT_THAT(bind_error("path: a.csv", "{ origin: string }"), HasSubstr("the contract does not know Dep Delay"));
  EXPECT_THAT(rows("path: a.csv", "{ columns: { origin: string }, extra: drop }"), ElementsAre("JFK", "EWR"));
  EXPECT_THAT(rows("path: a.csv", "{ columns: { origin: string }, extra: keep }"), ElementsAre("JFK | 5", "EWR | x"));
  EXPECT_THAT(rows("path: b.csv", "{ columns: { origin: string, n: int32 }, missing: null }"),
              ElementsAre("JFK | NULL"));
  EXPECT_THAT(bind_error("path: a.csv", "{ columns: { origin: string, dep_delay: string }, reordered: fail }"),
              HasSubstr("in another order"));
}

TEST_F(Files, TheSameContentIsTheSameSplitInEachRun) {
  put("a.csv", "x\n1\n");
  const auto id = [&] { return must(must(bind("a.csv"))->discover()).front().id; };
  const std::string first = id();
  EXPECT_EQ(id(), first);
  const auto time = std::filesystem::last_write_time(root_ + "/a.csv");
  put("a.csv", "x\n2\n");
  std::filesystem::last_write_time(root_ + "/a.csv", time);
  EXPECT_NE(id(), first) << "same size, same time, other content";
}

TEST_F(Files, NewFilesAreDiscoveredLater) {
  put("in/a.csv", "x\n1\n");
  const auto source = must(bind("path: in/*.csv"));
  put("in/b.csv", "x\n2\n");
  EXPECT_EQ(must(source->discover()).size(), 2U);
  EXPECT_THAT(rows_of(*source), ElementsAre("1", "2"));
  put("in/c.csv", "x,y\n3,4\n");
  EXPECT_THAT(rows_of(*source), Each(HasSubstr("c.csv: it has columns that no file had")));
}

TEST_F(Files, AFileThatChangesWhileItIsReadIsAnError) {
  put("a.csv", many_lines(100));
  const auto source = must(bind("a.csv"));
  const auto split = std::make_shared<const Split>(must(source->discover()).front());
  const auto reader = must(source->open(split, 0));
  put("a.csv", many_lines(100) + "1,2,3\n");
  Result<Reader::Piece> piece = reader->read();
  while (piece && piece->then != Reader::Next::ended) piece = reader->read();
  ASSERT_FALSE(piece);
  EXPECT_THAT(piece.error().text(), HasSubstr("changed while it was read"));
}

TEST_F(Files, DamagedGzipNamesTheByteAndGivesNoShortSuccess) {
  const std::string packed = gzip(many_lines(20'000));
  put("a.csv.gz", packed.substr(0, packed.size() - 100));
  const auto source = bind("a.csv.gz");
  const std::string error = source ? rows_of(**source).front() : source.error().text();
  EXPECT_THAT(error, HasSubstr("a.csv.gz: damaged gzip at byte " + std::to_string(packed.size() - 100)));
}

TEST_F(Files, GuessesThatDoNotHoldAreWidened) {
  std::string text = "a,b\n";
  const std::string long_text(100, 'x');
  for (int i = 0; i < 60'000; ++i) text += long_text + "," + (i == 54'321 ? "oops" : "1") + "\n";
  put("a.csv.gz", gzip(text));  // packed: only its head can be sampled
  const auto source = must(bind("a.csv.gz"));
  KeepingOutlet outlet;
  must(read_all(*source, outlet));
  ASSERT_EQ(outlet.misfits.size(), 1U) << "was the value within the sample?";
  EXPECT_EQ(outlet.misfits.front().column, "b");
  must(source->widen(outlet.misfits));
  KeepingOutlet again;
  must(read_all(*source, again));
  EXPECT_THAT(again.misfits, IsEmpty());
  EXPECT_EQ(again.rows.size(), 60'000U);
  EXPECT_EQ(again.rows[54'321].row, long_text + " | oops");
}

TEST_F(Files, APipeIsReadOnceAndAgainIfGuessesFail) {
  std::string text = "a,b\n";
  const std::string long_text(300, 'x');
  for (int i = 0; i < 40'000; ++i) text += (i == 39'000 ? "oops" : std::to_string(i % 1000)) + "," + long_text + "\n";
  ASSERT_GT(text.size(), 9U << 20) << "more than the head that is kept in memory";
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const std::string path = "/dev/fd/" + std::to_string(ends[0]);
  const auto feeder = real_env().start_thread("feeder", [&](std::stop_token) {
    for (size_t at = 0; at < text.size();)
      at += static_cast<size_t>(std::max<ssize_t>(::write(ends[1], text.data() + at, text.size() - at), 0));
    ::close(ends[1]);
  });
  {
    const auto source = must(bind("path: " + path));
    EXPECT_THAT(all_notes(*source), HasSubstr("kept in"));
    KeepingOutlet outlet;
    must(read_all(*source, outlet));
    ASSERT_EQ(outlet.misfits.size(), 1U);
    must(source->widen(outlet.misfits));
    KeepingOutlet again;
    must(read_all(*source, again));
    ASSERT_EQ(again.rows.size(), 40'000U);
    EXPECT_EQ(again.rows[39'000].row, "oops | " + long_text);
  }
  feeder->join();
  ::close(ends[0]);
  EXPECT_THAT(must(real_env().list(root_ + "/state/input")), IsEmpty()) << "the spool is taken away";
}

TEST_F(Files, AnEmptyFileNeedsAContract) {
  put("empty.csv", "");
  EXPECT_THAT(bind_error("empty.csv"), HasSubstr("no columns"));
  EXPECT_THAT(rows("empty.csv", "{ a: int32 }"), IsEmpty());
  put("full.csv", "a\n1\n");
  EXPECT_THAT(rows("path: '*.csv'"), ElementsAre("1"));
}

// ---- the sink

Rows table(int64_t count, int64_t from = 0) {
  arrow::Int64Builder id;
  arrow::Int32Builder month;
  arrow::StringBuilder name;
  for (int64_t i = from; i < from + count; ++i) {
    EXPECT_TRUE(id.Append(i).ok());
    EXPECT_TRUE((i % 13 == 5 ? month.AppendNull() : month.Append(static_cast<int32_t>(i % 12))).ok());
    EXPECT_TRUE(name.Append(i % 3 == 0 ? "a/b=c" : "plain").ok());
  }
  const auto schema = arrow::schema(
      {arrow::field("id", arrow::int64()), arrow::field("month", arrow::int32()), arrow::field("name", arrow::utf8())});
  return arrow::RecordBatch::Make(schema, count,
                                  {id.Finish().ValueOrDie(), month.Finish().ValueOrDie(), name.Finish().ValueOrDie()});
}

std::vector<Batch> batches_of(const Rows& rows, int64_t size,
                              const std::string& split = "in/flights.csv.zip!flights.csv") {
  Split from;
  from.id = from.name = split;
  Block block;
  block.split = std::make_shared<const Split>(from);
  const auto shared = std::make_shared<const Block>(block);
  std::vector<Batch> out;
  for (int64_t at = 0; at < rows->num_rows(); at += size)
    out.push_back({rows->Slice(at, size), Positions::run(at), shared});
  return out;
}

class FilesSinkTest : public Files {
 protected:
  Result<BoundSink> bind_sink(const std::string& settings, const Schema& schema) {
    Problems problems;
    const Node node = yaml(settings);
    auto bound = sink_.bind({"out", "test", &node, "", std::nullopt}, {"rows", schema}, context_, problems);
    if (bound && !problems.empty()) return config_error("problems", problems.text());
    return bound;
  }
  std::string sink_error(const std::string& settings, const Schema& schema = table(1)->schema()) {
    const auto bound = bind_sink(settings, schema);
    return bound ? "" : bound.error().text();
  }
  /// Paths below the root, in order.
  std::vector<std::string> write(const std::string& settings, const std::vector<Batch>& batches,
                                 const Schema& schema = table(1)->schema()) {
    const BoundSink bound = must(bind_sink(settings, schema));
    PlainOutputFiles files(real_env(), 3);
    EXPECT_THAT(broken_file_sink_promises(*bound.files, batches, files), IsEmpty());
    std::vector<std::string> out;
    for (const auto& file : files.made()) out.push_back(file.path.substr(root_.size() + 1));
    std::sort(out.begin(), out.end());
    return out;
  }
  std::vector<std::string> sorted_rows(const std::string& settings) {
    auto out = rows(settings);
    std::sort(out.begin(), out.end());
    return out;
  }
};

TEST_F(FilesSinkTest, OneFileHasAllRowsInOrder) {
  const Rows all = table(5000);
  for (const int64_t size : {1, 7, 2048}) {
    for (const char* file : {"o.parquet", "o.csv"}) {
      EXPECT_THAT(write(std::string("path: out/") + file, batches_of(all, size)),
                  ElementsAre(std::string("out/") + file));
      EXPECT_EQ(rows(std::string("path: out/") + file), rows_as_text(*all));
    }
  }
}

TEST_F(FilesSinkTest, NoRowsStillMakeTheOneFile) {
  EXPECT_THAT(write("o.parquet", {}), ElementsAre("o.parquet"));
  EXPECT_THAT(rows("o.parquet"), IsEmpty());
  EXPECT_EQ(schema_text(*must(bind("o.parquet"))->schema()), schema_text(*table(1)->schema()));
  EXPECT_THAT(write("path: out/", {}), IsEmpty());
}

TEST_F(FilesSinkTest, TheInputsNameNamesTheOutput) {
  auto batches = batches_of(table(10), 5);
  const auto more = batches_of(table(10, 100), 5, "in/planes.csv");
  batches.insert(batches.end(), more.begin(), more.end());
  EXPECT_THAT(write("path: 'out/{source_stem}.parquet'", batches),
              ElementsAre("out/flights.parquet", "out/planes.parquet"));
  EXPECT_EQ(rows("out/planes.parquet"), rows_as_text(*table(10, 100)));
  const BoundSink bound = must(bind_sink("path: 'out/{source_stem}.csv'", table(1)->schema()));
  PlainOutputFiles files(real_env(), 1);
  const auto done = bound.files->write(Batch{table(1), {}, nullptr}, files);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().text(), HasSubstr("no single file"));
}

TEST_F(FilesSinkTest, PartitionsAreFoldersOfPlainValues) {
  const Rows all = table(5000);
  const auto paths = write("{ path: out, partition_by: month }", batches_of(all, 700));
  ASSERT_EQ(paths.size(), 13U);
  EXPECT_EQ(paths.front(), "out/month=0/part-3-0.parquet");
  EXPECT_THAT(paths, testing::Contains("out/month=__HIVE_DEFAULT_PARTITION__/part-3-0.parquet"));
  std::vector<std::string> expected = rows_as_text(*all->RemoveColumn(1).ValueOrDie());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(sorted_rows("path: 'out/**/*.parquet'"), expected);
}

TEST_F(FilesSinkTest, TwoPartitionColumnsAndOddValues) {
  const Rows all = table(100);
  const auto paths = write("{ path: out, partition_by: [name, month], keep_partition_columns: true, format: csv }",
                           batches_of(all, 9));
  EXPECT_THAT(paths, testing::Contains("out/name=a%2Fb%3Dc/month=3/part-3-0.csv"));
  std::vector<std::string> expected = rows_as_text(*all);
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(sorted_rows("path: 'out/**/*.csv'"), expected);
}

TEST_F(FilesSinkTest, RowsOfManyPartitionsAreSetAsideOnDiskAndMakeOneFileEach) {
  const Rows all = table(30'000);
  context_.memory.writers = 100'000;
  const auto paths = write("{ path: out, partition_by: month, open_files: 2 }", batches_of(all, 1000));
  EXPECT_EQ(paths.size(), 13U);
  std::vector<std::string> expected = rows_as_text(*all->RemoveColumn(1).ValueOrDie());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(sorted_rows("path: 'out/**/*.parquet'"), expected);
  EXPECT_FALSE(real_env().exists(root_ + "/state/partitions/out"));
}

TEST_F(FilesSinkTest, LargePartitionsAreWrittenAsTheyCome) {
  const Rows all = table(200'000);
  context_.memory.writers = 16 << 20;
  const BoundSink bound = must(bind_sink("{ path: out, partition_by: name }", all->schema()));
  PlainOutputFiles files(real_env(), 1);
  for (const Batch& batch : batches_of(all, 5000)) must(bound.files->write(batch, files));
  EXPECT_FALSE(files.made().empty()) << "before the end";
  must(bound.files->finish(files));
  EXPECT_EQ(files.rows(), 200'000);
  EXPECT_EQ(files.made().size(), 2U);
}

TEST_F(FilesSinkTest, MemoryIsCappedOverAllOpenFiles) {
  context_.memory.writers = 2 << 20;
  const BoundSink bound = must(bind_sink("{ path: out, partition_by: month }", table(1)->schema()));
  PlainOutputFiles files(real_env(), 1);
  size_t most = 0;
  for (const Batch& batch : batches_of(table(200'000), 5000)) {
    must(bound.files->write(batch, files));
    most = std::max(most, bound.files->memory());
  }
  must(bound.files->finish(files));
  EXPECT_LE(most, 2U << 20);
  EXPECT_EQ(files.rows(), 200'000);
}

TEST_F(FilesSinkTest, ManyPartitionsOfFewRowsMakeOneFileEach) {
  const Rows all = table(2000);
  const auto paths = write("{ path: out, partition_by: id, open_files: 3 }", batches_of(all, 1));
  EXPECT_EQ(paths.size(), 2000U);
}

TEST_F(FilesSinkTest, WhatCannotBeIsSaidWhenItIsBound) {
  EXPECT_THAT(sink_error("path: out/x.xlsx"), HasSubstr("names no format"));
  EXPECT_THAT(sink_error("{ path: out/x.parquet, format: parqet }"), HasSubstr("did you mean `parquet`?"));
  EXPECT_THAT(sink_error("path: 'out/{sourcestem}.csv'"), HasSubstr("unknown placeholder {sourcestem}"));
  EXPECT_THAT(sink_error("{ path: out, partition_by: mnth }"), HasSubstr("did you mean `month`?"));
  EXPECT_THAT(sink_error("{ path: out/x.parquet, partition_by: month }"), HasSubstr("is a file"));
  EXPECT_THAT(sink_error("{ path: out, partition_by: [id, month, name] }"), HasSubstr("no column is left"));
  EXPECT_THAT(sink_error("{ path: out, partition_by: [id, id] }"), HasSubstr("twice"));
  EXPECT_THAT(sink_error("{ path: out/x.csv, compresion: zstd }"), HasSubstr("unknown key `compresion`"));
  EXPECT_THAT(sink_error("{ path: out/x.parquet, compresion: zstd }"), HasSubstr("did you mean `compression`?"));
  EXPECT_THAT(sink_error("{ path: out/x.parquet, if_exists: maybe }"), HasSubstr("one of number, replace, error"));
  EXPECT_THAT(sink_error("{ path: out/x.parquet, open_files: 0 }"), HasSubstr("at least 1"));
  EXPECT_THAT(sink_error("{ format: csv }"), HasSubstr("path"));
  const auto nested = arrow::schema(
      {arrow::field("s", arrow::struct_({arrow::field("a", arrow::int32())})), arrow::field("x", arrow::int32())});
  EXPECT_THAT(sink_error("{ path: out, partition_by: s }", nested), HasSubstr("cannot name folders"));
}

TEST_F(FilesSinkTest, SaysWhatItOwns) {
  const BoundSink bound = must(bind_sink("{ path: ./out/../x.csv, if_exists: replace }", table(1)->schema()));
  EXPECT_THAT(bound.owns, ElementsAre(root_ + "/x.csv"));
  EXPECT_EQ(bound.if_exists, IfExists::replace);
}

TEST(Partition, TimestampsArePlain) {
  const auto folder = [](arrow::TimeUnit::type unit, const char* zone, int64_t value) {
    arrow::TimestampBuilder builder(arrow::timestamp(unit, zone), arrow::default_memory_pool());
    EXPECT_TRUE(builder.Append(value).ok());
    return partition_folder("minute", *builder.Finish().ValueOrDie(), 0);
  };
  EXPECT_EQ(folder(arrow::TimeUnit::MICRO, "", 1'726'210'140'000'000), "minute=2024-09-13T06:49");
  EXPECT_EQ(folder(arrow::TimeUnit::SECOND, "UTC", 1'726'210'141), "minute=2024-09-13T06:49:01Z");
  EXPECT_EQ(folder(arrow::TimeUnit::MILLI, "", -1), "minute=1969-12-31T23:59:59.999");
  EXPECT_EQ(folder(arrow::TimeUnit::NANO, "", 500'000), "minute=1970-01-01T00:00:00.0005");
}

}  // namespace
}  // namespace trommel
