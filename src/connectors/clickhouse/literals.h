// Values that a query is given beside its text. Engines that bind parameters get them so, and no value is ever SQL
// there; for older ones this is the only place that writes a value into SQL.
#pragma once

#include <string>

#include "component/query_store.h"
#include "connectors/clickhouse/client.h"

namespace trommel::clickhouse {

/// How a parameter stands in the text: `{name:Nullable(Int32)}`. An error is `config`: no column of a table has its
/// type.
Result<std::string> bound(const QueryParameter& parameter, const Engine& engine);
/// Its value as `param_NAME` of a request takes it (escaped as in TabSeparated; NULL is `\N`). An error is `data`: the
/// engine has no value like it (days before 1900, on old ones times before 1970 or finer than seconds).
Result<std::string> parameter_text(const QueryParameter& parameter, const Engine& engine);

/// The value as SQL, for engines without parameters: a literal whose type is the parameter's, whatever the text holds.
/// Errors as above.
Result<std::string> literal(const QueryParameter& parameter, const Engine& engine);

}  // namespace trommel::clickhouse
