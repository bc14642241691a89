#include "connectors/duckdb/duckdb.h"

#include <algorithm>

#include "arrow/api.h"
#include "connectors/duckdb/query_store.h"
#include "connectors/duckdb/sink.h"
#include "fmt/format.h"

namespace trommel {

template <>
struct EnumNames<TableWrite> {
  static constexpr EnumName<TableWrite> list[] = {{"append", TableWrite::append},
                                                  {"replace", TableWrite::replace},
                                                  {"upsert", TableWrite::upsert},
                                                  {"replace_partitions", TableWrite::replace_partitions}};
};

namespace {

constexpr std::string_view scheme = "duckdb:";
constexpr int64_t memory_min = 64 << 20;

struct DuckdbConfig {
  std::string table;
  TableWrite write = TableWrite::append;
  std::vector<std::string> key, partition_by;
  std::vector<std::string> order_by;
};

/// `key` and `write: upsert` need each other, and so do `partition_by` and `write: replace_partitions`.
void check_columns(const DuckdbConfig& config, const Node& node, Problems& problems) {
  const auto check = [&](const char* name, const std::vector<std::string>& columns, TableWrite write,
                         const char* write_name) {
    const Node* at = node.find(name);
    if (config.write == write && columns.empty())
      problems.add(node.find("write")->place, fmt::format("`write: {}` needs `{}`", write_name, name),
                   fmt::format("such as `{}: [id]`", name));
    if (config.write != write && at != nullptr)
      problems.add(at->place, fmt::format("`{}` means nothing without `write: {}`", name, write_name));
  };
  check("key", config.key, TableWrite::upsert, "upsert");
  check("partition_by", config.partition_by, TableWrite::replace_partitions, "replace_partitions");
}

const Spec<DuckdbConfig>& duckdb_spec() {
  static const auto spec =
      Spec<DuckdbConfig>("duckdb", "A table of a DuckDB file")
          .field("table", &DuckdbConfig::table, "the table's name; it is made when there is none",
                 {.example = "student_data", .required = true})
          .field("write", &DuckdbConfig::write, "what rows do to those that are there")
          .field("key", &DuckdbConfig::key, "of `write: upsert`: the columns that tell rows apart; they take no NULL",
                 {.example = "[id]"})
          .field("partition_by", &DuckdbConfig::partition_by,
                 "of `write: replace_partitions`: the columns whose values make a partition", {.example = "[day]"})
          .field("order_by", &DuckdbConfig::order_by,
                 "the columns that rows are sorted by in stores that sort them; this one does not",
                 {.example = "[game_id, user_id]"})
          .check(check_columns)
          .description(
              "`store: duckdb:FILE` names the file. It is opened for each commit and closed after it, so that others "
              "may read it in between; DuckDB lets one process "
              "at a time have it. Rows and the epoch's number (table `_trommel_epochs`) go in by one transaction: a "
              "commit that is repeated adds nothing.\n\n"
              "A table that is there keeps its definition: what differs from the rows is a mistake that `plan` names, "
              "unless the table's type is wider.\n\n"
              "`write: append` adds the rows. `replace` empties the table in the same transaction, and makes it anew "
              "when its columns are others. `upsert` updates the row of the same key, or adds one where there is "
              "none; of two rows of one key in an epoch the one that came last stays, and both count as written. "
              "`replace_partitions` empties the partitions that rows of the epoch belong to, and fills them with "
              "these; NULL is a partition like others. An endless run does this with every epoch.")
          .example("store: duckdb:students.duckdb\ntable: student_data");
  return spec;
}

/// The columns of the table that `names` are; what is not among them goes to `problems`.
std::vector<size_t> find_columns(const std::vector<std::string>& names, const char* setting, const DuckdbTarget& target,
                                 const Node& settings, Problems& problems) {
  std::vector<size_t> out;
  for (const auto& name : names) {
    const auto found = std::ranges::find_if(target.columns, [&](const TableColumn& column) {
      return column.input >= 0 && name_key(column.name) == name_key(name);
    });
    const auto index = static_cast<size_t>(found - target.columns.begin());
    const Place& place = settings.find(setting)->place;
    if (found == target.columns.end()) {
      std::vector<std::string> known;
      for (const auto& column : target.columns) known.push_back(column.name);
      const auto near = did_you_mean(name, known);
      problems.add(place, fmt::format("`{}`: the rows have no column `{}`", setting, name),
                   near.empty() ? "" : fmt::format("did you mean `{}`?", near));
    } else if (std::ranges::find(out, index) != out.end()) {
      problems.add(place, fmt::format("`{}` names column `{}` twice", setting, name));
    } else {
      out.push_back(index);
    }
  }
  return out;
}

/// What the mode of writing does to rows that are there, for `plan`.
std::string write_note(const DuckdbConfig& config) {
  switch (config.write) {
    case TableWrite::append:
      return {};
    case TableWrite::replace:
      return "; its rows are replaced";
    case TableWrite::upsert:
      return fmt::format("; rows of the same {} are updated", fmt::join(config.key, ", "));
    case TableWrite::replace_partitions:
      return fmt::format("; partitions by {} that rows come for are replaced", fmt::join(config.partition_by, ", "));
  }
  return {};
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

/// Types that would become wider, and with them values that are there would change: BIGINT to DOUBLE beyond 2^53.
Result<std::vector<std::string>> would_round(const DuckdbTarget& target) {
  std::vector<std::string> out;
  auto options = target.options;
  options.read_only = true;
  for (const TableChange& change : target.changes) {
    if (change.from.empty()) continue;
    ASSIGN(const auto database, query::Database::open(options));
    ASSIGN(const auto connection, database->connect());
    const std::string column = query::quote_name(change.column);
    ASSIGN(const auto rows, connection->value(fmt::format(
                                "SELECT count(*) FROM {} WHERE TRY_CAST(CAST({} AS {}) AS {}) IS DISTINCT FROM {}",
                                query::quote_name(target.table), column, change.to, change.from, column)));
    if (rows != "0")
      out.push_back(fmt::format("column `{}`: as {} {} of its values would be others", change.column, change.to, rows));
  }
  return out;
}

/// The table as queries will see it: the columns that rows fill, then the others that it has.
StoreTable table_of(const DuckdbTarget& target, const std::optional<std::vector<StoredColumn>>& stored) {
  StoreTable table{target.table, nullptr, target.write == TableWrite::append};
  std::vector<ColumnInfo> columns;
  for (const TableColumn& column : target.columns) columns.push_back({column.name, column.type, column.nullable});
  for (const StoredColumn& column : stored.value_or(std::vector<StoredColumn>())) {
    const auto known = std::ranges::any_of(
        target.columns, [&](const TableColumn& other) { return name_key(other.name) == name_key(column.name); });
    if (known) continue;
    if (const auto type = parse_type(column.type)) columns.push_back({column.name, type->type, column.nullable});
  }
  table.schema = make_schema(columns);
  return table;
}

DuckdbQuerySettings query_settings(const StoreSettings& settings, const BindContext& context) {
  DuckdbQuerySettings out;
  out.options.path = settings.store.substr(settings.store.starts_with(scheme) ? scheme.size() : 0);
  out.options.memory_bytes = std::max(memory_min, context.memory.sql / 2);
  out.options.spill_folder = context.state_folder.empty() ? "" : join_path(context.state_folder, "store_spill");
  out.options.spill_bytes = context.memory.sql_spill;
  out.pipeline = context.pipeline;
  out.tables = settings.tables;
  out.views = settings.views;
  out.env = context.env;
  return out;
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
  // Rows are inserted in their order, some thousands at a time: handing these to threads takes longer than doing them.
  if (config.write == TableWrite::append || config.write == TableWrite::replace) target.options.threads = 1;
  target.table = config.table;
  target.write = config.write;
  target.pipeline = settings.pipeline;
  target.sink = settings.name;
  target.views = settings.views;
  target.env = context.env;
  const Place place = settings.settings->at_or_self("table").place;
  target.columns = wanted_columns(*input.schema, settings.contract, place, problems);
  if (problems.size() != before) return BoundSink{};
  for (TableColumn& column : target.columns) {
    if (column.input >= 0) column.input_name = input.schema->field(column.input)->name();
  }
  for (const size_t i : find_columns(config.key, "key", target, *settings.settings, problems)) {
    target.columns[i].key = true;
    target.columns[i].nullable = false;
  }
  const auto partition = find_columns(config.partition_by, "partition_by", target, *settings.settings, problems);
  if (problems.size() != before) return BoundSink{};
  if (target.options.path.empty()) {
    problems.add(place, "`store`: duckdb: names no file", "such as duckdb:students.duckdb");
    return BoundSink{};
  }

  BoundSink bound;
  bound.replaces = config.write == TableWrite::replace || config.write == TableWrite::replace_partitions;
  bound.target = target.name();
  bound.repeatable = config.write == TableWrite::upsert || config.write == TableWrite::replace_partitions;
  bound.repeatable_hint =
      "write: replace_partitions and partition_by: [the column of the day], or write: upsert and key:";
  bound.owns = {fmt::format("{}#{}", settings.store, target.table)};
  ASSIGN(const auto stored, look(target));
  if (!stored) {
    bound.notes.push_back(create_table(target.table, target.columns));
  } else {
    auto fitted = target.columns;
    auto differences = fit_to_table(fitted, *stored, target.table, input.growth, target.changes);
    ASSIGN(const auto rounded, would_round(target));
    differences.insert(differences.end(), rounded.begin(), rounded.end());
    if (differences.empty()) {
      target.columns = std::move(fitted);
      bound.notes.push_back("the table is there, and its columns " +
                            std::string(target.changes.empty() ? "fit" : "are made to fit") + write_note(config));
      for (const TableChange& change : target.changes) bound.notes.push_back(change.ddl);
    } else if (target.write == TableWrite::replace) {
      target.recreate = true;
      target.changes.clear();
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
  bound.table = table_of(target, target.recreate ? std::nullopt : stored);
  // Named as the table that is there names them.
  for (const size_t i : partition) target.partition_by.push_back(target.columns[i].name);
  bound.store = make_duckdb_sink(std::move(target));
  return bound;
}

}  // namespace

SinkKind duckdb_store() {
  SinkKind kind;
  kind.spec = &duckdb_spec().info();
  kind.is_store = true;
  kind.bind = bind;
  kind.query = [](const StoreSettings& settings, const BindContext& context) -> Result<std::shared_ptr<QueryStore>> {
    return make_duckdb_query_store(query_settings(settings, context));
  };
  kind.views = [](const StoreSettings& settings, const BindContext& context, Problems& problems) {
    return bind_duckdb_views(query_settings(settings, context), problems);
  };
  return kind;
}

}  // namespace trommel
