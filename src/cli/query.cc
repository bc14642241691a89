#include "query/database.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "cli/data_file.h"
#include "cli/rows.h"
#include "cli/scratch.h"
#include "cli/verb.h"
#include "endpoints/serving.h"
#include "telemetry/numbers.h"

namespace trommel::cli {

namespace {

struct Options {
  std::string from, sql;
  FileOptions reading;
  std::vector<std::string> variables;
  bool json = false, csv = false;
  int64_t limit = 100;
};

struct Opened {
  std::shared_ptr<query::Database> database;
  std::unique_ptr<query::Connection> connection;
};

Result<Opened> open(query::Options options) {
  Opened opened;
  ASSIGN(opened.database, query::Database::open(options));
  ASSIGN(opened.connection, opened.database->connect());
  return opened;
}

bool ends_with_any(const std::string& text, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return text.ends_with(end); });
}

std::string table_name(const std::string& path) {
  std::string name = name_of(path);
  name = name.substr(0, name.find('.'));
  return name.empty() ? "data" : name;
}

Result<Opened> open_file(Session& session, const Options& options, Problems& problems) {
  const ScratchFolder scratch(session.env);
  ASSIGN(const std::string folder, scratch.path());
  ASSIGN(auto source, bind_file(session, options.from, options.reading, folder, problems));
  if (!problems.empty()) return Opened{};
  ASSIGN(auto opened, open({}));
  const std::string table = table_name(options.from);
  ASSIGN(const LoadedRows loaded, load_rows(*opened.connection, *source, table));
  for (size_t i = 0; i < loaded.first_unread.size() && i < 3; ++i)
    session.warn(fmt::format("{}: {}", loaded.first_unread[i].place, loaded.first_unread[i].reason));
  if (loaded.unread > 0)
    session.warn(fmt::format("{} of {} rows could not be read and are not in the answer", count_text(loaded.unread),
                             count_text(loaded.rows + loaded.unread)));
  if (table != "data")
    TRY(opened.connection->run(fmt::format("CREATE VIEW data AS SELECT * FROM {}", query::quote_name(table))));
  return opened;
}

/// One process at a time has the file; where it answers questions itself, it is to be asked.
Result<> free_to_read(Session& session, const Pipeline& pipeline, const std::string& path) {
  query::Options how;
  how.path = path;
  how.read_only = true;
  auto opened = query::Database::open(how);
  if (opened) return {};
  Error error = std::move(opened).error();
  const std::string address = endpoints::ServedAddress::read(session.env, pipeline.settings.state);
  if (!address.empty()) error.hint = fmt::format("ask it over HTTP: {}/docs", address);
  return tl::unexpected(std::move(error));
}

Result<Opened> open_pipeline(Session& session, const Options& options, Problems& problems) {
  const Pipeline pipeline = session.load(options.from, problems);
  if (!problems.empty()) return Opened{};
  ASSIGN(auto opened, open({}));
  std::vector<std::string> attached;
  for (const Part& sink : pipeline.sinks) {
    if (!sink.store.starts_with("duckdb:") ||
        std::find(attached.begin(), attached.end(), sink.store_name) != attached.end())
      continue;
    const std::string path = sink.store.substr(7);
    if (!session.env.exists(path))
      return external_error(options.from, fmt::format("store `{}` is not there yet: {}", sink.store_name, path),
                            "`trommel run` makes it");
    TRY(free_to_read(session, pipeline, path));
    TRY(opened.connection->run(
        fmt::format("ATTACH {} AS {} (READ_ONLY)", query::quote_text(path), query::quote_name(sink.store_name))));
    if (attached.empty()) TRY(opened.connection->run(fmt::format("USE {}", query::quote_name(sink.store_name))));
    attached.push_back(sink.store_name);
  }
  if (attached.empty())
    return config_error(options.from, "the pipeline writes to no store", "name one of its output files instead");
  return opened;
}

Result<Opened> open_any(Session& session, const Options& options, Problems& problems) {
  if (ends_with_any(options.from, {".yaml", ".yml"})) return open_pipeline(session, options, problems);
  const bool store = options.from.starts_with("duckdb:");
  if (!store && !ends_with_any(options.from, {".duckdb", ".db", ".ddb"})) return open_file(session, options, problems);
  const std::string path = store ? options.from.substr(7) : options.from;
  if (!session.env.exists(path)) return external_error(path, "there is no such file");
  query::Options how;
  how.path = path;
  how.read_only = true;
  return open(how);
}

Result<> print_for_programs(Session& session, query::Cursor& cursor, bool json) {
  if (!json) session.out(csv_head(*cursor.schema()));
  while (true) {
    ASSIGN(const Rows rows, cursor.next());
    if (!rows) return {};
    session.out(json ? json_lines(*rows) : csv_lines(*rows));
  }
}

Result<> print_for_people(Session& session, query::Cursor& cursor, int64_t limit) {
  Table table = table_of(cursor.schema());
  int64_t total = 0;
  while (true) {
    ASSIGN(const Rows rows, cursor.next());
    if (!rows) break;
    add_rows(table, *rows, limit - total);
    total += rows->num_rows();
  }
  session.out(table.text(session.out_terminal.width));
  if (total > limit) session.out(fmt::format("… {} of {} rows (--limit)\n", count_text(limit), count_text(total)));
  return {};
}

int query_verb(Session& session, const Options& options) {
  session.set_variables(options.variables);
  Problems problems;
  auto opened = open_any(session, options, problems);
  if (!problems.empty()) return session.fail(problems);
  if (!opened) return session.fail(opened.error());
  auto cursor = opened->connection->query(options.sql);
  if (!cursor) {
    session.fail(cursor.error());
    return cursor.error().domain == Error::Domain::config ? static_cast<int>(wrong_usage) : exit_code(cursor.error());
  }
  auto printed = options.json || options.csv ? print_for_programs(session, **cursor, options.json)
                                             : print_for_people(session, **cursor, options.limit);
  return printed ? static_cast<int>(done) : session.fail(printed.error());
}

}  // namespace

void add_query(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb =
      add_verb(app, "query", "Ask a data file, a store or a pipeline's stores with SQL; nothing is written",
               "  trommel query flights.csv.zip 'select origin, count(*) from flights group by all'\n"
               "  trommel query flights.parquet 'select * from data limit 5' --json\n"
               "  trommel query flights.duckdb 'show tables'\n"
               "  trommel query pipeline.yaml 'select count(*) from flights' --csv\n"
               "  trommel query - 'select sum(amount) from data' --in nulls=NA < sales.csv\n\n"
               "A file is the table of its own name up to the first dot, and `data`.");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->from, "Data file, DuckDB store (file or duckdb:FILE), or pipeline file")
      ->required()
      ->type_name("");
  verb->add_option("SQL", options->sql, "What to ask")->required()->type_name("");
  CLI::Option* json = verb->add_flag("--json", options->json, "One JSON object a row");
  verb->add_flag("--csv", options->csv, "As CSV")->excludes(json);
  verb->add_option("--limit", options->limit, "Rows shown in a table")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber)
      ->type_name("ROWS");
  add_file_options(*verb, options->reading);
  add_variables(*verb, options->variables);
  verb->callback(
      [&session, &action, options] { action = [&session, options] { return query_verb(session, *options); }; });
}

}  // namespace trommel::cli
