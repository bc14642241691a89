// Without tokens nothing can be sent twice. The epoch goes into a table aside, all of it; then each partition of that
// table, made one part, is attached to the table: one renaming, which is done or is not. Rows carry their epoch, so a
// partition that was attached is known by its rows.
//
// The table aside has a new name each time, and those of dead tries are dropped before anything is looked at: a
// statement of theirs that is late finds nothing to attach.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "connectors/clickhouse/blocks.h"
#include "connectors/clickhouse/sink.h"

namespace trommel::clickhouse {
namespace {

using Rows = std::map<std::string, int64_t>;  // by partition id

class PartitionWrite {
 public:
  explicit PartitionWrite(EpochWrite& write)
      : write_(write),
        prefix_("_trommel_aside_" + write.epochs.key() + "_"),
        aside_(fmt::format("{}{}_{:x}", prefix_, write.epoch, write.target.env->now_us())) {}

  Result<int64_t> run() {
    Rows there;
    if (!write_.sure) {
      TRY(drop_asides());
      ASSIGN(there, partitions_there());
    }
    TRY(make_aside());
    ASSIGN(const int64_t sent, fill_aside());
    TRY(join_parts());
    ASSIGN(const Rows wanted, parts_by_partition("sum(rows)"));
    TRY(check_aside(wanted, sent));
    for (const auto& [partition, rows] : wanted) TRY(attach(partition, rows, there));
    TRY(drop(aside_));
    if (!write_.fit.counts_hold) return sent;
    ASSIGN(const int64_t rows, write_.rows_there());
    if (rows == sent) return sent;
    return external_error("", fmt::format("the table has {} of {} rows of epoch {}", rows, sent, write_.epoch));
  }

 private:
  Client& client() { return write_.client; }

  Result<> drop(const std::string& table) {
    TRY(client().run("DROP TABLE IF EXISTS " + quote_name(table)));
    return {};
  }

  Result<> drop_asides() {
    ASSIGN(const auto found,
           client().rows(fmt::format("SELECT name FROM system.tables WHERE database = {} AND name LIKE {}",
                                     quote_text(client().address().database), quote_text(prefix_ + "%"))));
    for (const auto& row : found) TRY(drop(row.at(0)));
    return {};
  }

  Result<Rows> counted(const std::string& sql) {
    Rows out;
    ASSIGN(const auto found, client().rows(sql));
    for (const auto& row : found) out[row.at(0)] = std::atoll(row.at(1).c_str());
    return out;
  }

  /// The id of a partition is how the names of its parts begin.
  Result<Rows> partitions_there() {
    return counted(fmt::format("SELECT splitByChar('_', _part)[1] AS id, count() FROM {} WHERE {} GROUP BY id",
                               write_.table(), write_.condition()));
  }

  Result<Rows> parts_by_partition(const std::string& what) {
    return counted(fmt::format(
        "SELECT partition_id, {} FROM system.parts WHERE active AND database = {} AND table = {} GROUP BY partition_id",
        what, quote_text(client().address().database), quote_text(aside_)));
  }

  /// The table's columns and clauses, but that the mark can be filled.
  Result<> make_aside() {
    ASSIGN(const auto stored, look(client(), write_.engine, write_.target.table.table));
    if (!stored) return external_error("", "the table is gone");
    std::string columns;
    for (const StoredColumn& column : stored->columns) {
      const bool computed = !column.default_kind.empty() && column.name != mark_column;
      columns += fmt::format("{}{} {}{}", columns.empty() ? "" : ", ", quote_name(column.name), column.type,
                             computed ? fmt::format(" {} {}", column.default_kind, column.default_expression) : "");
    }
    TRY(client().run(
        fmt::format("CREATE TABLE {} ({}) ENGINE = {}", quote_name(aside_), columns, stored->engine_full)));
    return {};
  }

  Result<int64_t> fill_aside() {
    BlockReader blocks(write_.segment, write_.fit.columns, write_.epochs.mark(write_.epoch), write_.target.block_rows,
                       write_.target.block_bytes);
    const std::string insert =
        fmt::format("INSERT INTO {} ({}) FORMAT Native\n", quote_name(aside_), blocks.column_list());
    Statement statement;
    statement.settings = write_.engine.insert_settings();
    statement.only_once = true;
    for (int64_t sent = 0;;) {
      statement.data = insert;
      ASSIGN(const int64_t rows, blocks.next(statement.data));
      if (rows == 0) return sent;
      TRY(client().run(statement));
      sent += rows;
    }
  }

  /// Before any of it is where others see it.
  Result<> check_aside(const Rows& parts, int64_t sent) const {
    int64_t rows = 0;
    for (const auto& part : parts) rows += part.second;
    if (rows == sent || !write_.fit.counts_hold) return {};
    return external_error("", fmt::format("the table aside has {} rows, {} were sent", rows, sent));
  }

  /// Only one part is attached at a stroke.
  Result<> join_parts() {
    constexpr int tries = 20;
    for (int i = 0; i < tries; ++i) {
      ASSIGN(const Rows parts, parts_by_partition("count()"));
      if (std::ranges::all_of(parts, [](const auto& part) { return part.second == 1; })) return {};
      for (const auto& [partition, count] : parts) {
        if (count > 1)
          TRY(client().run(
              fmt::format("OPTIMIZE TABLE {} PARTITION ID {} FINAL", quote_name(aside_), quote_text(partition))));
      }
    }
    return external_error("", "the parts of an epoch were not merged into one",
                          "has the server room for them on its disk?");
  }

  Result<> attach(const std::string& partition, int64_t rows, const Rows& there) {
    if (const auto known = there.find(partition); known != there.end()) {
      if (known->second == rows || !write_.fit.counts_hold) return {};
      return external_error(
          "", fmt::format("the table has {} of {} rows of epoch {} in partition {}: somebody else changes it",
                          known->second, rows, write_.epoch, partition));
    }
    Statement statement{fmt::format("ALTER TABLE {} ATTACH PARTITION ID {} FROM {}", write_.table(),
                                    quote_text(partition), quote_name(aside_))};
    statement.only_once = true;
    TRY(client().run(statement));
    return {};
  }

  EpochWrite& write_;
  const std::string prefix_, aside_;
};

}  // namespace

Result<int64_t> write_by_partitions(EpochWrite& write) { return PartitionWrite(write).run(); }

}  // namespace trommel::clickhouse
