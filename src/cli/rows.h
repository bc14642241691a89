// Rows as text on standard output: for people as a table, for programs as JSON lines or CSV.
#pragma once

#include <string>
#include <vector>

#include "batch/batch.h"
#include "telemetry/table.h"

namespace trommel::cli {

/// A table with the schema's names; numbers to the right. Types stand below the names when `types`.
Table table_of(const Schema& schema, bool types = false);
void add_rows(Table& table, const arrow::RecordBatch& rows, int64_t at_most);

/// One JSON object a row, a line each. Numbers and truth values as such (64-bit integers and decimals with all their
/// digits), the rest as text; NULL is null.
std::string json_lines(const arrow::RecordBatch& rows);

/// A value as JSON.
std::string json_value(const arrow::Array& column, int64_t row);

std::string csv_head(const arrow::Schema& schema);
/// RFC 4180; NULL is nothing, the empty text is `""`.
std::string csv_lines(const arrow::RecordBatch& rows);

}  // namespace trommel::cli
