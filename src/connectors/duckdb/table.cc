#include "connectors/duckdb/table.h"

#include <algorithm>

#include "arrow/api.h"
#include "component/columns.h"
#include "fmt/format.h"

namespace trommel {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

bool is_signed(arrow::Type::type id) { return arrow::is_signed_integer(id); }

/// Whether every value of `from` is a value of `to`, and means the same.
bool widens(const arrow::DataType& from, const arrow::DataType& to) {
  if (arrow::is_integer(from.id()) && arrow::is_integer(to.id())) {
    const int more = to.bit_width() - from.bit_width();
    return is_signed(from.id()) == is_signed(to.id()) ? more >= 0 : is_signed(to.id()) && more > 0;
  }
  if (from.id() == arrow::Type::FLOAT) return to.id() == arrow::Type::DOUBLE;
  if (from.id() == arrow::Type::TIMESTAMP && to.id() == arrow::Type::TIMESTAMP) {
    const auto& a = static_cast<const arrow::TimestampType&>(from);
    const auto& b = static_cast<const arrow::TimestampType&>(to);
    return a.timezone() == b.timezone() && a.unit() <= b.unit();
  }
  if (from.id() == arrow::Type::DECIMAL128 && to.id() == arrow::Type::DECIMAL128) {
    const auto& a = static_cast<const arrow::DecimalType&>(from);
    const auto& b = static_cast<const arrow::DecimalType&>(to);
    return b.scale() >= a.scale() && b.precision() - b.scale() >= a.precision() - a.scale();
  }
  return false;
}

/// Whether a column may be changed to hold the values of both.
bool becomes(const Type& from, const Type& to) {
  const Type wide = wider_type(from, to);
  return wide && same_type(*wide, *to);
}

}  // namespace

std::string create_table(const std::string& table, const std::vector<TableColumn>& columns) {
  std::string out = fmt::format("CREATE TABLE {} (", query::quote_name(table));
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto& column = columns[i];
    out += fmt::format("{}{} {}{}", i ? ", " : "", query::quote_name(column.name), duckdb_type(*column.type),
                       column.nullable ? "" : " NOT NULL");
  }
  return out + ")";
}

Result<std::optional<std::vector<StoredColumn>>> stored_columns(query::Connection& connection,
                                                                const std::string& table) {
  ASSIGN(const auto batches,
         connection.all(
             fmt::format("SELECT column_name, data_type, is_nullable, column_default IS NOT NULL FROM duckdb_columns() "
                         "WHERE database_name = current_database() AND schema_name = 'main' AND lower(table_name) = "
                         "lower({}) ORDER BY column_index",
                         query::quote_text(table))));
  std::vector<StoredColumn> out;
  for (const auto& rows : batches) {
    for (int64_t row = 0; row < rows->num_rows(); ++row) {
      out.push_back({value_text(*rows->column(0), row), value_text(*rows->column(1), row),
                     value_text(*rows->column(2), row) == "true", value_text(*rows->column(3), row) == "true"});
    }
  }
  if (out.empty()) return std::optional<std::vector<StoredColumn>>();
  return std::optional(std::move(out));
}

std::vector<std::string> fit_to_table(std::vector<TableColumn>& columns, const std::vector<StoredColumn>& stored,
                                      const std::string& table, const Growth& growth,
                                      std::vector<TableChange>& changes) {
  const std::string alter = "ALTER TABLE " + query::quote_name(table);
  std::vector<std::string> differences;
  for (auto& column : columns) {
    const auto same_name = [&](const StoredColumn& other) { return lower(other.name) == lower(column.name); };
    const auto found = std::ranges::find_if(stored, same_name);
    if (found == stored.end() && growth.columns && column.nullable) {
      // Once more after a crash it may be there.
      changes.push_back({fmt::format("{} ADD COLUMN IF NOT EXISTS {} {}", alter, query::quote_name(column.name),
                                     duckdb_type(*column.type)),
                         column.name, "", ""});
      continue;
    }
    if (found == stored.end()) {
      differences.push_back(fmt::format("column `{}`: the table has none of that name", column.name));
      continue;
    }
    column.name = found->name;
    column.nullable = column.nullable && found->nullable;
    const auto type = parse_type(found->type);
    if (type && (same_type(*type->type, *column.type) || widens(*column.type, *type->type))) {
      column.type = type->type;
    } else if (type && growth.types && becomes(type->type, column.type)) {
      changes.push_back(
          {fmt::format("{} ALTER COLUMN {} TYPE {}", alter, query::quote_name(column.name), duckdb_type(*column.type)),
           column.name, found->type, duckdb_type(*column.type)});
    } else {
      differences.push_back(fmt::format("column `{}`: the table has {}, the rows have {}", column.name, found->type,
                                        duckdb_type(*column.type)));
    }
  }
  for (const auto& there : stored) {
    const bool filled = std::ranges::any_of(
        columns, [&](const TableColumn& column) { return lower(column.name) == lower(there.name); });
    if (!filled && !there.nullable && !there.has_default) {
      differences.push_back(
          fmt::format("column `{}`: the table has {} NOT NULL, the rows have no such column", there.name, there.type));
    }
  }
  return differences;
}

}  // namespace trommel
