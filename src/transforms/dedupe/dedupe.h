// dedupe: of rows that are equal, or equal in some columns, keeps the first or the last.
//
// Exact: rows are compared by digests of 128 bits (batch/row_digest.h). What it remembers is bounded by its share of
// memory and goes to disk beyond that. `keep: first` hands rows on as they come; `keep: last` waits for the end.
#pragma once

#include "component/component.h"

namespace trommel {

TransformKind dedupe_transform();

}  // namespace trommel
