// Rows of every type that ClickHouse's tables have a column for, for tests.
#pragma once

#include <arrow/api.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "connectors/clickhouse/native.h"

namespace trommel::clickhouse {

inline std::shared_ptr<arrow::Array> from_texts(const std::string& type,
                                                const std::vector<std::optional<std::string>>& values) {
  arrow::StringBuilder texts;
  for (const auto& value : values) EXPECT_TRUE((value ? texts.Append(*value) : texts.AppendNull()).ok());
  auto cast = cast_column(*texts.Finish(), parse_type(type)->type);
  EXPECT_TRUE(cast && cast->refused.empty()) << type;
  return cast->column;
}

/// `count` rows with a column for each type, about one value in five NULL.
inline Rows random_rows(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](uint32_t limit) { return random() % limit; };
  const std::vector<std::pair<const char*, std::function<std::string()>>> types = {
      {"bool", [&] { return below(2) == 0 ? "true" : "false"; }},
      {"int8", [&] { return std::to_string(static_cast<int>(below(256)) - 128); }},
      {"uint16", [&] { return std::to_string(below(65536)); }},
      {"int32", [&] { return std::to_string(static_cast<int32_t>(random())); }},
      {"uint64", [&] { return std::to_string(random()) + std::to_string(below(1'000'000'000)); }},
      {"float", [&] { return std::to_string(below(1000) / 8.0); }},
      {"double", [&] { return std::to_string(below(100'000) / 64.0); }},
      {"string", [&] { return std::string(below(200), static_cast<char>('a' + below(26))); }},
      {"date", [&] { return fmt::format("{}-{:02}-{:02}", 1970 + below(130), 1 + below(12), 1 + below(28)); }},
      {"timestamp(s, UTC)",
       [&] { return fmt::format("{}-03-0{}T1{}:00:59Z", 1970 + below(130), 1 + below(9), below(10)); }},
      {"decimal(9,2)", [&] { return fmt::format("{}.{:02}", static_cast<int>(below(2000)) - 1000, below(100)); }},
      {"decimal(18,6)", [&] { return fmt::format("{}.{:06}", random(), below(1'000'000)); }},
      {"decimal(38,4)", [&] { return fmt::format("-{}{}.{:04}", random(), random(), below(10'000)); }},
      {"uuid", [&] { return fmt::format("{:08x}-0000-4000-8000-{:08x}0000", random(), random()); }}};
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  for (const auto& [type, next] : types) {
    std::vector<std::optional<std::string>> values;
    for (int64_t row = 0; row < count; ++row)
      values.push_back(below(5) == 0 ? std::nullopt : std::optional<std::string>(next()));
    columns.push_back(from_texts(type, values));
    fields.push_back(arrow::field(fmt::format("c{}", fields.size()), columns.back()->type()));
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), count, columns);
}

inline std::vector<NativeColumn> columns_for(const arrow::Schema& schema, const Engine& engine) {
  std::vector<NativeColumn> out;
  for (const auto& field : schema.fields())
    out.push_back({field->name(), *column_type(*field->type(), true, false, engine)});
  return out;
}

}  // namespace trommel::clickhouse
