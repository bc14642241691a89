#include <array>
#include <cctype>
#include <string_view>

#include "query/handles.h"

namespace trommel::query {
namespace {

using Domain = Error::Domain;

Domain domain_of(duckdb_error_type type) {
  switch (type) {
    case DUCKDB_ERROR_OUT_OF_RANGE:
    case DUCKDB_ERROR_CONVERSION:
    case DUCKDB_ERROR_DECIMAL:
    case DUCKDB_ERROR_MISMATCH_TYPE:
    case DUCKDB_ERROR_DIVIDE_BY_ZERO:
    case DUCKDB_ERROR_OBJECT_SIZE:
    case DUCKDB_ERROR_CONSTRAINT:
    case DUCKDB_ERROR_INVALID_INPUT:
      return Domain::data;
    case DUCKDB_ERROR_OUT_OF_MEMORY:
    case DUCKDB_ERROR_IO:
    case DUCKDB_ERROR_INTERRUPT:
    case DUCKDB_ERROR_CONNECTION:
    case DUCKDB_ERROR_NETWORK:
    case DUCKDB_ERROR_HTTP:
    case DUCKDB_ERROR_TRANSACTION:
    case DUCKDB_ERROR_FATAL:  // it gave the file up: a sync failed, or its log could not be written
      return Domain::external;
    case DUCKDB_ERROR_UNKNOWN_TYPE:
    case DUCKDB_ERROR_INVALID_TYPE:
    case DUCKDB_ERROR_NOT_IMPLEMENTED:
    case DUCKDB_ERROR_EXPRESSION:
    case DUCKDB_ERROR_CATALOG:
    case DUCKDB_ERROR_PARSER:
    case DUCKDB_ERROR_SYNTAX:
    case DUCKDB_ERROR_SETTINGS:
    case DUCKDB_ERROR_BINDER:
    case DUCKDB_ERROR_PERMISSION:
    case DUCKDB_ERROR_PARAMETER_NOT_RESOLVED:
    case DUCKDB_ERROR_PARAMETER_NOT_ALLOWED:
    case DUCKDB_ERROR_DEPENDENCY:
    case DUCKDB_ERROR_MISSING_EXTENSION:
    case DUCKDB_ERROR_AUTOLOAD:
      return Domain::config;
    default:
      return Domain::internal;
  }
}

struct Prefix {
  std::string_view word;
  duckdb_error_type type;
};

// How messages begin, with " Error: " after it (DuckDB's ExceptionType names).
constexpr std::array prefixes = {
    Prefix{"Out of Range", DUCKDB_ERROR_OUT_OF_RANGE},
    Prefix{"Conversion", DUCKDB_ERROR_CONVERSION},
    Prefix{"Decimal", DUCKDB_ERROR_DECIMAL},
    Prefix{"Mismatch Type", DUCKDB_ERROR_MISMATCH_TYPE},
    Prefix{"Divide by Zero", DUCKDB_ERROR_DIVIDE_BY_ZERO},
    Prefix{"Object Size", DUCKDB_ERROR_OBJECT_SIZE},
    Prefix{"Constraint", DUCKDB_ERROR_CONSTRAINT},
    Prefix{"Invalid Input", DUCKDB_ERROR_INVALID_INPUT},
    Prefix{"Out of Memory", DUCKDB_ERROR_OUT_OF_MEMORY},
    Prefix{"IO", DUCKDB_ERROR_IO},
    Prefix{"INTERRUPT", DUCKDB_ERROR_INTERRUPT},
    Prefix{"Connection", DUCKDB_ERROR_CONNECTION},
    Prefix{"TransactionContext", DUCKDB_ERROR_TRANSACTION},
    Prefix{"Unknown Type", DUCKDB_ERROR_UNKNOWN_TYPE},
    Prefix{"Invalid type", DUCKDB_ERROR_INVALID_TYPE},
    Prefix{"Not implemented", DUCKDB_ERROR_NOT_IMPLEMENTED},
    Prefix{"Expression", DUCKDB_ERROR_EXPRESSION},
    Prefix{"Catalog", DUCKDB_ERROR_CATALOG},
    Prefix{"Parser", DUCKDB_ERROR_PARSER},
    Prefix{"Syntax", DUCKDB_ERROR_SYNTAX},
    Prefix{"Settings", DUCKDB_ERROR_SETTINGS},
    Prefix{"Binder", DUCKDB_ERROR_BINDER},
    Prefix{"Permission", DUCKDB_ERROR_PERMISSION},
    Prefix{"Dependency", DUCKDB_ERROR_DEPENDENCY},
    Prefix{"Missing Extension", DUCKDB_ERROR_MISSING_EXTENSION},
    Prefix{"Parameter Not Allowed", DUCKDB_ERROR_PARAMETER_NOT_ALLOWED},
    Prefix{"Parameter Not Resolved", DUCKDB_ERROR_PARAMETER_NOT_RESOLVED},
    Prefix{"Extension Autoloading", DUCKDB_ERROR_AUTOLOAD},
    Prefix{"FATAL", DUCKDB_ERROR_FATAL},
    Prefix{"INTERNAL", DUCKDB_ERROR_INTERNAL},
};

/// Takes the prefix off `text` and says what it was.
duckdb_error_type take_prefix(std::string_view& text) {
  for (const auto& prefix : prefixes) {
    if (!text.starts_with(prefix.word)) continue;
    auto rest = text.substr(prefix.word.size());
    if (!rest.starts_with(" Error: ")) continue;
    text = rest.substr(8);
    return prefix.type;
  }
  return DUCKDB_ERROR_INVALID;
}

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (blank && (out.empty() || out.back() == ' ')) continue;
    out += blank ? ' ' : c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace

Error from_duckdb(const char* message, duckdb_error_type type) {
  std::string_view text = message ? message : "";
  const auto by_prefix = take_prefix(text);
  if (type == DUCKDB_ERROR_INVALID) type = by_prefix;
  text = text.substr(0, text.find("\n\nStack Trace"));
  std::string line;
  if (const auto at = text.find("\nLINE "); at != text.npos) {
    const auto number = text.substr(at + 6, text.find(':', at) - at - 6);
    if (number != "1") line = " (line " + std::string(number) + " of the SQL)";
    text = text.substr(0, at);
  }
  // What follows the first line is advice in terms of DuckDB's own settings.
  if (type == DUCKDB_ERROR_OUT_OF_MEMORY) text = text.substr(0, text.find('\n'));
  Error error;
  error.domain = domain_of(type);
  error.retry = error.domain == Domain::external;
  error.what = (type == DUCKDB_ERROR_OUT_OF_MEMORY ? "out of memory: " : "") + one_line(text) + line;
  if (type == DUCKDB_ERROR_OUT_OF_MEMORY)
    error.hint =
        "raise the budget: `memory: 1GB` in the pipeline file, or --memory 1GB; this statement needs more than its "
        "share of it and cannot spill to disk";
  return error;
}

Error from_result(duckdb_result* result) {
  return from_duckdb(duckdb_result_error(result), duckdb_result_error_type(result));
}

Result<> check(const ErrorHandle& data) {
  if (!data || !duckdb_error_data_has_error(data.get())) return {};
  return tl::unexpected(from_duckdb(duckdb_error_data_message(data.get()), duckdb_error_data_error_type(data.get())));
}

}  // namespace trommel::query
