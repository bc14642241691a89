// A store in memory for tests of this folder: tables are made by SQL.
#pragma once

#include <string>
#include <vector>

#include "arrow/api.h"
#include "endpoints/endpoint.h"
#include "gtest/gtest.h"
#include "query/database.h"

namespace trommel::endpoints {

class MemoryStore : public QueryStore {
 public:
  explicit MemoryStore(const std::string& sql)
      : database_(*query::Database::open({})), connection_(*database_->connect()) {
    const auto made = connection_->run(sql);
    EXPECT_TRUE(made) << made.error().text();
  }

  std::string placeholder(const QueryParameter& parameter) const override { return "$" + parameter.name; }
  std::string quoted(const std::string& name) const override { return query::quote_name(name); }

  Result<QueryShape> describe(const Query& query) override {
    QueryShape shape;
    ASSIGN(shape.parameters, connection_->parameter_names(query.sql));
    std::vector<query::Parameter> parameters;
    for (const auto& parameter : query.parameters) parameters.push_back({parameter.name, nullptr});
    ASSIGN(const auto cursor, connection_->query("SELECT * FROM (" + query.sql + ") LIMIT 0", parameters));
    shape.schema = cursor->schema();
    return shape;
  }
  Result<> open() override { return {}; }
  Result<std::string> version() override { return version_text; }

  Result<std::vector<QueryAnswer>> ask(std::span<const Query> queries, int64_t) override {
    if (fails) return tl::unexpected(*fails);
    std::vector<QueryAnswer> answers;
    for (const Query& query : queries) {
      asked.push_back(query.sql);
      std::vector<query::Parameter> parameters;
      for (const auto& parameter : query.parameters) parameters.push_back({parameter.name, parameter.value});
      ASSIGN(const auto cursor, connection_->query(query.sql, parameters));
      QueryAnswer answer{cursor->schema(), {}, {}};
      for (;;) {
        ASSIGN(auto rows, cursor->next());
        if (!rows) break;
        answer.rows.push_back(std::move(rows));
      }
      answers.push_back(std::move(answer));
    }
    return answers;
  }

  void run(const std::string& sql) {
    const auto done = connection_->run(sql);
    EXPECT_TRUE(done) << done.error().text();
  }

  std::string version_text = "1";
  std::optional<Error> fails;
  std::vector<std::string> asked;

 private:
  std::shared_ptr<query::Database> database_;
  std::unique_ptr<query::Connection> connection_;
};

/// The endpoints of a pipeline file's `endpoints:` section, over one store; mistakes are failures of the test.
std::vector<BoundEndpoint> bind_text(const std::string& endpoints, const std::shared_ptr<MemoryStore>& store,
                                     std::string* mistakes = nullptr);

inline std::vector<BoundEndpoint> bind_text(const std::string& endpoints, const std::shared_ptr<MemoryStore>& store,
                                            std::string* mistakes) {
  Problems problems;
  const auto no_variables = [](const std::string&) { return std::nullopt; };
  const Node root = parse_yaml(endpoints, "p.yaml", no_variables, problems);
  Pipeline pipeline;
  Plan plan;
  plan.pipeline = pipeline.name = "rounds";
  plan.stores.push_back({"warehouse", "memory", {"memory:x", {}, {}}});
  for (const auto& entry : root.entries) {
    pipeline.endpoints.push_back(read_endpoint({entry.name, entry.place, entry.value}, problems));
    pipeline.endpoints.back().store = "memory:x";
  }
  static const SpecInfo spec = [] {
    SpecInfo info;
    info.name = "memory";
    return info;
  }();
  Components components;
  SinkKind kind;
  kind.spec = &spec;
  kind.is_store = true;
  kind.query = [store](const StoreSettings&, const BindContext&) -> Result<std::shared_ptr<QueryStore>> {
    return store;
  };
  components.sinks.push_back(kind);
  auto bound = bind_endpoints(pipeline, plan, components, real_env(), problems);
  EXPECT_TRUE(bound) << bound.error().text();
  if (mistakes != nullptr)
    *mistakes = problems.text();
  else
    EXPECT_TRUE(problems.empty()) << problems.text();
  return std::move(*bound);
}

}  // namespace trommel::endpoints
