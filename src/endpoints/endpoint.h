// Endpoints whose SELECT was found right: every column and parameter has its type, the order of the rows is total.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "component/component.h"
#include "component/query_store.h"
#include "config/endpoints.h"
#include "engine/plan.h"

namespace trommel::endpoints {

struct Filter {
  EndpointFilter settings;
  Type type;  ///< of its column
};

/// A column that rows are ordered by.
struct Order {
  std::string column;
  bool descending = false;
  Type type;
};

struct BoundEndpoint {
  Endpoint settings;
  std::shared_ptr<QueryStore> store;
  Schema schema;
  std::vector<Filter> filters;
  std::vector<Order> order;        ///< no two different rows are equal in it
  std::string digest;              ///< another one when anything of it changes
  std::vector<std::string> notes;  ///< for `plan`
};

/// Whether a request can say values of the type.
bool is_parameter_type(const arrow::DataType& type);

/// Asks nothing of the stores but the columns of what is there. Mistakes in the settings go to `problems`.
Result<std::vector<BoundEndpoint>> bind_endpoints(const Pipeline& pipeline, const Plan& plan,
                                                  const Components& components, Env& env, Problems& problems);

}  // namespace trommel::endpoints
