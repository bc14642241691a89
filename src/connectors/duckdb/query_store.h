// A DuckDB file that is asked: the tables of a pipeline, and its views.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "component/component.h"
#include "query/database.h"

namespace trommel {

struct DuckdbQuerySettings {
  query::Options options;  ///< of the file
  std::string pipeline;
  std::vector<StoreTable> tables;
  std::vector<View> views;
  Env* env = nullptr;
};

/// Once it is open, this process has the file: sinks commit to it through the same instance, and other processes cannot
/// open it.
Result<std::shared_ptr<QueryStore>> make_duckdb_query_store(DuckdbQuerySettings settings);

Result<std::vector<BoundView>> bind_duckdb_views(const DuckdbQuerySettings& settings, Problems& problems);

}  // namespace trommel
