// On real engines: TROMMEL_CLICKHOUSE holds their addresses, with blanks between them (tests/servers sets it).
#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "connectors/clickhouse/native_testing.h"

namespace trommel::clickhouse {
namespace {

using testing::HasSubstr;

std::vector<std::string> addresses() {
  const char* text = std::getenv("TROMMEL_CLICKHOUSE");
  std::istringstream words(text == nullptr ? "" : text);
  return {std::istream_iterator<std::string>(words), {}};
}

class Engines : public testing::TestWithParam<std::string> {
 protected:
  Client client{*parse_address(GetParam())};

  Answer run(const Statement& statement) {
    auto answer = client.run(statement);
    EXPECT_TRUE(answer) << answer.error().text();
    return answer.value_or(Answer{});
  }
  Answer run(const std::string& sql) { return run(Statement{sql}); }
  void make(const std::string& table, const std::vector<NativeColumn>& columns) {
    std::string list;
    for (const auto& column : columns)
      list += fmt::format("{}{} {}", list.empty() ? "" : ", ", column.name, column.type.text);
    run("DROP TABLE IF EXISTS " + table);
    run(fmt::format("CREATE TABLE {} ({}) ENGINE = MergeTree ORDER BY tuple()", table, list));
  }
};

/// The rows as lines that every engine reads.
std::string as_lines(const arrow::RecordBatch& rows, bool old) {
  std::string out;
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    for (int i = 0; i < rows.num_columns(); ++i) {
      std::string text = rows.column(i)->IsNull(row) ? "\\N" : value_text(*rows.column(i), row);
      if (rows.column(i)->type_id() == arrow::Type::BOOL && old && text != "\\N") text = text == "true" ? "1" : "0";
      if (rows.column(i)->type_id() == arrow::Type::TIMESTAMP && text != "\\N") {
        text[10] = ' ';
        text.resize(19);
      }
      out += (i == 0 ? "" : "\t") + text;
    }
    out += '\n';
  }
  return out;
}

TEST_P(Engines, TakesBlocksForWhatTextsSay) {
  const auto engine = client.engine();
  ASSERT_TRUE(engine) << engine.error().text();
  const Rows rows = random_rows(1000, 3);
  const auto columns = columns_for(*rows->schema(), *engine);
  std::vector<std::shared_ptr<arrow::Array>> written;
  for (int i = 0; i < rows->num_columns(); ++i) {
    auto cast = as_written(rows->column(i), columns[static_cast<size_t>(i)].type);
    ASSERT_TRUE(cast) << cast.error().text();
    written.push_back(cast->column);
  }
  make("said", columns);
  run(Statement{"INSERT INTO said FORMAT TabSeparated", as_lines(*rows, !engine->parameters)});
  const std::string order = " ORDER BY c3, c8, c7, c4, c11";
  const std::string said = run("SELECT * FROM said" + order).body;
  EXPECT_EQ(std::ranges::count(said, '\n'), 1000);
  for (const Packing packing : {Packing::none, Packing::gzip, Packing::zstd}) {
    client.set_packing(packing == Packing::zstd && !engine->zstd ? Packing::gzip : packing);
    make("sent", columns);
    NativeWriter writer(columns);
    writer.append(written, rows->num_rows());
    Statement statement{"INSERT INTO sent FORMAT Native"};
    writer.finish(statement.data);
    run(statement);
    EXPECT_TRUE(run("SELECT * FROM sent" + order).body == said);
  }
}

TEST_P(Engines, TakesLists) {
  const auto engine = client.engine();
  ASSERT_TRUE(engine);
  arrow::ListBuilder lists(arrow::default_memory_pool(), std::make_shared<arrow::StringBuilder>());
  auto& items = static_cast<arrow::StringBuilder&>(*lists.value_builder());
  for (int list = 0; list < 3; ++list) {
    ASSERT_TRUE(lists.Append().ok());
    for (int i = 0; i < list; ++i) ASSERT_TRUE((i == 1 ? items.AppendNull() : items.Append("x")).ok());
  }
  const auto values = *lists.Finish();
  const std::vector<NativeColumn> columns = {{"l", *column_type(*values->type(), true, false, *engine)}};
  make("lists", columns);
  NativeWriter writer(columns);
  writer.append({as_written(values, columns[0].type)->column}, 3);
  Statement statement{"INSERT INTO lists FORMAT Native"};
  writer.finish(statement.data);
  run(statement);
  EXPECT_EQ(run("SELECT l FROM lists ORDER BY length(l)").body, "[]\n['x']\n['x',NULL]\n");
}

TEST_P(Engines, SaysWhatIsWrong) {
  Exception said;
  const auto missing = client.run(Statement{"SELECT * FROM no_such_table"}, &said);
  ASSERT_FALSE(missing);
  EXPECT_EQ(said.code, codes::unknown_table);
  EXPECT_FALSE(missing.error().retry);
  EXPECT_THAT(missing.error().what, HasSubstr("no_such_table"));
  EXPECT_THAT(missing.error().what, HasSubstr("(code 60)"));
  const auto rows = client.rows("SELECT 'a\\tb\\n', NULL, 3");
  ASSERT_TRUE(rows);
  EXPECT_THAT(*rows, testing::ElementsAre(testing::ElementsAre("a\tb\n", "\\N", "3")));
}

INSTANTIATE_TEST_SUITE_P(All, Engines, testing::ValuesIn(addresses()));
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Engines);

}  // namespace
}  // namespace trommel::clickhouse
