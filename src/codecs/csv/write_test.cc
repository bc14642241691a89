// What was written reads back equal: through a contract any table, without one any table that was read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "codecs/csv/testing.h"

namespace trommel::csv {
namespace {

class TextOutput : public OutputStream {
 public:
  std::string text;
  Result<> append(Bytes bytes) override {
    text += as_text(bytes);
    return {};
  }
  Result<> sync() override { return {}; }
  Result<> close() override { return {}; }
};

std::string written(const Rows& rows, const Node& settings = {}) {
  TextOutput out;
  auto encoder = *csv_encoder().open(out, rows->schema(), settings, 1, 1 << 20);
  EXPECT_TRUE(encoder->write(*rows));
  EXPECT_TRUE(encoder->finish());
  EXPECT_EQ(encoder->rows(), rows->num_rows());
  return out.text;
}

Rows table(const std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>>& columns) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(array);
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), arrays.empty() ? 0 : arrays[0]->length(), arrays);
}

template <class Builder, class Value>
std::shared_ptr<arrow::Array> column(const std::shared_ptr<arrow::DataType>& type,
                                     const std::vector<std::optional<Value>>& values) {
  Builder builder(type, arrow::default_memory_pool());
  for (const auto& value : values) EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  return *builder.Finish();
}

std::shared_ptr<arrow::Array> texts(const std::vector<std::optional<std::string>>& values) {
  return column<arrow::StringBuilder, std::string>(arrow::utf8(), values);
}

TEST(Write, QuotesOnlyWhereNeeded) {
  EXPECT_EQ(written(table({{"a", texts({"x", "", std::nullopt, "p,q", "say \"hi\"", "two\nlines", "'s"})}})),
            "a\nx\n\"\"\n\n\"p,q\"\n\"say \"\"hi\"\"\"\n\"two\nlines\"\n\"'s\"\n");
  EXPECT_EQ(written(table({{"a", texts({"p,q\tr"})}, {"b", texts({"x"})}}), setting("delimiter", "tab")),
            "a\tb\n\"p,q\tr\"\tx\n");
}

TEST(Write, Numbers) {
  const auto doubles = column<arrow::DoubleBuilder, double>(
      arrow::float64(), {1.0, 0.1, -0.0, 1e300, NAN, -INFINITY, std::nullopt, 1e-7});
  EXPECT_EQ(written(table({{"d", doubles}})), "d\n1.0\n0.1\n-0.0\n1e+300\nnan\n-inf\n\n1e-07\n");
}

TEST(Write, TimesAndDecimals) {
  const auto at = column<arrow::TimestampBuilder, int64_t>(arrow::timestamp(arrow::TimeUnit::MICRO),
                                                           {0, -1, 1357016400000000, 1357016400120000});
  const auto zoned = column<arrow::TimestampBuilder, int64_t>(arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"),
                                                              {0, -1, 1357016400000, 1357016400120});
  const auto money = column<arrow::Decimal128Builder, arrow::Decimal128>(
      arrow::decimal128(10, 2), {arrow::Decimal128(5), arrow::Decimal128(-1234), arrow::Decimal128(0), std::nullopt});
  EXPECT_EQ(written(table({{"at", at}, {"z", zoned}, {"m", money}})),
            "at,z,m\n"
            "1970-01-01 00:00:00,1970-01-01T00:00:00Z,0.05\n"
            "1969-12-31 23:59:59.999999,1969-12-31T23:59:59.999Z,-12.34\n"
            "2013-01-01 05:00:00,2013-01-01T05:00:00Z,0.00\n"
            "2013-01-01 05:00:00.120,2013-01-01T05:00:00.120Z,\n");
}

TEST(Write, EmptyTableHasItsHeader) { EXPECT_EQ(written(table({{"a", texts({})}, {"b", texts({})}})), "a,b\n"); }

std::string random_word(std::mt19937& random) {
  static const std::vector<std::string> words = {
      "",      "NA",   "null", "-",    "007",  "1.5", "true",       "x y", " lead",         "a,b", "\"",
      "\"q\"", "a\nb", "\r",   "\r\n", "'it'", "ünï", "2020-01-01", "\\",  "\\\"",          ";",   "\t",
      "NaN",   "+5",   "a\"b", ",\\",  "\\N",  "|",   "5\" pipe",   "#",   "\xEF\xBB\xBFx", "12"};
  std::string word = words[random() % words.size()];
  if (random() % 4 == 0) word += words[random() % words.size()];
  return word;
}

