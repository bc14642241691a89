// Each block is an INSERT of its own with a token. An engine that has seen a token in a partition takes no rows for it
// again, so a block that was cut short is filled up by sending it once more: the engine cuts it by partition, and knows
// of each.
//
// A token alone does not do: the engine notes it just before it puts the rows in place, and when it is killed between
// the two it takes the rows for known and does not have them. So rows carry their epoch, and are counted. Where some
// are missing the epoch is taken out and sent anew under other tokens: those of the next generation, which is written
// down first.
#include <fmt/format.h>

#include <algorithm>

#include "connectors/clickhouse/blocks.h"
#include "connectors/clickhouse/sink.h"

namespace trommel::clickhouse {
namespace {

Result<> take_out(EpochWrite& write) {
  Statement statement{fmt::format("ALTER TABLE {} DELETE WHERE {}", write.table(), write.condition())};
  statement.settings = {{"mutations_sync", "2"}};
  TRY(write.client.run(statement));
  return {};
}

/// One that no token was ever made of, whatever became of the record of the last.
int64_t next_generation(const EpochWrite& write) {
  return std::max(write.record.generation + 1, write.target.env->now_us());
}

Result<int64_t> send_all(EpochWrite& write, int64_t generation) {
  BlockReader blocks(write.segment, write.fit.columns, write.epochs.mark(write.epoch), write.target.block_rows,
                     write.target.block_bytes);
  const std::string insert = fmt::format("INSERT INTO {} ({}) FORMAT Native\n", write.table(), blocks.column_list());
  Statement statement;
  const std::string token = fmt::format("{}:{}:{}:{}", write.target.pipeline, write.target.sink, write.epoch,
                                        generation == 0 ? "" : fmt::format("{}:", generation));
  int64_t sent = 0;
  for (int64_t block = 0;; ++block) {
    statement.data = insert;
    ASSIGN(const int64_t rows, blocks.next(statement.data));
    if (rows == 0) return sent;
    statement.settings = write.engine.insert_settings();
    statement.settings.emplace_back("insert_deduplication_token", token + std::to_string(block));
    statement.settings.emplace_back("insert_allow_materialized_columns", "1");
    // Where the one before still runs, this one is refused.
    statement.settings.emplace_back("query_id",
                                    fmt::format("trommel-{}-{}-{}", write.epochs.key(), write.epoch, block));
    TRY(write.client.run(statement));
    sent += rows;
  }
}

}  // namespace

Result<int64_t> write_with_tokens(EpochWrite& write) {
  int64_t generation = write.record.generation;
  if (!write.sure && !write.fit.counts_hold) {
    // Nobody can tell what is missing. Rows of a key replace each other, and others are taken out.
    if (!write.fit.replacing) TRY(take_out(write));
    generation = next_generation(write);
    TRY(write.epochs.write_generation(write.client, write.epoch, generation));
  }
  ASSIGN(const int64_t sent, send_all(write, generation));
  if (!write.fit.counts_hold) return sent;
  ASSIGN(const int64_t there, write.rows_there());
  if (there == sent) return sent;
  TRY(take_out(write));
  TRY(write.epochs.write_generation(write.client, write.epoch, next_generation(write)));
  return external_error(
      "", fmt::format("{} of {} rows of epoch {} were in the table: they are sent again", there, sent, write.epoch));
}

}  // namespace trommel::clickhouse
