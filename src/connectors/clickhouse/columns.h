// What a SELECT makes, as the server says without running it.
#pragma once

#include <string>
#include <vector>

#include "connectors/clickhouse/client.h"

namespace trommel::clickhouse {

struct Column {
  std::string name, type;
};

/// `settings` go beside those that every SELECT has (see dialect.h).
Result<std::vector<Column>> columns_of_select(Client& client, const Engine& engine, const std::string& sql,
                                              const Settings& settings = {}, Exception* exception = nullptr);

}  // namespace trommel::clickhouse
