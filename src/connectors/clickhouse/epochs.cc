#include "connectors/clickhouse/epochs.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace trommel::clickhouse {
namespace {

constexpr const char* table = "_trommel_epochs";

uint64_t hash(const std::string& text) { return XXH3_64bits(text.data(), text.size()); }

}  // namespace

Result<> Epochs::make(Client& client, const Engine& engine) const {
  TRY(client.run(fmt::format(
      "CREATE TABLE IF NOT EXISTS {} (pipeline String, sink String, committed UInt8, epoch UInt64, generation UInt64, "
      "rows Int64, at DateTime) ENGINE = ReplacingMergeTree ORDER BY (pipeline, sink, committed){}",
      table, engine.tokens ? " SETTINGS fsync_after_insert = 1, fsync_part_directory = 1" : "")));
  return {};
}

Result<EpochRecord> Epochs::read(Client& client, Epoch asked) const {
  Statement statement{fmt::format(
      "SELECT maxIf(epoch, committed = 1), argMaxIf(rows, epoch, committed = 1), maxIf(generation, committed = 0 AND "
      "epoch = {}) FROM {} WHERE pipeline = {} AND sink = {}",
      asked, table, quote_text(pipeline_), quote_text(sink_))};
  Exception said;
  const auto answer = client.run(statement, &said);
  if (!answer && said.code == codes::unknown_table) return EpochRecord{};
  if (!answer) return tl::unexpected(answer.error());
  EpochRecord record;
  unsigned long long last = 0;
  long long rows = 0, generation = 0;
  if (std::sscanf(answer->body.c_str(), "%llu\t%lld\t%lld", &last, &rows, &generation) != 3)
    return external_error(client.address().shown(),
                          fmt::format("{} does not answer as it should: {}", table, answer->body));
  return EpochRecord{last, rows, generation};
}

Result<> Epochs::write(Client& client, Epoch epoch, bool committed, int64_t generation, int64_t rows) const {
  ASSIGN(const auto engine, client.engine());
  Statement statement{fmt::format("INSERT INTO {} VALUES ({}, {}, {}, {}, {}, {}, now())", table, quote_text(pipeline_),
                                  quote_text(sink_), committed ? 1 : 0, epoch, generation, rows)};
  statement.settings = engine.insert_settings();
  TRY(client.run(statement));
  return {};
}

Result<> Epochs::write_committed(Client& client, Epoch epoch, int64_t rows) const {
  return write(client, epoch, true, 0, rows);
}

Result<> Epochs::write_generation(Client& client, Epoch epoch, int64_t generation) const {
  return write(client, epoch, false, generation, 0);
}

uint64_t Epochs::mark(Epoch epoch) const {
  constexpr int sink_bits = 28;
  const uint64_t sink = hash(fmt::format("{}\n{}", pipeline_, sink_)) >> (64 - sink_bits);
  return epoch << sink_bits | sink;
}

std::string Epochs::key() const { return fmt::format("{:016x}", hash(fmt::format("{}\n{}", pipeline_, sink_))); }

}  // namespace trommel::clickhouse
