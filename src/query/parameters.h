// Arrow values as DuckDB's, to be bound. Only for this folder's .cc files.
#pragma once

#include <string>
#include <vector>

#include "query/database.h"
#include "query/handles.h"

namespace trommel::query {

/// Binds what stands in the statement; `config` where it has no value, or one of a type that cannot be bound.
Result<> bind_parameters(duckdb_prepared_statement statement, const std::vector<Parameter>& parameters);

std::vector<std::string> parameter_names(duckdb_prepared_statement statement);

}  // namespace trommel::query
