// A store that is asked: SELECTs with bound parameters in, rows and what they cost out.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "batch/batch.h"
#include "batch/types.h"

namespace trommel {

/// A table of a store as its queries see it.
struct StoreTable {
  std::string name;
  Schema schema;        ///< a column that is not nullable takes no NULL
  bool appends = true;  ///< rows are only ever added to it
};

/// A value that a query is given beside its text.
struct QueryParameter {
  std::string name;
  Type type;
  std::shared_ptr<arrow::Array> value = nullptr;  ///< of one row; null: NULL
};

/// One SELECT. Its parameters stand in the text as `QueryStore::placeholder` writes them.
struct Query {
  std::string sql;
  std::vector<QueryParameter> parameters;
};

struct QueryShape {
  Schema schema;
  std::vector<std::string> parameters;  ///< those that stand in the text, each once
};

/// What an answer cost, as far as the store tells; -1: it does not.
struct QueryStatistics {
  int64_t elapsed_us = 0;
  int64_t rows = 0;  ///< of the answer
  int64_t rows_read = -1, bytes_read = -1, memory_bytes = -1;
};

struct QueryAnswer {
  Schema schema;
  std::vector<Rows> rows;
  QueryStatistics statistics;
};

/// Made from the tables that a pipeline writes to a store, which need not be there yet. Safe to use from several
/// threads.
class QueryStore {
 public:
  virtual ~QueryStore() = default;

  /// How a parameter and a name are written in this store's SQL.
  virtual std::string placeholder(const QueryParameter& parameter) const = 0;
  virtual std::string quoted(const std::string& name) const = 0;

  /// What a SELECT makes, without running it on any row. `parameters` need no values. An error is `config`: the text is
  /// wrong, or a parameter in it has no type.
  virtual Result<QueryShape> describe(const Query& query) = 0;

  /// Holds the store from here to the end, and makes what is missing of the tables and views.
  virtual Result<> open() = 0;
  /// A text that is another one after every commit of rows.
  virtual Result<std::string> version() = 0;
  /// The answers of all queries from one state of the store. An error is `external` with `retry` where time ran out.
  virtual Result<std::vector<QueryAnswer>> ask(std::span<const Query> queries, int64_t timeout_us) = 0;
};

}  // namespace trommel
