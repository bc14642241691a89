// Rules written as SQL expressions over the columns of a row. DuckDB computes them, batch by batch.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "batch/batch.h"
#include "query/database.h"
#include "spec/node.h"
#include "transforms/check/faults.h"

namespace trommel {

struct SqlRule {
  std::string code;    ///< its name, or `sql`
  std::string column;  ///< that it belongs to; else the only one that it names, else empty
  std::string sql;
  Place place;
  std::vector<std::string> names;  ///< columns that stand in the text, for the value of a reject
};

/// Tries the texts against the schema: what does not bind or is neither true nor false goes to `problems`.
Result<> bind_sql_rules(std::vector<SqlRule>& rules, const Schema& schema, query::Database& database,
                        Problems& problems);

/// One statement over all rules, prepared once. One thread at a time.
class SqlTester {
 public:
  static Result<std::unique_ptr<SqlTester>> make(std::shared_ptr<const std::vector<SqlRule>> rules,
                                                 const Schema& schema,
                                                 const std::shared_ptr<query::Database>& database);
  /// A row on which an expression fails (a conversion, a division) is a fault too, in DuckDB's words.
  Result<> test(const Rows& rows, Faults& faults);

 private:
  SqlTester() = default;
  Result<> test_from(const Rows& rows, int64_t first, Faults& faults);
  Result<> run(const Rows& rows, int64_t first, Faults& faults);
  std::string value(const SqlRule& rule, const Rows& rows, int64_t row) const;

  std::shared_ptr<const std::vector<SqlRule>> rules_;
  std::shared_ptr<query::Database> database_;
  std::unique_ptr<query::Connection> connection_;
  std::unique_ptr<query::Statement> statement_;
  Schema numbered_;  // the rows' columns and their number
  Rows current_;     // what the statement reads now
};

}  // namespace trommel
