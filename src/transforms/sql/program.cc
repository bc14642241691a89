#include "transforms/sql/program.h"

#include "query/reference.h"

namespace trommel {

Result<std::unique_ptr<query::Connection>> SqlProgram::connect() const {
  ASSIGN(const auto shared, database());
  for (const auto& table : tables) TRY(query::load_table(*shared, table));
  return shared->connect();
}

}  // namespace trommel
