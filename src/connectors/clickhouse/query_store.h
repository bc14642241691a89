// A database of a ClickHouse that is asked: the tables of a pipeline, and its views.
//
// ClickHouse has no state of several queries: the answers to one request are asked again where a commit came between
// them, so that a page and its total belong together.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "component/component.h"
#include "connectors/clickhouse/address.h"

namespace trommel::clickhouse {

struct QuerySettings {
  Address address;
  std::string pipeline;
  std::vector<StoreTable> tables;
  std::vector<View> views;
  Env* env = nullptr;
};

/// The error is that the server is away.
Result<std::shared_ptr<QueryStore>> make_query_store(QuerySettings settings);

Result<std::vector<BoundView>> bind_views(const QuerySettings& settings, Problems& problems);

}  // namespace trommel::clickhouse
