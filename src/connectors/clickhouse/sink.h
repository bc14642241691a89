// Rows of an epoch into a table of a ClickHouse, so that a commit that is repeated adds nothing.
#pragma once

#include <memory>
#include <string>

#include "component/sink.h"
#include "connectors/clickhouse/epochs.h"
#include "connectors/clickhouse/table.h"
#include "connectors/clickhouse/views.h"

namespace trommel::clickhouse {

struct Target {
  Address address;
  Packing packing = Packing::none;
  WantedTable table;
  int64_t block_rows = 500'000;    ///< of an INSERT at most
  int64_t block_bytes = 64 << 20;  ///< likewise; a little more
  std::string pipeline, sink;      ///< whose epochs these are
  std::vector<ViewPlan> views;     ///< that follow the table
  Env* env = nullptr;

  std::string name() const { return address.shown() + " table " + table.table; }
};

/// An epoch on its way into the table.
struct EpochWrite {
  Client& client;
  const Engine& engine;
  const Target& target;
  const Fit& fit;
  const Epochs& epochs;
  const EpochRecord& record;
  Epoch epoch = 0;
  /// None of it can be there: this sink brought the one before it to its end, and tries the first time.
  bool sure = false;
  Segment& segment;

  std::string table() const { return quote_name(target.table.table); }
  /// How many rows of the epoch the table has.
  Result<int64_t> rows_there() const;
  /// What its rows have in common, as a condition.
  std::string condition() const;
};

// Both return how many rows of the epoch the table has then.

/// For engines that know tokens: each block goes straight into the table, with a token that makes its repetition add
/// nothing.
Result<int64_t> write_with_tokens(EpochWrite& write);
/// For all others: blocks go into a table aside, whose partitions are attached to the table.
Result<int64_t> write_by_partitions(EpochWrite& write);

/// `fit` is how rows fit the table as it was when the pipeline was bound: what it refuses.
std::shared_ptr<StoreSink> make_sink(Target target, Fit fit);

}  // namespace trommel::clickhouse
