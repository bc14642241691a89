// What a component is to the rest of trommel: a name, a Spec, and a way to bind it to its settings and inputs.
// src/components.cc lists them all.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "component/query_store.h"
#include "component/sink.h"
#include "component/source.h"
#include "component/transform.h"
#include "config/contract.h"
#include "config/endpoints.h"
#include "schedule/schedule.h"
#include "spec/spec.h"

namespace trommel {

namespace query {
class Database;
}

/// How much memory each may use, in bytes. Together they are the process's budget.
struct MemoryShares {
  int64_t queues = 64 << 20;               ///< blocks and batches on their way between stages
  int64_t block = 1 << 20;                 ///< what a reader aims at per block
  int64_t writers = 128 << 20;             ///< open writers of one file sink, all together
  int64_t remembered = 64 << 20;           ///< rows that transforms remember or set aside, all together
  int64_t sql = 1 << 30;                   ///< DuckDB's memory_limit; it spills beyond that
  int64_t sql_spill = int64_t{100} << 30;  ///< bytes on disk at most
};

/// Rows of a `tables:` entry, read when somebody asks for them.
struct ReferenceTable {
  std::string name;
  Schema schema;
  /// Hands over all rows; a row that cannot be read is an error here: a lookup with holes would make wrong rows.
  std::function<Result<>(const std::function<Result<>(const Batch&)>&)> read;
};

/// An input as a transform or sink sees it when it is bound.
struct InputInfo {
  std::string name;  ///< of the node that the rows come from
  Schema schema;
  bool endless = false;  ///< it never ends by itself (a watched folder, a topic), or is published by epochs as if
  bool keeps_positions = true;  ///< its rows know their split, and their position in it
  Growth growth = {};           ///< of the sources that its rows come from, what all allow
};

/// What binding may use. Binding reads (samples, table definitions), and never writes.
struct BindContext {
  Env* env = nullptr;
  std::string name;          ///< of the part that is bound
  std::string pipeline;      ///< of the whole
  std::string folder;        ///< relative paths start here
  std::string state_folder;  ///< of the run; DuckDB spills in a folder below it
  MemoryShares memory;
  int lanes = 1;
  std::map<std::string, ReferenceTable> tables;
  /// How many transforms of the run divide `memory.remembered`: each counts itself when it is bound.
  std::shared_ptr<int> remembering = std::make_shared<int>(0);
  /// The in-memory database that the SQL of this run shares; made at the first call.
  std::function<Result<std::shared_ptr<query::Database>>()> database;
  /// Rows come back that were rejected (`rejects replay`): a source is bound to decode single records, and its inputs
  /// need not be there. It has the schema of its contract, or else this one, where that is known.
  bool recalls = false;
  Schema recalled_schema;
  bool provenance = true;  ///< false: positions end at the source (a measurement); SQL need not carry them
  /// A backfill: sources give inputs of these days alone, and cannot be bound where they do not know their inputs' day.
  std::optional<schedule::Days> days;
  bool as_you_go = false;  ///< rows are published before the last one is seen: types are not widened afterwards
  /// A source that has something new calls it, from any thread, and is asked before the next regular look.
  std::function<void()> wake = [] {};
  Epoch epoch_hint = 1;  ///< the epoch that the next run would close, for names shown by `plan`
};

struct SourceKind {
  const SpecInfo* spec = nullptr;
  bool serves = false;  ///< what it reads comes in requests (Source::serve): running it needs a server
  /// Mistakes in settings go to `problems`; what the outside does wrong (no such file) is the Result's error.
  std::function<Result<std::shared_ptr<Source>>(const Node& settings, const std::optional<Contract>& contract,
                                                const BindContext&, Problems&)>
      bind;
};

struct TransformKind {
  const SpecInfo* spec = nullptr;
  /// The inputs that the settings themselves name (SQL's FROM), among `candidates`. Null: it takes exactly one, from
  /// `from:`.
  std::function<Result<std::vector<std::string>>(const Node& settings, const std::vector<std::string>& candidates,
                                                 const BindContext&, Problems&)>
      inputs;
  std::function<Result<BoundTransform>(const Node& settings, const std::vector<InputInfo>& inputs, const BindContext&,
                                       Problems&)>
      bind;
};

/// A sink, bound: either kind of two.
struct BoundSink {
  std::shared_ptr<FileSink> files;
  std::shared_ptr<StoreSink> store;
  IfExists if_exists = IfExists::number;
  std::string target;               ///< for people and for "two outputs to one path": `output/{source_stem}.parquet`,
                                    ///< `duckdb:x.duckdb table t`
  std::vector<std::string> notes;   ///< DDL it would run, encodings
  std::vector<std::string> owns;    ///< paths or tables that nobody else may write to
  bool by_input = false;            ///< an output is named after its input: an epoch ends where inputs end
  bool replaces = false;            ///< rows that are there go when others come: single rows cannot be added
  bool repeatable = false;          ///< rows that are given again take the place of what they were given as before
  std::string repeatable_hint;      ///< what to write to make it so
  std::optional<StoreTable> table;  ///< of a store that can be asked: what it will hold
};

struct SinkSettings {
  std::string name;      ///< of the sink in the pipeline
  std::string pipeline;  ///< whose epochs a store remembers
  const Node* settings = nullptr;
  std::string store;  ///< address, for store sinks
  std::optional<Contract> contract;
  std::vector<View> views = {};  ///< of the store; those that are made from the sink's table change with it
};

/// A store that is asked, and what is kept in it.
struct StoreSettings {
  std::string store;               ///< address
  std::vector<StoreTable> tables;  ///< that the pipeline writes to
  std::vector<View> views;
};

/// A view whose SELECT was found right.
struct BoundView {
  std::string name;
  StoreTable table;
  std::vector<std::string> notes;  ///< how it is kept, for `plan`
};

struct SinkKind {
  const SpecInfo* spec = nullptr;
  bool is_store = false;  ///< named by a store's address (`duckdb:...`) and not by a key of its own
  std::function<Result<BoundSink>(const SinkSettings&, const InputInfo& input, const BindContext&, Problems&)> bind;
  // Of a store that can be asked; else null.
  std::function<Result<std::shared_ptr<QueryStore>>(const StoreSettings&, const BindContext&)> query;
  /// Mistakes in the views' texts go to `problems`.
  std::function<Result<std::vector<BoundView>>(const StoreSettings&, const BindContext&, Problems&)> views;
};

/// Every component there is.
struct Components {
  std::vector<SourceKind> sources;
  std::vector<TransformKind> transforms;
  std::vector<SinkKind> sinks;
};

}  // namespace trommel
