#include "connectors/duckdb/duckdb.h"

#include <algorithm>

#include "arrow/api.h"
#include "connectors/duckdb/sink.h"
#include "fmt/format.h"

namespace trommel {

template <>
struct EnumNames<TableWrite> {
  static constexpr EnumName<TableWrite> list[] = {{"append", TableWrite::append}, {"replace", TableWrite::replace}};
};

namespace {

constexpr std::string_view scheme = "duckdb:";
constexpr int64_t memory_min = 64 << 20;

struct DuckdbConfig {
  std::string table;
  TableWrite write = TableWrite::append;
};

const Spec<DuckdbConfig>& duckdb_spec() {
  static const auto spec =
      Spec<DuckdbConfig>("duckdb", "A table of a DuckDB file")
          .field("table", &DuckdbConfig::table, "the table's name; it is made when there is none",
                 {.example = "student_data", .required = true})
          .field("write", &DuckdbConfig::write, "add the rows to what is there, or put them in its place")
          .description(
              "`store: duckdb:FILE` names the file. It is opened for each commit and closed after it, so that others "
              "may read it in between; DuckDB lets one process "
              "at a time have it. Rows and the epoch's number (table `_trommel_epochs`) go in by one transaction: a "
              "commit that is repeated adds nothing.\n\n"
              "A table that is there keeps its definition: what differs from the rows is a mistake that `plan` names, "
              "unless the table's type is wider. "
              "`write: replace` empties the table in the same transaction, and makes it anew when its columns are "
              "others.")
          .example("store: duckdb:students.duckdb\ntable: student_data");
  return spec;
}

Place place_of(const Node& settings) {
  const Node* table = settings.find("table");
  return table ? table->place : settings.place;
}

/// Reads the table as it is now, if the file and the table are there.
Result<std::optional<std::vector<StoredColumn>>> look(const DuckdbTarget& target) {
  if (!target.env->exists(target.options.path)) return std::optional<std::vector<StoredColumn>>();
  auto options = target.options;
  options.read_only = true;
  ASSIGN(const auto database, query::Database::open(options));
  ASSIGN(const auto connection, database->connect());
  return stored_columns(*connection, target.table);
}

Result<BoundSink> bind(const SinkSettings& settings, const InputInfo& input, const BindContext& context,
                       Problems& problems) {
  const size_t before = problems.size();
  const auto config = duckdb_spec().parse(*settings.settings, problems);
  DuckdbTarget target;
  target.options.path = settings.store.substr(settings.store.starts_with(scheme) ? scheme.size() : 0);
  target.options.memory_bytes = std::max(memory_min, context.memory.sql / 2);
  target.options.spill_folder = context.state_folder.empty() ? "" : join_path(context.state_folder, "store_spill");
  target.options.spill_bytes = context.memory.sql_spill;
  target.table = config.table;
  target.write = config.write;
  target.pipeline = settings.pipeline;
  target.sink = settings.name;
  target.env = context.env;
  const Place place = place_of(*settings.settings);
  target.columns = wanted_columns(*input.schema, settings.contract, place, problems);
  if (problems.size() != before) return BoundSink{};
  if (target.options.path.empty()) {
    problems.add(place, "`store`: duckdb: names no file", "such as duckdb:students.duckdb");
    return BoundSink{};
  }

  BoundSink bound;
  bound.target = target.name();
  bound.owns = {fmt::format("{}#{}", settings.store, target.table)};
  ASSIGN(const auto stored, look(target));
  if (!stored) {
    bound.notes.push_back(create_table(target.table, target.columns));
  } else {
    auto fitted = target.columns;
    const auto differences = fit_to_table(fitted, *stored);
    if (differences.empty()) {
      target.columns = std::move(fitted);
      bound.notes.push_back(fmt::format("the table is there, and its columns fit{}",
                                        target.write == TableWrite::replace ? "; its rows are replaced" : ""));
    } else if (target.write == TableWrite::replace) {
      target.recreate = true;
      for (const auto& difference : differences) bound.notes.push_back("the table is made anew: " + difference);
      bound.notes.push_back(create_table(target.table, target.columns));
    } else {
      for (const auto& difference : differences) {
        problems.add(place, fmt::format("{}: {}", target.name(), difference),
                     "change the rows or the table, or take `write: replace`");
      }
      return BoundSink{};
    }
  }
  bound.store = make_duckdb_sink(std::move(target));
  return bound;
}

}  // namespace

SinkKind duckdb_store() {
  SinkKind kind;
  kind.spec = &duckdb_spec().info();
  kind.is_store = true;
  kind.bind = bind;
  return kind;
}

}  // namespace trommel
