// Tables of a DuckDB file as a store: `duckdb:students.duckdb`.
#pragma once

#include "component/component.h"

namespace trommel {

SinkKind duckdb_store();

}  // namespace trommel
