#include "query/reference.h"

#include "fmt/format.h"
#include "query/inserter.h"

namespace trommel::query {
namespace {

/// `CREATE ... TABLE name` with the columns of `schema` as DuckDB reads them.
Result<> create(Connection& connection, const std::string& create, const ReferenceTable& table) {
  const std::string rows = "trommel_rows_of_" + table.name;
  const auto nothing = []() -> Result<NextRows> { return []() -> Result<Rows> { return Rows(); }; };
  TRY(connection.register_stream(rows, table.schema, nothing, 0));
  const auto made =
      connection.run(fmt::format("{} {} AS FROM {} LIMIT 0", create, quote_name(table.name), quote_name(rows)));
  connection.unregister_stream(rows);
  return made;
}

Result<> fill(Database& database, const ReferenceTable& table) {
  ASSIGN(const auto connection, database.connect());
  TRY(connection->run("BEGIN"));
  TRY(create(*connection, "CREATE TABLE", table));
  Inserter inserter(*connection, quote_name(table.name));
  TRY(table.read([&](const Batch& batch) { return inserter.add(batch.rows); }));
  TRY(inserter.finish());
  return connection->run("COMMIT");
}

}  // namespace

Result<> declare_table(Connection& connection, const ReferenceTable& table) {
  return create(connection, "CREATE TEMP TABLE", table);
}

Result<> load_table(Database& database, const ReferenceTable& table) {
  return database.once("table " + table.name, [&]() -> Result<> {
    auto filled = fill(database, table);
    if (filled) return {};
    auto error = std::move(filled).error();
    error.where = error.where.empty() ? "table `" + table.name + "`" : "table `" + table.name + "`: " + error.where;
    return tl::unexpected(std::move(error));
  });
}

}  // namespace trommel::query
