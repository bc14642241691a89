#include "connectors/duckdb/merge.h"

#include <algorithm>

#include "arrow/api.h"
#include "fmt/format.h"
#include "query/inserter.h"

namespace trommel {
namespace {

constexpr const char* incoming = "temp.main._trommel_incoming";

/// A name for the order of arrival that no column has.
std::string arrival_name(const DuckdbTarget& target) {
  std::string name = "_trommel_arrival";
  while (std::ranges::any_of(target.columns, [&](const TableColumn& column) { return column.name == name; }))
    name += "_";
  return name;
}

/// `t."a" = s."a" AND ...`
std::string same(const std::vector<std::string>& columns, const char* equals) {
  std::string out;
  for (const auto& name : columns) {
    const auto quoted = query::quote_name(name);
    out += fmt::format("{}t.{} {} s.{}", out.empty() ? "" : " AND ", quoted, equals, quoted);
  }
  return out;
}

std::string list_of(const std::vector<std::string>& columns) {
  std::string out;
  for (const auto& name : columns) out += (out.empty() ? "" : ", ") + query::quote_name(name);
  return out;
}

class Merge {
 public:
  Merge(query::Connection& connection, const DuckdbTarget& target)
      : connection_(connection),
        target_(target),
        table_(query::quote_name(target.table)),
        arrival_(query::quote_name(arrival_name(target))) {
    for (const auto& column : target.columns) {
      if (column.input < 0) continue;
      (column.key ? keys_ : values_).push_back(column.name);
    }
  }

  Result<int64_t> run(const NextStored& next) {
    TRY(gather(next));
    ASSIGN(const int64_t came, count_rows(connection_, incoming));
    if (target_.write == TableWrite::upsert) {
      TRY(upsert());
    } else {
      TRY(replace_partitions(came));
    }
    TRY(connection_.run(fmt::format("DROP TABLE {}", incoming)));
    return came;
  }

 private:
  Result<> gather(const NextStored& next) {
    std::string columns;
    for (const auto& column : target_.columns) {
      if (column.input >= 0)
        columns += fmt::format("{} {}, ", query::quote_name(column.name), duckdb_type(*column.type));
    }
    TRY(connection_.run(
        fmt::format("CREATE OR REPLACE TEMP TABLE _trommel_incoming ({}{} BIGINT)", columns, arrival_)));
    query::Inserter inserter(connection_, incoming);
    int64_t arrived = 0;
    for (;;) {
      ASSIGN(const Rows rows, next());
      if (!rows) break;
      TRY(inserter.add(numbered(*rows, arrived)));
      arrived += rows->num_rows();
    }
    return inserter.finish();
  }

  static Rows numbered(const arrow::RecordBatch& rows, int64_t first) {
    std::vector<int64_t> numbers(static_cast<size_t>(rows.num_rows()));
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = first + static_cast<int64_t>(i);
    auto columns = rows.columns();
    columns.push_back(
        std::make_shared<arrow::Int64Array>(rows.num_rows(), arrow::Buffer::FromVector(std::move(numbers))));
    auto fields = rows.schema()->fields();
    fields.push_back(arrow::field("arrival", arrow::int64()));
    return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows.num_rows(), std::move(columns));
  }

  Result<> upsert() {
    TRY(connection_.run(fmt::format("DELETE FROM {} WHERE {} NOT IN (SELECT max({}) FROM {} GROUP BY {})", incoming,
                                    arrival_, arrival_, incoming, list_of(keys_))));
    ASSIGN(const int64_t different, count_rows(connection_, incoming));
    const auto matches = same(keys_, "=");
    if (!values_.empty()) {
      std::string set;
      for (const auto& name : values_) {
        const auto quoted = query::quote_name(name);
        set += fmt::format("{}{} = s.{}", set.empty() ? "" : ", ", quoted, quoted);
      }
      TRY(connection_.run(fmt::format("UPDATE {} AS t SET {} FROM {} AS s WHERE {}", table_, set, incoming, matches)));
    }
    TRY(connection_.run(
        fmt::format("INSERT INTO {} ({}) SELECT {} FROM {} AS s WHERE NOT EXISTS (SELECT 1 FROM {} AS t "
                    "WHERE {}) ORDER BY {}",
                    table_, filled_columns(target_), filled_columns(target_), incoming, table_, matches, arrival_)));
    ASSIGN(const auto there,
           connection_.value(fmt::format("SELECT count(*) FROM {} AS s WHERE EXISTS (SELECT 1 FROM {} AS t WHERE {})",
                                         incoming, table_, matches)));
    if (std::stoll(there) == different) return {};
    return internal_error("", fmt::format("{} keys came, {} of them are in the table", different, there));
  }

  Result<> replace_partitions(int64_t came) {
    TRY(wake_indexes(connection_, target_));
    // A NULL is a partition like others.
    TRY(connection_.run(fmt::format("DELETE FROM {} AS t WHERE EXISTS (SELECT 1 FROM {} AS s WHERE {})", table_,
                                    incoming, same(target_.partition_by, "IS NOT DISTINCT FROM"))));
    ASSIGN(const int64_t before, count_rows(connection_, table_));
    TRY(connection_.run(fmt::format("INSERT INTO {} ({}) SELECT {} FROM {} ORDER BY {}", table_,
                                    filled_columns(target_), filled_columns(target_), incoming, arrival_)));
    ASSIGN(const int64_t after, count_rows(connection_, table_));
    if (after - before == came) return {};
    return internal_error("", fmt::format("{} rows came, {} were inserted", came, after - before));
  }

  query::Connection& connection_;
  const DuckdbTarget& target_;
  const std::string table_, arrival_;
  std::vector<std::string> keys_, values_;
};

}  // namespace

Result<int64_t> merge_rows(query::Connection& connection, const DuckdbTarget& target, const NextStored& next) {
  return Merge(connection, target).run(next);
}

Result<> wake_indexes(query::Connection& connection, const DuckdbTarget& target) {
  const auto table = query::quote_name(target.table), columns = filled_columns(target);
  return connection.run(fmt::format("INSERT INTO {} ({}) SELECT {} FROM {} LIMIT 0", table, columns, columns, table));
}

std::string filled_columns(const DuckdbTarget& target) {
  std::vector<std::string> names;
  for (const auto& column : target.columns) {
    if (column.input >= 0) names.push_back(column.name);
  }
  return list_of(names);
}

Result<int64_t> count_rows(query::Connection& connection, const std::string& quoted_table) {
  ASSIGN(const auto text, connection.value("SELECT count(*) FROM " + quoted_table));
  return std::stoll(text);
}

}  // namespace trommel
