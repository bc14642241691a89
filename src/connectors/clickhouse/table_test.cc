#include "connectors/clickhouse/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trommel::clickhouse {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Engine current() {
  Engine engine;
  engine.major = 26;
  engine.tokens = engine.marks_inserts = true;
  return engine;
}
Engine old() {
  Engine engine;
  engine.major = 18;
  engine.minor = 16;
  return engine;
}

WantedTable wanted() {
  WantedTable table;
  table.table = "rounds";
  int input = 0;
  for (const auto& [name, type, nullable] :
       {std::tuple{"id", "int64", false}, {"name", "string", true}, {"at", "timestamp(us)", true}}) {
    table.columns.push_back({name, parse_type(type)->type, nullable, input++});
    table.columns.back().input_name = name;
  }
  return table;
}

StoredTable stored() {
  return {"MergeTree",
          "MergeTree ORDER BY id",
          {{"id", "Int64", "", ""},
           {"name", "Nullable(String)", "", ""},
           {"at", "Nullable(DateTime64(6, 'UTC'))", "", ""},
           {mark_column, "UInt64", "MATERIALIZED", "0"}},
          deduplication_window,
          false,
          true};
}

TEST(ClickhouseTable, IsMadeAsItIsWanted) {
  WantedTable table = wanted();
  table.order_by = {"id", "toStartOfHour(at)"};
  table.partition_by = {"toYYYYMM(at)"};
  table.ttl = "at + INTERVAL 1 YEAR";
  table.materialized = {{"day", "toDate(at)"}};
  table.low_cardinality = {"name"};
  table.settings = {{"index_granularity", "4096"}, {"fsync_after_insert", "0"}};
  mark_key_columns(table);
  const Fit fit = fit_table(table, std::nullopt, current());
  EXPECT_THAT(fit.differences, IsEmpty());
  EXPECT_THAT(
      fit.ddl,
      ElementsAre(
          "CREATE TABLE IF NOT EXISTS `rounds` (`id` Int64, `name` LowCardinality(Nullable(String)), `at` "
          "DateTime64(6, 'UTC'), `day` MATERIALIZED toDate(at), `_trommel_epoch` UInt64 MATERIALIZED 0, INDEX "
          "_trommel_epoch_at `_trommel_epoch` TYPE minmax GRANULARITY 1) ENGINE "
          "= MergeTree PARTITION BY toYYYYMM(at) ORDER BY (`id`, toStartOfHour(at)) TTL at + INTERVAL 1 YEAR "
          "SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 0, fsync_part_directory = "
          "1, index_granularity = 4096"));
  EXPECT_TRUE(fit.columns[1].takes_null);
  EXPECT_FALSE(fit.columns[2].takes_null);  // stands in the key
  EXPECT_FALSE(fit.counts_hold);            // rows expire
  EXPECT_THAT(fit_table(wanted(), std::nullopt, old()).ddl[0],
              HasSubstr("`at` Nullable(DateTime('UTC')), `_trommel_epoch` UInt64 MATERIALIZED 0) ENGINE = MergeTree "
                        "ORDER BY tuple()"));
}

TEST(ClickhouseTable, OneThatFitsStaysAsItIs) {
  const Fit fit = fit_table(wanted(), stored(), current());
  EXPECT_THAT(fit.differences, IsEmpty());
  EXPECT_THAT(fit.ddl, IsEmpty());
  EXPECT_TRUE(fit.counts_hold);
  EXPECT_EQ(fit.columns[2].type.text, "Nullable(DateTime64(6, 'UTC'))");
}

