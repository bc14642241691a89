#include "codecs/parquet/parquet.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <arrow/extension/uuid.h>
#include <arrow/json/from_string.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <cstring>
#include <random>

#include "batch/arrow_io.h"
#include "batch/types.h"
#include "codecs/parquet/encodings.h"
#include "codecs/parquet/row_groups.h"
#include "component/promises.h"

namespace trommel {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

/// A file in memory, for writing and for reading.
class MemoryFile : public OutputStream, public RandomFile {
 public:
  Result<> append(Bytes more) override {
    bytes.insert(bytes.end(), more.begin(), more.end());
    return {};
  }
  Result<> sync() override { return {}; }
  Result<> close() override { return {}; }
  Result<size_t> read_at(int64_t offset, std::span<uint8_t> into) const override {
    const size_t at = std::min(static_cast<size_t>(offset), bytes.size());
    const size_t count = std::min(into.size(), bytes.size() - at);
    if (count > 0) std::memcpy(into.data(), bytes.data() + at, count);
    return count;
  }
  int64_t size() const override { return static_cast<int64_t>(bytes.size()); }

  std::vector<uint8_t> bytes;
};

Node setting(std::initializer_list<std::pair<const char*, const char*>> entries) {
  Node node;
  node.kind = Node::Kind::map;
  for (const auto& [name, value] : entries) {
    Node scalar;
    scalar.kind = Node::Kind::scalar;
    scalar.scalar = value;
    node.entries.push_back({name, {}, scalar});
  }
  return node;
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  return std::move(*result);
}
void must(Result<> result) {
  if (!result) throw std::runtime_error(result.error().text());
}

std::shared_ptr<MemoryFile> written(const std::vector<Rows>& batches, const Schema& schema,
                                    const Node& settings = setting({}), int64_t memory = 64 << 20, int threads = 2) {
  auto file = std::make_shared<MemoryFile>();
  auto encoder = must(parquet_encoder().open(*file, schema, settings, threads, memory));
  int64_t rows = 0;
  for (const Rows& batch : batches) {
    must(encoder->write(*batch));
    rows += batch->num_rows();
  }
  must(encoder->finish());
  EXPECT_EQ(encoder->rows(), rows);
  return file;
}

std::shared_ptr<parquet::FileMetaData> metadata_of(const std::shared_ptr<MemoryFile>& file) {
  return must(read_footer("test.parquet", file))->metadata;
}

/// A source of one Parquet file, for the promises.
class OneFile : public Source {
 public:
  OneFile(std::shared_ptr<MemoryFile> file, int64_t block_bytes) : file_(std::move(file)), block_bytes_(block_bytes) {}
  Result<> bind(const Schema& rows = nullptr, bool guessed = false) {
    Problems problems;
    Sample sample{"test.parquet",
                  {std::string(as_text(Bytes(file_->bytes).first(std::min<size_t>(64, file_->bytes.size()))))},
                  false,
                  file_->size()};
    ASSIGN(format_, parquet_format().look(sample, file_, setting({}), std::nullopt, problems));
    schema_ = rows ? rows : format_->schema();
    std::vector<int> from;
    for (const auto& field : schema_->fields()) from.push_back(format_->schema()->GetFieldIndex(field->name()));
    return format_->target(schema_, from, std::nullopt, guessed);
  }
  Result<std::vector<Split>> discover() override {
    Split split;
    split.id = "one";
    split.name = "test.parquet";
    split.size = file_->size();
    return std::vector{split};
  }
  Result<std::unique_ptr<Reader>> open(std::shared_ptr<const Split> split, Position at) override {
    return format_->open(std::move(split), nullptr, file_, at, block_bytes_);
  }
  Result<> durable(std::span<const Delivered>) override { return {}; }
  Schema schema() const override { return schema_; }

