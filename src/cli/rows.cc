#include "cli/rows.h"

#include <arrow/api.h>

#include <algorithm>
#include <cmath>

#include "batch/types.h"
#include "telemetry/log.h"

namespace trommel::cli {

namespace {

bool is_number(const arrow::DataType& type) { return arrow::is_numeric(type.id()) || arrow::is_decimal(type.id()); }

bool is_finite(const arrow::Array& column, int64_t row) {
  if (column.type_id() == arrow::Type::DOUBLE)
    return std::isfinite(static_cast<const arrow::DoubleArray&>(column).Value(row));
  if (column.type_id() == arrow::Type::FLOAT)
    return std::isfinite(static_cast<const arrow::FloatArray&>(column).Value(row));
  return true;
}

std::string csv_text(std::string_view text) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string json_list(const arrow::Array& values, int64_t from, int64_t to) {
  std::string out;
  for (int64_t i = from; i < to; ++i) out += (out.empty() ? "" : ",") + json_value(values, i);
  return "[" + out + "]";
}

}  // namespace

Table table_of(const Schema& schema, bool types) {
  std::vector<Table::Column> columns;
  for (const auto& field : schema->fields()) {
    columns.push_back({printable(field->name()), is_number(*field->type()) ? Table::Align::right : Table::Align::left});
  }
  Table table(columns);
  if (types) {
    std::vector<std::string> names;
    for (const auto& field : schema->fields()) names.push_back(type_name(*field->type()));
    table.add(names);
    table.rule();
  }
  return table;
}

void add_rows(Table& table, const arrow::RecordBatch& rows, int64_t at_most) {
  for (int64_t row = 0; row < std::min(at_most, rows.num_rows()); ++row) {
    std::vector<std::string> cells;
    for (const auto& column : rows.columns()) cells.push_back(value_text(*column, row));
    table.add(std::move(cells));
  }
}

std::string json_value(const arrow::Array& column, int64_t row) {
  if (column.IsNull(row)) return "null";
  const arrow::DataType& type = *column.type();
  if (is_number(type)) return is_finite(column, row) ? value_text(column, row) : json_text(value_text(column, row));
  switch (type.id()) {
    case arrow::Type::BOOL:
      return static_cast<const arrow::BooleanArray&>(column).Value(row) ? "true" : "false";
    case arrow::Type::LIST: {
      const auto& list = static_cast<const arrow::ListArray&>(column);
      return json_list(*list.values(), list.value_offset(row), list.value_offset(row + 1));
    }
    case arrow::Type::STRUCT: {
      const auto& parts = static_cast<const arrow::StructArray&>(column);
      std::string out;
      for (int i = 0; i < type.num_fields(); ++i) {
        out += (out.empty() ? "" : ",") + json_text(type.field(i)->name()) + ":" + json_value(*parts.field(i), row);
      }
      return "{" + out + "}";
    }
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapArray&>(column);
      std::string out;
      for (int64_t i = map.value_offset(row); i < map.value_offset(row + 1); ++i) {
        out += (out.empty() ? "" : ",") + json_text(value_text(*map.keys(), i)) + ":" + json_value(*map.items(), i);
      }
      return "{" + out + "}";
    }
    default:
      return json_text(value_text(column, row));
  }
}

std::string json_lines(const arrow::RecordBatch& rows) {
  std::vector<std::string> keys;
  for (const auto& field : rows.schema()->fields()) keys.push_back(json_text(field->name()) + ":");
  std::string out;
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    out += '{';
    for (size_t i = 0; i < keys.size(); ++i) {
      if (i > 0) out += ',';
      out += keys[i] + json_value(*rows.column(static_cast<int>(i)), row);
    }
    out += "}\n";
  }
  return out;
}

std::string csv_head(const arrow::Schema& schema) {
  std::string out;
  for (int i = 0; i < schema.num_fields(); ++i) out += (i > 0 ? "," : "") + csv_text(schema.field(i)->name());
  return out + "\n";
}

std::string csv_lines(const arrow::RecordBatch& rows) {
  std::string out;
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    for (int i = 0; i < rows.num_columns(); ++i) {
      if (i > 0) out += ',';
      if (!rows.column(i)->IsNull(row)) out += csv_text(value_text(*rows.column(i), row));
    }
    out += '\n';
  }
  return out;
}

}  // namespace trommel::cli
