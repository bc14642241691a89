// sql: a SELECT over streams and reference tables, by DuckDB. Where every row can be looked at alone it streams batch
// by batch, else it waits for its whole input. docs/guide/sql.md says which text does what.
#pragma once

#include "component/component.h"

namespace trommel {

TransformKind sql_transform();

}  // namespace trommel