TEST(ClickhouseTable, OneOfSomebodyElseGetsWhatItLacks) {
  StoredTable table = stored();
  table.columns.pop_back();
  table.window = 0;
  table.indexed = false;
  EXPECT_THAT(fit_table(wanted(), table, current()).ddl,
              ElementsAre("ALTER TABLE `rounds` ADD COLUMN `_trommel_epoch` UInt64 MATERIALIZED 0",
                          "ALTER TABLE `rounds` ADD INDEX _trommel_epoch_at `_trommel_epoch` TYPE minmax GRANULARITY 1",
                          "ALTER TABLE `rounds` MATERIALIZE INDEX _trommel_epoch_at",
                          "ALTER TABLE `rounds` MODIFY SETTING non_replicated_deduplication_window = 10000"));
  EXPECT_THAT(fit_table(wanted(), table, old()).ddl, ElementsAre(HasSubstr("ADD COLUMN `_trommel_epoch`")));
  table.engine = "ReplicatedMergeTree";
  EXPECT_THAT(fit_table(wanted(), table, current()).ddl[3], HasSubstr("SETTING replicated_deduplication_window"));
}

TEST(ClickhouseTable, DifferencesAreSaid) {
  StoredTable table = stored();
  table.columns[0].type = "Int32";
  table.columns[1].default_kind = "ALIAS";
  table.columns[2].name = "when";
  EXPECT_THAT(fit_table(wanted(), table, current()).differences,
              ElementsAre("column `id`: the table has Int32, the rows have Int64",
                          "column `name`: the table's is ALIAS, and cannot be filled",
                          "column `at`: the table has none of that name"));
  table = stored();
  table.columns[3].type = "Int8";
  EXPECT_THAT(fit_table(wanted(), table, current()).differences, ElementsAre(HasSubstr("it is to be UInt64")));
  table = stored();
  table.engine = "SummingMergeTree";
  EXPECT_THAT(fit_table(wanted(), table, current()).differences, ElementsAre(HasSubstr("SummingMergeTree")));
  table.engine = "ReplicatedMergeTree";
  EXPECT_THAT(fit_table(wanted(), table, current()).differences, IsEmpty());
  EXPECT_THAT(fit_table(wanted(), table, old()).differences, ElementsAre(HasSubstr("tables of several servers")));
}

TEST(ClickhouseTable, WhatItLacksIsAddedOrLeftOut) {
  StoredTable table = stored();
  table.columns.erase(table.columns.begin() + 2);
  WantedTable rows = wanted();
  rows.evolve = Evolve::add;
  Fit fit = fit_table(rows, table, current());
  EXPECT_THAT(fit.ddl, ElementsAre("ALTER TABLE `rounds` ADD COLUMN `at` Nullable(DateTime64(6, 'UTC'))"));
  EXPECT_EQ(fit.columns.size(), 3U);
  rows.evolve = Evolve::ignore;
  fit = fit_table(rows, table, current());
  EXPECT_THAT(fit.ddl, IsEmpty());
  EXPECT_EQ(fit.columns.size(), 2U);
  EXPECT_THAT(fit.notes, testing::Contains(HasSubstr("column `at` of the rows is left out")));
  rows.evolve = Evolve::fail;
  rows.growth.columns = true;
  EXPECT_THAT(fit_table(rows, table, current()).ddl, ElementsAre(HasSubstr("ADD COLUMN `at`")));
}

TEST(ClickhouseTable, TypesBecomeWiderWhereTheyMay) {
  StoredTable table = stored();
  table.columns[0].type = "Int16";
  WantedTable rows = wanted();
  EXPECT_EQ(fit_table(rows, table, current()).differences.size(), 1U);
  rows.growth.types = true;
  EXPECT_THAT(fit_table(rows, table, current()).ddl, ElementsAre("ALTER TABLE `rounds` MODIFY COLUMN `id` Int64"));
}

TEST(ClickhouseTable, NamesMatchAsOneMeantThem) {
  StoredTable table = stored();
  table.columns[1].name = "Name";
  const Fit fit = fit_table(wanted(), table, current());
  EXPECT_EQ(fit.columns[1].name, "Name");
  EXPECT_EQ(fit.columns[1].input_name, "name");
  table.columns.push_back({"NAME", "String", "", ""});
  EXPECT_THAT(fit_table(wanted(), table, current()).differences, ElementsAre(HasSubstr("column `name`")));
}

}  // namespace
}  // namespace trommel::clickhouse
