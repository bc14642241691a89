// Whether a SELECT over a stream gives the same rows when it is run batch by batch. Judged by DuckDB's plan before its
// optimiser, not by words.
#pragma once

#include <string>

#include "query/logical_plan.h"

namespace trommel {

struct SqlShape {
  bool row_by_row = false;
  std::string reason;  ///< why not
  bool has_asof = false;
};

/// Row by row: the stream passes only projections, filters, unnest, and joins whose other side reads no stream (so it
/// is read once), on the preserved side where there is one. That the other sides give the same rows each time is for
/// the caller to find out (query::varies_beside). Whatever is not understood is not row by row.
SqlShape shape_of(const query::LogicalNode& plan);

}  // namespace trommel
