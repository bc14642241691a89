// Results of DuckDB as Arrow rows of our types. Only for this folder's .cc files.
#pragma once

#include <string>
#include <vector>

#include "batch/batch.h"
#include "query/handles.h"

namespace trommel::query {

/// How the columns of one result become ours; made once per statement, used for each of its chunks.
class ResultColumns {
 public:
  static Result<ResultColumns> of(duckdb_connection connection, std::vector<TypeHandle> types,
                                  std::vector<std::string> names);
  static Result<ResultColumns> of(duckdb_connection connection, duckdb_result* result);
  static Result<ResultColumns> of(duckdb_connection connection, duckdb_prepared_statement statement);

  const Schema& schema() const { return ours_; }
  Result<Rows> rows(duckdb_data_chunk chunk) const;

 private:
  ArrowOptionsHandle options_;
  Schema exported_;  ///< as DuckDB hands columns over
  Schema ours_;
};

}  // namespace trommel::query
