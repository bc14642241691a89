#include "connectors/clickhouse/clickhouse.h"

#include <algorithm>

#include "arrow/api.h"
#include "connectors/clickhouse/query_store.h"
#include "connectors/clickhouse/sink.h"
#include "fmt/format.h"

namespace trommel {

template <>
struct EnumNames<clickhouse::Evolve> {
  static constexpr EnumName<clickhouse::Evolve> list[] = {
      {"fail", clickhouse::Evolve::fail}, {"add", clickhouse::Evolve::add}, {"ignore", clickhouse::Evolve::ignore}};
};

namespace clickhouse {

enum class Compression { automatic, none, gzip, zstd };

}  // namespace clickhouse

template <>
struct EnumNames<clickhouse::Compression> {
  static constexpr EnumName<clickhouse::Compression> list[] = {{"auto", clickhouse::Compression::automatic},
                                                               {"none", clickhouse::Compression::none},
                                                               {"gzip", clickhouse::Compression::gzip},
                                                               {"zstd", clickhouse::Compression::zstd}};
};

namespace clickhouse {
namespace {

struct Config {
  std::string table;
  std::vector<std::string> order_by, partition_by;
  std::string engine = "MergeTree";
  std::string ttl;
  Pairs<std::string> materialized, settings;
  std::vector<std::string> low_cardinality;
  Evolve evolve = Evolve::fail;
  int64_t block_rows = 500'000;
  Compression compression = Compression::automatic;
};

constexpr int64_t block_bytes_min = 1 << 20;
constexpr int64_t block_rows_max = 1'000'000;  // a server cuts larger ones, at 1,048,449 rows unless told otherwise

void check_config(const Config& config, const Node& node, Problems& problems) {
  if (config.block_rows < 1 || config.block_rows > block_rows_max)
    problems.add(node.at_or_self("block_rows").place,
                 fmt::format("`block_rows` must be a number from 1 to {}", block_rows_max));
  if (!is_known_engine(config.engine))
    problems.add(
        node.at_or_self("engine").place,
        fmt::format("`engine`: rows are written to MergeTree and ReplacingMergeTree, not to {}", config.engine),
        "let a materialized view fill a table of that engine");
  if (config.table.empty()) problems.add(node.at_or_self("table").place, "`table` is empty");
  for (const auto& [name, place, expression] : config.materialized)
    if (expression.empty())
      problems.add(place, fmt::format("`materialized`: column `{}` has no expression", name),
                   "such as `day: toDate(at)`");
}

const Spec<Config>& clickhouse_spec() {
  static const auto spec =
      Spec<Config>("clickhouse", "A table of a ClickHouse")
          .field("table", &Config::table, "the table's name; it is made when there is none",
                 {.example = "game_rounds", .required = true})
          .field("order_by", &Config::order_by,
                 "of a table that is made: the columns (or expressions) that its rows are sorted by; they take no NULL",
                 {.example = "[game_id, user_id]"})
          .field("partition_by", &Config::partition_by,
                 "of a table that is made: the columns or expressions that part it",
                 {.example = "toYYYYMM(created_at)"})
          .field("engine", &Config::engine,
                 "of a table that is made: MergeTree, or ReplacingMergeTree, with what it is given",
                 {.example = "ReplacingMergeTree(version)"})
          .field("ttl", &Config::ttl, "of a table that is made: when its rows go",
                 {.example = "created_at + INTERVAL 90 DAY"})
          .field("materialized", &Config::materialized,
                 "of a table that is made: columns that it computes, each with its expression",
                 {.example = "{ created_hour: toStartOfHour(created_at) }"})
          .field("low_cardinality", &Config::low_cardinality,
                 "of a table that is made: columns with few values, kept as a dictionary", {.example = "[provider]"})
          .field("settings", &Config::settings,
                 "of a table that is made: settings that ClickHouse knows by these names",
                 {.example = "{ index_granularity: 4096 }"})
          .field("evolve", &Config::evolve,
                 "what happens when rows have a column that the table lacks: fail is a mistake, add adds it, ignore "
                 "leaves it out")
          .field("block_rows", &Config::block_rows, "rows of an INSERT at most")
          .field("compression", &Config::compression,
                 "how rows are packed on their way; auto: not at all on this machine, else zstd, or gzip for servers "
                 "older than 20.8")
          .check(check_config)
          .description(
              "`store: clickhouse://user:password@host:8123/database` names the server's HTTP interface; with "
              "`?secure=true` it is asked over TLS.\n\n"
              "A commit that is repeated adds nothing. Each row has its epoch in the column `_trommel_epoch`, which is "
              "MATERIALIZED, so that `SELECT *` does not show it; the table `_trommel_epochs` has the last epoch of "
              "each sink. "
              "From ClickHouse 22.2 on, blocks carry tokens (`insert_deduplication_token`), and the table a window of "
              "10,000 of them; "
              "older servers get an epoch into a table aside, of which each partition is attached to the table at a "
              "stroke. "
              "There, materialized views on the table do not see the rows. In both, rows of an epoch appear partition "
              "by partition, or block by block.\n\n"
              "A table that is there keeps its definition: what differs from the rows is a mistake that `plan` names. "
              "It gets the "
              "column, and the window, if it lacks them. Its engine must be MergeTree or ReplacingMergeTree, "
              "Replicated or not.\n\n"
              "Servers older than 20.1 have no DateTime64 (timestamps become DateTime: what is finer than a second, or "
              "before 1970 or after 2106, "
              "is a reject), older than 21.9 no Date32 (days before 1970 are rejects), older than 22.1 no Bool "
              "(UInt8), older than 19.3 no LowCardinality "
              "(left aside).")
          .example("store: clickhouse://localhost:8123/default\ntable: game_rounds\norder_by: [game_id, user_id]");
  return spec;
}

std::vector<std::pair<std::string, std::string>> plain(const Pairs<std::string>& pairs) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& pair : pairs) out.emplace_back(pair.key, pair.value);
  return out;
}

bool is_here(const std::string& url) {
  const std::string_view host = std::string_view(url).substr(url.find("://") + 3);
  return host.starts_with("127.") || host.starts_with("localhost:") || host.starts_with("[::1]");
}

Packing packing_of(Compression compression, const std::string& url) {
  switch (compression) {
    case Compression::none:
      return Packing::none;
    case Compression::gzip:
      return Packing::gzip;
    case Compression::zstd:
      return Packing::zstd;
    case Compression::automatic:
      break;
  }
  return is_here(url) ? Packing::none : Packing::zstd;
}

/// A name that stands alone is a column; anything else an expression, which the server reads.
void check_names(const std::vector<std::string>& names, const char* setting, bool expressions,
                 const WantedTable& wanted, const Node& node, Problems& problems) {
  std::vector<std::string> known;
  for (const TableColumn& column : wanted.columns) known.push_back(column.name);
  for (const auto& [name, expression] : wanted.materialized) known.push_back(name);
  for (const std::string& name : names) {
    const bool word = std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
    if ((expressions && !word) || std::ranges::find(known, name) != known.end()) continue;
    const auto near = did_you_mean(name, known);
    problems.add(node.at_or_self(setting).place, fmt::format("`{}`: the rows have no column `{}`", setting, name),
                 near.empty() ? "" : fmt::format("did you mean `{}`?", near));
  }
}

WantedTable wanted_table(const Config& config, const SinkSettings& settings, const InputInfo& input,
                         Problems& problems) {
  const Node& node = *settings.settings;
  WantedTable wanted;
  wanted.table = config.table;
  wanted.columns = wanted_columns(*input.schema, settings.contract, node.at_or_self("table").place, problems);
  for (TableColumn& column : wanted.columns)
    if (column.input >= 0) column.input_name = input.schema->field(column.input)->name();
  wanted.engine = config.engine;
  wanted.order_by = config.order_by;
  wanted.partition_by = config.partition_by;
  wanted.ttl = config.ttl;
  wanted.materialized = plain(config.materialized);
  wanted.settings = plain(config.settings);
  wanted.low_cardinality = config.low_cardinality;
  wanted.evolve = config.evolve;
  wanted.growth = input.growth;
  if (problems.empty()) {
    check_names(config.order_by, "order_by", true, wanted, node, problems);
    check_names(config.partition_by, "partition_by", true, wanted, node, problems);
    check_names(config.low_cardinality, "low_cardinality", false, wanted, node, problems);
  }
  mark_key_columns(wanted);
  return wanted;
}

/// The table as queries will see it: the columns that rows fill, then the others that it has.
StoreTable table_of(const WantedTable& wanted, const Fit& fit, const std::optional<StoredTable>& stored,
                    const Engine& engine) {
  StoreTable table{wanted.table, nullptr, !fit.replacing};
  std::vector<ColumnInfo> columns;
  for (const FilledColumn& column : fit.columns)
    columns.push_back({column.name, column.type.arrow, column.type.takes_null()});
  for (const StoredColumn& column : stored ? stored->columns : std::vector<StoredColumn>()) {
    const bool known = std::ranges::any_of(columns, [&](const ColumnInfo& other) { return other.name == column.name; });
    if (known || column.name == mark_column) continue;
    if (const auto type = parse_column_type(column.type, engine))
      columns.push_back({column.name, type->arrow, type->takes_null()});
  }
  table.schema = make_schema(columns);
  return table;
}

/// What a server of today would be, where none can be asked.
Engine usual_engine() {
  Engine engine;
  engine.major = 26;
  engine.tokens = engine.marks_inserts = engine.limits_partitions = engine.zstd = engine.parameters = true;
  return engine;
}

struct Looked {
  Engine engine;
  std::optional<StoredTable> stored;
};

Result<Looked> look_at(Client& client, const std::string& table) {
  ASSIGN(const Engine engine, client.engine());
  ASSIGN(const auto stored, look(client, engine, table));
  return Looked{engine, stored};
}

Result<BoundSink> bind(const SinkSettings& settings, const InputInfo& input, const BindContext& context,
                       Problems& problems) {
  const Node& node = *settings.settings;
  Problems found;
  const Config config = clickhouse_spec().parse(node, found);
  auto address = parse_address(settings.store);
  if (!address) found.add(node.at_or_self("table").place, address.error().what, address.error().hint);
  Target target;
  if (found.empty()) target.table = wanted_table(config, settings, input, found);
  if (!found.empty()) {
    problems.add(found);
    return BoundSink{};
  }
  target.address = *address;
  target.packing = packing_of(config.compression, address->url);
  target.block_rows = config.block_rows;
  target.block_bytes = std::clamp(context.memory.writers / 4, block_bytes_min, target.block_bytes);
  target.pipeline = settings.pipeline;
  target.sink = settings.name;
  target.env = context.env;

  BoundSink bound;
  bound.target = target.name();
  bound.owns = {bound.target};
  Client client(*address);
  auto looked = look_at(client, config.table);
  if (!looked && !looked.error().retry) return tl::unexpected(std::move(looked).error());
  if (!looked)
    bound.notes.push_back(fmt::format("{}: the table is looked at when the server is there", looked.error().text()));
  const Engine engine = looked ? looked->engine : usual_engine();
  const auto stored = looked ? looked->stored : std::nullopt;
  Fit fit = fit_table(target.table, stored, engine);
  for (const std::string& difference : fit.differences)
    problems.add(node.at_or_self("table").place, fmt::format("{}: {}", bound.target, difference),
                 stored ? "change the rows or the table, or see `evolve`" : "");
  if (!fit.differences.empty()) return BoundSink{};
  if (looked) {
    bound.notes.push_back(fmt::format(
        "ClickHouse {}: exactly once, {}", engine.version,
        engine.tokens && engine.marks_inserts ? "blocks by token" : "partitions are attached from a table aside"));
    bound.notes.insert(bound.notes.end(), fit.notes.begin(), fit.notes.end());
  }
  bound.table = table_of(target.table, fit, stored, engine);
  ASSIGN(target.views, plan_views({*bound.table}, settings.views));
  bound.store = make_sink(std::move(target), std::move(fit));
  return bound;
}

Result<QuerySettings> query_settings(const StoreSettings& settings, const BindContext& context) {
  ASSIGN(auto address, parse_address(settings.store));
  return QuerySettings{std::move(address), context.pipeline, settings.tables, settings.views, context.env};
}

}  // namespace
}  // namespace clickhouse

SinkKind clickhouse_store() {
  SinkKind kind;
  kind.spec = &clickhouse::clickhouse_spec().info();
  kind.is_store = true;
  kind.bind = clickhouse::bind;
  kind.query = [](const StoreSettings& settings, const BindContext& context) -> Result<std::shared_ptr<QueryStore>> {
    ASSIGN(auto query, clickhouse::query_settings(settings, context));
    return clickhouse::make_query_store(std::move(query));
  };
  kind.views = [](const StoreSettings& settings, const BindContext& context,
                  Problems& problems) -> Result<std::vector<BoundView>> {
    ASSIGN(const auto query, clickhouse::query_settings(settings, context));
    return clickhouse::bind_views(query, problems);
  };
  return kind;
}

}  // namespace trommel