std::shared_ptr<arrow::Array> random_column(std::mt19937& random, int kind, int64_t rows, bool nulls) {
  const auto make = [&]<class Builder, class Value>(const std::shared_ptr<arrow::DataType>& type, auto&& next) {
    std::vector<std::optional<Value>> values;
    for (int64_t i = 0; i < rows; ++i)
      values.push_back(nulls && random() % 5 == 0 ? std::nullopt : std::optional<Value>(next()));
    return column<Builder, Value>(type, values);
  };
  const auto wide = [&] {
    return static_cast<int64_t>((uint64_t{random()} << 32 | random()) >> (random() % 60)) * (random() % 2 ? 1 : -1);
  };
  const int64_t span = 253402300800;  // seconds to the year 10000
  switch (kind) {
    case 0:
      return make.operator()<arrow::StringBuilder, std::string>(arrow::utf8(), [&] { return random_word(random); });
    case 1:
      return make.operator()<arrow::Int64Builder, int64_t>(arrow::int64(), wide);
    case 2:
      return make.operator()<arrow::DoubleBuilder, double>(arrow::float64(), [&] {
        const auto bits = uint64_t{random()} << 32 | random();
        double value = 0;
        std::memcpy(&value, &bits, 8);
        if (random() % 2) value = static_cast<double>(static_cast<int32_t>(random())) / 100;
        return std::isnan(value) ? 0.5 : value;
      });
    case 3:
      return make.operator()<arrow::BooleanBuilder, bool>(arrow::boolean(), [&] { return random() % 2 == 0; });
    case 4:
      return make.operator()<arrow::Date32Builder, int32_t>(
          arrow::date32(), [&] { return static_cast<int32_t>(random() % (span / 86400)); });
    case 5:
      return make.operator()<arrow::TimestampBuilder, int64_t>(arrow::timestamp(arrow::TimeUnit::MICRO), [&] {
        return static_cast<int64_t>((uint64_t{random()} << 32 | random()) % static_cast<uint64_t>(span)) * 1000000 +
               (random() % 2 ? random() % 1000000 : 0);
      });
    case 6:
      return make.operator()<arrow::TimestampBuilder, int64_t>(
          arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), [&] { return static_cast<int64_t>(random()) * 1000000; });
    case 12:
      return make.operator()<arrow::TimestampBuilder, int64_t>(arrow::timestamp(arrow::TimeUnit::NANO), [&] {
        return static_cast<int64_t>((uint64_t{random()} << 32 | random()) >> 2) - (int64_t{1} << 60);
      });
    case 7:
      return make.operator()<arrow::Decimal128Builder, arrow::Decimal128>(
          arrow::decimal128(38, 5), [&] { return arrow::Decimal128(wide() / 4, random()); });
    case 8:
      return make.operator()<arrow::FloatBuilder, float>(
          arrow::float32(), [&] { return static_cast<float>(static_cast<int32_t>(random())) / 777; });
    case 9:
      return make.operator()<arrow::Time64Builder, int64_t>(
          arrow::time64(arrow::TimeUnit::MICRO), [&] { return static_cast<int64_t>(random()) % 86400000000; });
    case 10:
      return make.operator()<arrow::BinaryBuilder, std::string>(
          arrow::binary(), [&] { return random_word(random) + std::string(1, '\0'); });
    default:
      return make.operator()<arrow::UInt8Builder, uint8_t>(arrow::uint8(),
                                                           [&] { return static_cast<uint8_t>(random()); });
  }
}

TEST(RoundTrip, AnyTableThroughItsContract) {
  std::mt19937 random(13);
  for (int round = 0; round < 400; ++round) {
    const int64_t rows = random() % 30;
    const size_t count = 1 + random() % 6;
    std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>> columns;
    Contract contract;
    for (size_t i = 0; i < count; ++i) {
      ContractColumn wanted;
      wanted.name = "column_" + std::to_string(i);
      columns.push_back({wanted.name, random_column(random, static_cast<int>(random() % 13), rows, true)});
      wanted.type = columns.back().second->type();
      contract.columns.push_back(wanted);
    }
    const Rows before = table(columns);
    const std::string text = written(before);
    ReadOptions options;
    options.contract = contract;
    if (random() % 2) options.block_bytes = 1 + random() % 200;
    ReadText read(text, options);
    ASSERT_EQ(read.error, "");
    ASSERT_TRUE(read.out.rejects.empty()) << read.out.rejects[0].reason << "\n" << text << read.notes();
    arrow::RecordBatchVector batches;
    for (const Rows& batch : read.out.batches) batches.push_back(batch);
    const auto after = *(*arrow::Table::FromRecordBatches(before->schema(), batches))->CombineChunksToBatch();
    ASSERT_TRUE(after->Equals(*before, false, arrow::EqualOptions::Defaults().nans_equal(true)))
        << text << before->ToString() << after->ToString() << read.notes();
  }
}

/// Reads without a contract, widening when asked to, and writes again.
std::string converted(const std::string& text) {
  ReadText read(text);
  EXPECT_EQ(read.error, "");
  EXPECT_TRUE(read.out.misfits.empty());
  EXPECT_TRUE(read.out.rejects.empty()) << text << read.notes() << read.out.rejects[0].reason;
  arrow::RecordBatchVector batches(read.out.batches.begin(), read.out.batches.end());
  return written(*(*arrow::Table::FromRecordBatches(read.file->schema(), batches))->CombineChunksToBatch());
}

TEST(RoundTrip, WhatWasReadByGuessesGivesTheSameBytesAgain) {
  std::mt19937 random(17);
  for (int round = 0; round < 400; ++round) {
    const int64_t rows = 3 + random() % 30;
    std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>> columns;
    for (size_t i = 0, count = 2 + random() % 5; i < count; ++i) {
      columns.push_back({"column_" + std::to_string(i),
                         random_column(random, static_cast<int>(random() % 10), rows, random() % 2 == 0)});
    }
    const std::string once = converted(written(table(columns)));
    ASSERT_EQ(converted(once), once);
  }
}

}  // namespace
}  // namespace trommel::csv