 private:
  std::shared_ptr<MemoryFile> file_;
  int64_t block_bytes_;
  std::shared_ptr<FileFormat> format_;
  Schema schema_;
};

std::vector<std::string> read_rows(const std::shared_ptr<MemoryFile>& file, int64_t block_bytes = 1 << 20) {
  OneFile source(file, block_bytes);
  must(source.bind());
  KeepingOutlet outlet;
  must(read_all(source, outlet));
  std::vector<std::string> out;
  for (const auto& row : outlet.rows) out.push_back(row.row);
  return out;
}

Rows mixed_rows(int64_t count, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  arrow::Int64Builder id;
  arrow::Int32Builder small;
  arrow::DoubleBuilder measure;
  arrow::StringBuilder word, text;
  arrow::TimestampBuilder time(arrow::timestamp(arrow::TimeUnit::MICRO), arrow::default_memory_pool());
  const char* words[] = {"north", "south", "east", "west"};
  for (int64_t i = 0; i < count; ++i) {
    EXPECT_TRUE(id.Append(1000 + i).ok());
    EXPECT_TRUE((random() % 7 == 0 ? small.AppendNull() : small.Append(static_cast<int32_t>(random() % 50))).ok());
    EXPECT_TRUE(measure.Append(static_cast<double>(random()) / 3).ok());
    EXPECT_TRUE(word.Append(words[random() % 4]).ok());
    EXPECT_TRUE(text.Append("row " + std::to_string(random())).ok());
    EXPECT_TRUE(time.Append(1'700'000'000'000'000 + i * 1'000'000 + static_cast<int64_t>(random() % 1000)).ok());
  }
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  const auto add = [&](const char* name, arrow::ArrayBuilder& builder) {
    arrays.push_back(builder.Finish().ValueOrDie());
    fields.push_back(arrow::field(name, arrays.back()->type()));
  };
  add("id", id);
  add("small", small);
  add("measure", measure);
  add("word", word);
  add("text", text);
  add("time", time);
  return arrow::RecordBatch::Make(arrow::schema(fields), count, arrays);
}

std::vector<Rows> cut(const Rows& rows, int64_t size) {
  std::vector<Rows> out;
  for (int64_t at = 0; at < rows->num_rows(); at += size) out.push_back(rows->Slice(at, size));
  return out;
}

TEST(ParquetEncoder, WhatIsWrittenReadsBackForAnySizeOfBatch) {
  const Rows rows = mixed_rows(3000);
  for (const int64_t size : {1, 7, 2048, 3000}) {
    const auto file = written(cut(rows, size), rows->schema());
    EXPECT_EQ(read_rows(file), rows_as_text(*rows)) << "batches of " << size;
    EXPECT_EQ(metadata_of(file)->num_row_groups(), 1)
        << "batches of " << size << " rows must not make small row groups";
  }
}

TEST(ParquetEncoder, RowGroupsHaveAtMostSoManyRows) {
  const Rows rows = mixed_rows(100'000);
  const auto file = written(cut(rows, 1500), rows->schema(), setting({{"row_group_rows", "40000"}}));
  const auto metadata = metadata_of(file);
  ASSERT_EQ(metadata->num_row_groups(), 3);
  EXPECT_EQ(metadata->RowGroup(0)->num_rows(), 40'000);
  EXPECT_EQ(metadata->RowGroup(2)->num_rows(), 20'000);
  EXPECT_EQ(read_rows(file), rows_as_text(*rows));
}

TEST(ParquetEncoder, MemoryStaysWithinItsShareAndNoGroupIsEmpty) {
  const Rows rows = mixed_rows(50'000);
  MemoryFile file;
  const int64_t share = 4 << 20;
  auto encoder = must(parquet_encoder().open(file, rows->schema(), setting({}), 2, share));
  size_t most = 0;
  for (int round = 0; round < 10; ++round) {
    for (const Rows& batch : cut(rows, 5000)) {
      must(encoder->write(*batch));
      most = std::max(most, encoder->memory());
    }
  }
  must(encoder->finish());
  EXPECT_LE(most, static_cast<size_t>(share) * 3 / 2);
  EXPECT_EQ(encoder->rows(), 500'000);
  const auto metadata = metadata_of(std::make_shared<MemoryFile>(file));
  EXPECT_GT(metadata->num_row_groups(), 2);
  for (int i = 0; i < metadata->num_row_groups(); ++i) EXPECT_GT(metadata->RowGroup(i)->num_rows(), 0);
}

TEST(ParquetEncoder, NoRowsStillMakeAFileWithTheSchema) {
  const Rows rows = mixed_rows(1);
  const auto file = written({}, rows->schema());
  EXPECT_EQ(metadata_of(file)->num_rows(), 0);
  OneFile source(file, 1 << 20);
  must(source.bind());
  EXPECT_TRUE(source.schema()->Equals(*rows->schema(), false));
  EXPECT_THAT(read_rows(file), IsEmpty());
}

TEST(ParquetEncoder, SmallColumnsOfSmallFilesAreNotPacked) {
  const Rows rows = mixed_rows(2000);
  const auto codec = [](const std::shared_ptr<MemoryFile>& file, int column) {
    return metadata_of(file)->RowGroup(0)->ColumnChunk(column)->compression();
  };
  const auto file = written(cut(rows, 100), rows->schema());
  EXPECT_EQ(codec(file, 1), arrow::Compression::UNCOMPRESSED) << "8 KB";
  EXPECT_EQ(codec(file, 4), arrow::Compression::ZSTD) << "48 KB of text";
  EXPECT_EQ(read_rows(file), rows_as_text(*rows));
  EXPECT_EQ(codec(written(cut(rows, 100), rows->schema(), setting({{"compression", "zstd"}})), 1),
            arrow::Compression::ZSTD)
      << "what is asked for is done";
  const Rows many = mixed_rows(5000);
  EXPECT_EQ(codec(written(cut(many, 100), many->schema()), 3), arrow::Compression::ZSTD) << "no small file";
}

TEST(ParquetEncoder, ArrowsSchemaIsKeptOnlyWhereParquetSaysLess) {
  const Rows rows = mixed_rows(10);
  EXPECT_TRUE(metadata_of(written({rows}, rows->schema()))->key_value_metadata()->Contains("ARROW:schema"))
      << "timestamps";
  const auto plain = rows->SelectColumns({0, 1, 2, 3}).ValueOrDie();
  const auto metadata = metadata_of(written({plain}, plain->schema()))->key_value_metadata();
  EXPECT_TRUE(!metadata || !metadata->Contains("ARROW:schema"));
}

TEST(ParquetEncoder, ColumnsGetTheEncodingThatSuitsThem) {
  const Rows rows = mixed_rows(encoding_sample_rows);
  const auto chosen = must(choose_encodings(rows, {arrow::Compression::ZSTD, 3, 500'000}));
  EXPECT_EQ(chosen[0], ColumnEncoding::delta) << "rising numbers";
  EXPECT_EQ(chosen[1], ColumnEncoding::dictionary) << "50 values";
  EXPECT_NE(chosen[2], ColumnEncoding::dictionary) << "all different";
  EXPECT_EQ(chosen[3], ColumnEncoding::dictionary) << "four words";
  EXPECT_NE(chosen[4], ColumnEncoding::dictionary) << "all different";
  EXPECT_EQ(chosen[5], ColumnEncoding::delta) << "rising times";
}

TEST(ParquetEncoder, ChosenEncodingsAreSmallerThanDictionariesAlone) {
  const Rows rows = mixed_rows(200'000);
  const auto smallest = written(cut(rows, 10'000), rows->schema());
  const auto plain = written(cut(rows, 10'000), rows->schema(), setting({{"encodings", "plain"}}));
  EXPECT_LT(smallest->size() * 10, plain->size() * 9);
  EXPECT_EQ(read_rows(smallest), rows_as_text(*rows));
}

TEST(ParquetEncoder, ExpectedDistinctFollowsTheDraw) {
  EXPECT_NEAR(expected_distinct(16384, 16, 500'000), 16, 0.1);
  EXPECT_NEAR(expected_distinct(16384, 11180, 1'000'000), 20'000, 300);
  EXPECT_NEAR(expected_distinct(16384, 16384, 500'000), 500'000, 1);
}

TEST(ParquetEncoder, SettingsThatMeanNothingAreProblems) {
  const auto problems_of = [](std::initializer_list<std::pair<const char*, const char*>> entries) {
    Problems problems;
    parquet_encoder().check(setting(entries), nullptr, problems);
    return problems.text();
  };
  EXPECT_EQ(problems_of({{"compression", "zstd"}, {"compression_level", "19"}}), "");
  EXPECT_THAT(problems_of({{"compression", "ztsd"}}), HasSubstr("zstd"));
  EXPECT_THAT(problems_of({{"compression", "snappy"}, {"compression_level", "3"}}), HasSubstr("zstd and gzip only"));
  EXPECT_THAT(problems_of({{"compression_level", "99"}}), HasSubstr("1 to 22"));
  EXPECT_THAT(problems_of({{"row_group_rows", "0"}}), HasSubstr("at least 1"));
  EXPECT_THAT(problems_of({{"row_group_row", "5"}}), HasSubstr("row_group_rows"));
}

/// Every type of ours, with a NULL in each.
Rows every_type() {
  const auto utc = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  const auto json = [](const Type& type, const std::string& text) {
    return arrow::json::ArrayFromJSONString(type, text).ValueOrDie();
  };
  arrow::ArrayVector arrays = {
      json(arrow::boolean(), "[true, null]"),
      json(arrow::int8(), "[-128, null]"),
      json(arrow::int16(), "[-32768, null]"),
      json(arrow::int32(), "[-2147483648, null]"),
      json(arrow::int64(), "[-9223372036854775808, null]"),
      json(arrow::uint8(), "[255, null]"),
      json(arrow::uint16(), "[65535, null]"),
      json(arrow::uint32(), "[4294967295, null]"),
      json(arrow::uint64(), "[18446744073709551615, null]"),
      json(arrow::float32(), "[1.5, null]"),
      json(arrow::float64(), "[0.1, null]"),
      json(arrow::decimal128(9, 2), R"(["-1234567.89", null])"),
      json(arrow::decimal128(18, 3), R"(["123.456", null])"),
      json(arrow::decimal128(38, 10), R"(["1234567890123456789012345678.0123456789", null])"),
      json(arrow::utf8(), R"(["Zoë", null])"),
      json(arrow::binary(), R"(["\u0001x", null])"),
      json(arrow::date32(), "[19000, null]"),
      json(arrow::time32(arrow::TimeUnit::MILLI), "[3600001, null]"),
      json(arrow::time64(arrow::TimeUnit::MICRO), "[3600000001, null]"),
      json(arrow::timestamp(arrow::TimeUnit::MILLI), "[1700000000123, null]"),
      json(arrow::timestamp(arrow::TimeUnit::MICRO), "[-1, null]"),
      json(utc, "[1700000000123456, null]"),
      json(arrow::list(arrow::int64()), "[[1, null, 3], null]"),
      json(arrow::struct_({arrow::field("a", arrow::int32()), arrow::field("b", arrow::utf8())}),
           R"([{"a": 1, "b": null}, null])"),
      json(arrow::map(arrow::utf8(), arrow::int64()), R"([[["k", 7]], null])"),
      arrow::ExtensionType::WrapArray(arrow::extension::uuid(),
                                      json(arrow::fixed_size_binary(16), R"(["0123456789abcdef", null])"))};
  arrow::FieldVector fields;
  for (size_t i = 0; i < arrays.size(); ++i) fields.push_back(arrow::field("c" + std::to_string(i), arrays[i]->type()));
  return arrow::RecordBatch::Make(arrow::schema(fields), 2, arrays);
}

TEST(Parquet, EveryTypeComesBackAsItWas) {
  const Rows rows = every_type();
  const auto file = written({rows}, rows->schema());
  OneFile source(file, 1 << 20);
  must(source.bind());
  EXPECT_EQ(schema_text(*source.schema()), schema_text(*rows->schema()));
  EXPECT_EQ(read_rows(file), rows_as_text(*rows));
}

TEST(Parquet, LogicalTypesSayWhatAnotherReaderMustKnow) {
  const Rows rows = every_type();
  const auto metadata = metadata_of(written({rows}, rows->schema()));
  const auto logical = [&](const char* column) {
    for (int i = 0; i < metadata->schema()->num_columns(); ++i) {
      if (metadata->schema()->Column(i)->path()->ToDotString() == column)
        return metadata->schema()->Column(i)->logical_type()->ToString();
    }
    return std::string();
  };
  EXPECT_THAT(logical("c11"), HasSubstr("Decimal(precision=9, scale=2)"));
  EXPECT_THAT(logical("c18"), HasSubstr("Time(isAdjustedToUTC=false"));
  EXPECT_THAT(logical("c20"), HasSubstr("Timestamp(isAdjustedToUTC=false"));
  EXPECT_THAT(logical("c21"), HasSubstr("Timestamp(isAdjustedToUTC=true"));
  EXPECT_THAT(logical("c25"), HasSubstr("UUID"));
}

TEST(Parquet, TrialsWorkForEveryType) {
  const Rows two = every_type();
  std::vector<Rows> many(encoding_sample_rows / 2 + 1, two);
  const auto file = written(many, two->schema());
  const auto rows = read_rows(file);
  ASSERT_EQ(rows.size(), many.size() * 2);
  EXPECT_EQ(rows[0], rows_as_text(*two)[0]);
}

TEST(ParquetFormat, KeepsASourcesPromises) {
  const Rows rows = mixed_rows(5000);
  const auto file = written(cut(rows, 1000), rows->schema(), setting({{"row_group_rows", "1700"}}));
  const auto bind = [&](int64_t block_bytes) -> Result<std::shared_ptr<Source>> {
    auto source = std::make_shared<OneFile>(file, block_bytes);
    TRY(source->bind());
    return std::shared_ptr<Source>(source);
  };
  EXPECT_THAT(broken_source_promises(bind, {1 << 20, 20'000, 1 << 13, 1 << 26}), IsEmpty());
}

TEST(ParquetFormat, PositionsAreRowNumbersOfTheFile) {
  const Rows rows = mixed_rows(300);
  OneFile source(written({rows}, rows->schema(), setting({{"row_group_rows", "100"}})), 4000);
  must(source.bind());
  KeepingOutlet outlet;
  must(read_all(source, outlet));
  ASSERT_EQ(outlet.rows.size(), 300U);
  for (size_t i = 0; i < outlet.rows.size(); ++i) ASSERT_EQ(outlet.rows[i].position, static_cast<int64_t>(i));
}

TEST(ParquetFormat, ReadsOnlyTheColumnsAskedForAndCastsThem) {
  const Rows rows = mixed_rows(50);
  OneFile source(written({rows}, rows->schema()), 1 << 20);
  must(source.bind(make_schema({{"word", arrow::utf8()}, {"absent", arrow::float64()}, {"id", arrow::utf8()}})));
  KeepingOutlet outlet;
  must(read_all(source, outlet));
  ASSERT_EQ(outlet.rows.size(), 50U);
  EXPECT_THAT(outlet.rows[3].row, HasSubstr(" | NULL | 1003"));
}

TEST(ParquetFormat, AValueThatDoesNotFitIsARejectOrAMisfit) {
  const Rows rows = mixed_rows(50);  // ids 1000 to 1049
  const auto file = written({rows}, rows->schema());
  const Schema narrow = make_schema({{"id", arrow::int8()}, {"small", arrow::int8()}});
  OneFile source(file, 1 << 20);
  must(source.bind(narrow));
  KeepingOutlet outlet;
  must(read_all(source, outlet));
  EXPECT_EQ(outlet.rejects.size(), 50U);
  EXPECT_EQ(outlet.rejects[0], "cast id 1000");
  EXPECT_EQ(outlet.accounted(), 50);
  OneFile guessing(file, 1 << 20);
  must(guessing.bind(narrow, true));
  KeepingOutlet told;
  must(read_all(guessing, told));
  ASSERT_EQ(told.misfits.size(), 1U) << "one a column is enough";
  EXPECT_EQ(told.misfits[0].value, "1000");
  EXPECT_THAT(told.rejects, IsEmpty());
}

std::string error_of(const std::shared_ptr<MemoryFile>& file) {
  OneFile source(file, 1 << 20);
  auto done = source.bind();
  if (done) {
    KeepingOutlet outlet;
    done = read_all(source, outlet);
  }
  return done ? "" : done.error().text();
}

TEST(ParquetFormat, WhatIsNoWholeParquetFileIsSaidInPlainWords) {
  const Rows rows = mixed_rows(5000);
  const auto file = written({rows}, rows->schema());
  const auto changed = [&](auto change) {
    auto copy = std::make_shared<MemoryFile>();
    copy->bytes = file->bytes;
    change(copy->bytes);
    return error_of(copy);
  };
  EXPECT_EQ(changed([](auto&) {}), "");
  EXPECT_THAT(changed([](auto& bytes) { bytes.resize(bytes.size() / 2); }), HasSubstr("cut short"));
  EXPECT_THAT(changed([](auto& bytes) { bytes.resize(3); }), HasSubstr("not a Parquet file: 3 bytes"));
  EXPECT_THAT(changed([](auto& bytes) { std::memcpy(bytes.data(), "PARE", 4); }), HasSubstr("encrypted"));
  EXPECT_THAT(changed([](auto& bytes) { std::memcpy(bytes.data() + bytes.size() - 4, "PARE", 4); }),
              HasSubstr("encrypted"));
  EXPECT_THAT(changed([](auto& bytes) { std::memset(bytes.data() + bytes.size() - 40, 0xee, 30); }),
              HasSubstr("damaged"));
  EXPECT_THAT(changed([](auto& bytes) { std::memset(bytes.data() + 100, 0xee, 3000); }), HasSubstr("damaged"));
}

TEST(ParquetFormat, RecognisesItsMagicOnly) {
  const auto sure = [](const std::string& head) { return parquet_format().recognise(Sample{"x", {head}, true, 0}); };
  EXPECT_EQ(sure("PAR1...."), 100);
  EXPECT_EQ(sure("PARE...."), 100);
  EXPECT_EQ(sure("a,b\n1,2\n"), 0);
  EXPECT_EQ(sure("PA"), 0);
  EXPECT_EQ(sure(""), 0);
}

}  // namespace
}  // namespace trommel
