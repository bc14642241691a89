#include <algorithm>
#include <map>
#include <random>

#include "arrow/api.h"
#include "arrow/builder.h"
#include "component/promises.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "query/database.h"
#include "query/syntax.h"
#include "transforms/sql/sql.h"

namespace trommel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Keeps what it is handed, and counts.
class Kept : public Outlet {
 public:
  void emit(Batch batch) override {
    rows += batch.size();
    batches.push_back(std::move(batch));
  }
  void reject(const Batch& batch, std::span<const Refusal> refusals) override {
    for (const auto& refusal : refusals) {
      rejects.push_back(refusal);
      rejected_positions.push_back(batch.positions.known() ? batch.positions.at(refusal.row) : -1);
    }
  }
  void reject(const Block&, std::span<const RawRefusal>) override { FAIL(); }
  void filtered(int64_t count) override { filtered_rows += count; }
  void deduplicated(int64_t) override { FAIL(); }
  void expanded(int64_t count) override { expanded_rows += count; }
  void combined(int64_t in, int64_t out) override {
    combined_in += in;
    combined_out += out;
  }
  void misfit(const Block&, Misfit) override { FAIL(); }

  /// What came in, as the equation of a transform has it.
  int64_t accounted() const {
    return rows + filtered_rows + static_cast<int64_t>(rejects.size()) - expanded_rows + combined_in - combined_out;
  }

  std::vector<Batch> batches;
  std::vector<Refusal> rejects;
  std::vector<Position> rejected_positions;
  int64_t rows = 0, filtered_rows = 0, expanded_rows = 0, combined_in = 0, combined_out = 0;
};

Schema stream_schema() {
  return arrow::schema({arrow::field("id", arrow::int64()), arrow::field("k", arrow::int32()),
                        arrow::field("x", arrow::float64()), arrow::field("t", arrow::utf8()),
                        arrow::field("l", arrow::list(arrow::field("item", arrow::int32())))});
}

/// id counts up from 0, the rest is drawn; about a tenth is NULL, lists may be empty.
Rows stream_rows(int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  arrow::Int64Builder id;
  arrow::Int32Builder k;
  arrow::DoubleBuilder x;
  arrow::StringBuilder t;
  auto items = std::make_shared<arrow::Int32Builder>();
  arrow::ListBuilder l(arrow::default_memory_pool(), items, arrow::list(arrow::field("item", arrow::int32())));
  const auto check = [](const arrow::Status& status) { EXPECT_TRUE(status.ok()) << status.ToString(); };
  const auto null = [&] { return random() % 10 == 0; };
  for (int64_t i = 0; i < count; ++i) {
    check(id.Append(i));
    check(null() ? k.AppendNull() : k.Append(static_cast<int32_t>(random() % 12)));
    check(null() ? x.AppendNull() : x.Append(static_cast<double>(random() % 1000) / 4));
    check(null() ? t.AppendNull()
                 : t.Append(fmt::format("{}text of some length {}", random() % 2 ? "A" : "b", random() % 40)));
    if (null()) {
      check(l.AppendNull());
      continue;
    }
    check(l.Append());
    for (unsigned n = random() % 4; n > 0; --n) check(items->Append(static_cast<int32_t>(random() % 5)));
  }
  return arrow::RecordBatch::Make(stream_schema(), count,
                                  {id.Finish().ValueOrDie(), k.Finish().ValueOrDie(), x.Finish().ValueOrDie(),
                                   t.Finish().ValueOrDie(), l.Finish().ValueOrDie()});
}

/// A lookup: some keys of the stream are missing, one comes twice, one is NULL.
Rows lookup_rows() {
  arrow::Int32Builder k;
  arrow::StringBuilder name;
  arrow::Int64Builder low;
  const std::vector<int> keys = {0, 1, 2, 3, 3, 5, 8, 20};
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_TRUE(k.Append(keys[i]).ok());
    EXPECT_TRUE(name.Append(fmt::format("name {}", i)).ok());
    EXPECT_TRUE(low.Append(static_cast<int64_t>(i) * 7).ok());
  }
  EXPECT_TRUE(k.AppendNull().ok() && name.Append("nobody").ok() && low.Append(1000).ok());
  const auto schema = arrow::schema(
      {arrow::field("k", arrow::int32()), arrow::field("name", arrow::utf8()), arrow::field("low", arrow::int64())});
  return arrow::RecordBatch::Make(schema, static_cast<int64_t>(keys.size()) + 1,
                                  {k.Finish().ValueOrDie(), name.Finish().ValueOrDie(), low.Finish().ValueOrDie()});
}

ReferenceTable lookup_table() {
  const auto rows = lookup_rows();
  return {"ref", rows->schema(),
          [rows](const std::function<Result<>(const Batch&)>& take) { return take({rows, {}, nullptr}); }};
}

class Sql : public testing::Test {
 protected:
  explicit Sql(const query::Options& options = {}) {
    database_ = query::Database::open(options).value();
    context_.tables["ref"] = lookup_table();
    context_.database = [this]() -> Result<std::shared_ptr<query::Database>> { return database_; };
  }

  static Node text(const std::string& sql) {
    Node node;
    node.kind = Node::Kind::scalar;
    node.scalar = sql;
    node.place = {"p.yaml", 3, 7};
    return node;
  }

  std::vector<std::string> inputs(const std::string& sql, const std::vector<std::string>& candidates = {"s", "other"}) {
    const auto found = sql_transform().inputs(text(sql), candidates, context_, problems_);
    EXPECT_TRUE(found) << found.error().text();
    return found ? *found : std::vector<std::string>{};
  }

  BoundTransform bind(const std::string& sql, const Schema& schema = stream_schema()) {
    std::vector<InputInfo> infos;
    for (const auto& name : inputs(sql)) infos.push_back({name, schema});
    if (!problems_.empty()) return {};
    auto bound = sql_transform().bind(text(sql), infos, context_, problems_);
    EXPECT_TRUE(bound) << bound.error().text();
    return bound ? *bound : BoundTransform{};
  }

  /// Runs all of `rows` in batches; row i stands at position 1000 + i.
  static Result<> run(const BoundTransform& bound, const Rows& rows, int64_t batch_rows, Kept& kept) {
    ASSIGN(const auto transform, bound.make());
    for (int64_t at = 0; at < rows->num_rows(); at += batch_rows) {
      TRY(transform->push(0, {rows->Slice(at, batch_rows), Positions::run(1000 + at), nullptr}, kept));
    }
    return transform->end(kept);
  }

  std::shared_ptr<query::Database> database_;
  BindContext context_;
  Problems problems_;
};

std::vector<std::string> lines_of(const std::vector<Rows>& batches) {
  std::vector<std::string> lines;
  for (const auto& rows : batches) {
    for (int64_t i = 0; i < rows->num_rows(); ++i) {
      std::string line;
      for (int c = 0; c < rows->num_columns(); ++c) line += value_text(*rows->column(c), i) + "|";
      lines.push_back(std::move(line));
    }
  }
  std::ranges::sort(lines);
  return lines;
}

/// What DuckDB alone makes of it: a table of its own, one instance of its own.
Result<std::vector<Rows>> alone(const std::string& sql, const Rows& rows) {
  ASSIGN(const auto database, query::Database::open({}));
  ASSIGN(const auto connection, database->connect());
  for (const auto& [name, content] : std::map<std::string, Rows>{{"s", rows}, {"ref", lookup_rows()}}) {
    const auto open = [content = content]() -> Result<query::NextRows> {
      return [next = content]() mutable -> Result<Rows> { return std::exchange(next, nullptr); };
    };
    TRY(connection->register_stream("incoming", content->schema(), open));
    TRY(connection->run(fmt::format("CREATE TABLE {} AS FROM incoming", name)));
  }
  return connection->all(sql);
}

enum class Way { streams, streams_without_places, waits };

struct Case {
  const char* sql;
  Way way;
};

// Texts that try to be taken for what they are not.
const Case cases[] = {
    {"SELECT id, k + 1 AS k1, upper(t) AS t FROM s WHERE x > 100", Way::streams},
    {"SELECT * FROM s", Way::streams},
    {"FROM s", Way::streams},
    {"FROM S SELECT ID", Way::streams},
    {"SELECT k FROM s /* FROM nowhere */ WHERE id % 3 = 0 -- GROUP BY k", Way::streams},
    {"SELECT id, 'ORDER BY id LIMIT 1' AS text FROM s", Way::streams},
    {"SELECT * EXCLUDE (l) REPLACE (k * 2 AS k) FROM s WHERE k IS NOT NULL", Way::streams},
    {"SELECT *, id AS again FROM s f WHERE f.k = 3", Way::streams},
    {"SELECT f.*, r.name FROM s f LEFT JOIN ref r ON f.k = r.k", Way::streams},
    {"SELECT r.*, f.id FROM s f LEFT JOIN ref r USING (k)", Way::streams},
    {"SELECT id, name FROM s JOIN ref USING (k)", Way::streams},
    {"SELECT id, name FROM s NATURAL JOIN ref", Way::streams},
    {"SELECT id, name FROM ref RIGHT JOIN s USING (k)", Way::streams},
    {"SELECT id, name FROM ref, s WHERE ref.low < s.id AND ref.k = s.k", Way::streams},
    {"SELECT id, name FROM s CROSS JOIN ref", Way::streams},
    {"SELECT id FROM s SEMI JOIN ref USING (k)", Way::streams},
    {"SELECT id FROM s ANTI JOIN ref USING (k)", Way::streams},
    {"SELECT id, name FROM s ASOF JOIN ref ON s.id >= ref.low", Way::streams},
    {"SELECT id, name FROM s ASOF LEFT JOIN ref ON s.k = ref.k AND s.id >= ref.low", Way::streams},
    {"SELECT id, unnest(l) AS item FROM s", Way::streams},
    {"SELECT s.id, u.item FROM s, unnest(s.l) AS u(item)", Way::streams},
    {"SELECT s.id, u.item FROM s LEFT JOIN LATERAL (SELECT unnest(s.l) AS item) u ON true", Way::streams},
    {"SELECT id, (SELECT max(name) FROM ref WHERE ref.k = s.k) AS name FROM s", Way::streams},
    {"SELECT id, (SELECT count(*) FROM ref WHERE low < s.id) AS n FROM s", Way::streams},
    {"SELECT id FROM s WHERE k IN (SELECT k FROM ref)", Way::streams},
    {"SELECT id FROM s WHERE k NOT IN (SELECT k FROM ref WHERE k IS NOT NULL)", Way::streams},
    {"SELECT id FROM s WHERE EXISTS (SELECT 1 FROM ref WHERE ref.k = s.k AND low > 10)", Way::streams},
    {"SELECT id, x > (SELECT avg(low) FROM ref) AS above FROM s", Way::streams},
    {"WITH big AS (SELECT * FROM s WHERE x > 50) SELECT id, name FROM big LEFT JOIN ref USING (k)", Way::streams},
    {"WITH s AS (SELECT id, k FROM s) SELECT id FROM s WHERE k = 1", Way::streams},
    {"WITH a AS MATERIALIZED (SELECT id, k FROM s), b AS (SELECT id FROM a WHERE k > 2) SELECT id FROM b",
     Way::streams},
    {"WITH top AS (SELECT k, max(low) AS low FROM ref GROUP BY k) SELECT id, top.low FROM s JOIN top USING (k)",
     Way::streams},
    {"WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT id, i FROM s JOIN n ON s.k "
     "= n.i",
     Way::streams},
    {"SELECT id FROM (SELECT id, y FROM (SELECT id, k * 2 AS y FROM s) WHERE y > 4) AS q WHERE y < 20", Way::streams},
    {"SELECT id, list_transform(l, e -> e * 2) AS l2, list_sum(l) AS total, {'a': k, 'b': t} AS both FROM s",
     Way::streams},
    {"SELECT id, COLUMNS(* EXCLUDE (id))::VARCHAR FROM s", Way::streams},
    {"SELECT id, greatest(*COLUMNS(* EXCLUDE (t, l, x, k))) AS g, hash(*COLUMNS(*)) AS h FROM s", Way::streams},
    {"SELECT id, COLUMNS('^[kx]$') FROM s", Way::streams_without_places},
    {"SELECT id, to_json(s)::VARCHAR AS row FROM s", Way::streams_without_places},
    {"SELECT id, random() >= 0 AS yes, uuid() IS NULL AS no, now() IS NULL AS never FROM s", Way::streams},
    {"SELECT id, CASE WHEN k > 5 THEN 'much' ELSE NULL END AS word, coalesce(t, '-') AS t FROM s", Way::streams},
    {"SELECT id, name FROM (VALUES (1, 'one'), (2, 'two')) v(k, name) JOIN s USING (k)", Way::streams_without_places},
    {"SELECT s.id, r.i FROM s, range(3) r(i) WHERE r.i < s.k", Way::streams},

    {"SELECT count(*) AS n FROM s", Way::waits},
    {"SELECT k, count(*) AS n, sum(id) AS total FROM s GROUP BY ALL", Way::waits},
    {"SELECT k FROM s GROUP BY k HAVING count(*) > 2", Way::waits},
    {"SELECT DISTINCT k FROM s", Way::waits},
    {"SELECT DISTINCT ON (k) k FROM s", Way::waits},
    {"SELECT id FROM s ORDER BY id DESC LIMIT 5", Way::waits},
    {"SELECT id FROM s LIMIT 3", Way::waits},
    {"SELECT id FROM s OFFSET 20", Way::waits},
    {"SELECT id FROM s LIMIT 50%", Way::waits},
    {"SELECT count(*) AS n FROM (SELECT id FROM s USING SAMPLE 10 ROWS)", Way::waits},
    {"SELECT id, row_number() OVER (ORDER BY id) AS n FROM s", Way::waits},
    {"SELECT id, lag(id) OVER (ORDER BY id) AS before FROM s", Way::waits},
    {"SELECT id FROM s QUALIFY row_number() OVER (PARTITION BY k ORDER BY id) = 1", Way::waits},
    {"SELECT id, (SELECT max(id) FROM s) AS top FROM s", Way::waits},
    {"SELECT id FROM s WHERE id IN (SELECT k FROM s)", Way::waits},
    {"SELECT id FROM s a WHERE x = (SELECT max(x) FROM s b WHERE b.k = a.k)", Way::waits},
    {"SELECT id FROM s a WHERE EXISTS (SELECT 1 FROM s b WHERE b.id = a.id + 1)", Way::waits},
    {"SELECT a.id FROM s a JOIN s b ON a.id = b.k", Way::waits},
    {"SELECT id, name FROM s RIGHT JOIN ref USING (k)", Way::waits},
    {"SELECT id, name FROM s FULL JOIN ref USING (k)", Way::waits},
    {"SELECT id, name FROM ref LEFT JOIN s USING (k)", Way::waits},
    {"SELECT name FROM ref SEMI JOIN s USING (k)", Way::waits},
    {"SELECT name FROM ref WHERE k NOT IN (SELECT k FROM s WHERE k IS NOT NULL)", Way::waits},
    {"SELECT name, id FROM ref ASOF JOIN s ON ref.low >= s.id", Way::waits},
    {"SELECT name, (SELECT count(*) FROM s WHERE s.k = ref.k) AS n FROM ref", Way::waits},
    {"SELECT id, name FROM s POSITIONAL JOIN ref", Way::waits},
    {"SELECT id FROM s UNION ALL SELECT low FROM ref", Way::waits},
    {"SELECT id FROM s UNION ALL SELECT id FROM s", Way::waits},
    {"SELECT id FROM s EXCEPT SELECT low FROM ref", Way::waits},
    {"WITH a AS (SELECT id FROM s) SELECT a.id FROM a JOIN a b USING (id)", Way::waits},
    {"WITH a AS (SELECT id FROM s) SELECT id FROM a UNION ALL SELECT id FROM a", Way::waits},
    {"WITH RECURSIVE n AS (SELECT min(id) AS i FROM s UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT i FROM n",
     Way::waits},
    {"WITH RECURSIVE n AS (SELECT id AS i FROM s WHERE id < 2 UNION SELECT i + 1 FROM n WHERE i < 4) SELECT i FROM n",
     Way::waits},
    {"PIVOT s ON k IN (1, 2) USING count(*) GROUP BY t", Way::waits},
    {"UNPIVOT (SELECT id, k, x::INT AS x FROM s) ON k, x", Way::streams_without_places},
    {"SELECT id, q.r IS NULL AS no FROM s, (SELECT random() AS r) q", Way::waits},
    {"SELECT id, name IS NULL AS no FROM s, (SELECT name FROM ref USING SAMPLE 1 ROWS) q", Way::waits},
    {"SELECT first(id) AS f FROM s", Way::waits},
    {"SELECT string_agg(t, ',' ORDER BY id) AS all_texts FROM s", Way::waits},
    {"SELECT max(COLUMNS(*)) FROM s", Way::waits},
    {"SELECT unnest(list(id)) AS id FROM s", Way::waits},
    {"SELECT id FROM s WHERE x >= ALL (SELECT x FROM s WHERE x IS NOT NULL)", Way::waits},
    {"SUMMARIZE s", Way::waits},
};

class SameAsAlone : public Sql, public testing::WithParamInterface<Case> {};

TEST_P(SameAsAlone, whatever_the_batches) {
  const auto& [sql, way] = GetParam();
  const auto bound = bind(sql);
  ASSERT_TRUE(problems_.empty()) << problems_.text();
  EXPECT_EQ(bound.shape, way == Way::waits ? Shape::whole_input : Shape::row_by_row)
      << testing::PrintToString(bound.notes);
  EXPECT_EQ(bound.keeps_positions, way == Way::streams) << testing::PrintToString(bound.notes);
  for (const auto& [count, batch_rows] : std::map<int64_t, int64_t>{{60, 1}, {300, 7}, {5000, 2048}, {0, 1}}) {
    SCOPED_TRACE(fmt::format("{} rows in batches of {}", count, batch_rows));
    const auto rows = stream_rows(count, static_cast<unsigned>(count));
    const auto wanted = alone(sql, rows);
    ASSERT_TRUE(wanted) << wanted.error().text();
    Kept kept;
    const auto done = run(bound, rows, batch_rows, kept);
    ASSERT_TRUE(done) << done.error().text();
    std::vector<Rows> got;
    for (const auto& batch : kept.batches) {
      got.push_back(batch.rows);
      EXPECT_TRUE(batch.rows->schema()->Equals(*bound.schema)) << batch.rows->schema()->ToString();
      EXPECT_TRUE(batch.rows->ValidateFull().ok());
      ASSERT_EQ(batch.positions.known(), way == Way::streams);
    }
    ASSERT_EQ(lines_of(got), lines_of(*wanted));
    EXPECT_EQ(kept.accounted(), count);
    if (way != Way::streams) continue;
    const int id = bound.schema->GetFieldIndex("id");
    for (const auto& batch : kept.batches) {
      for (int64_t i = 0; id >= 0 && i < batch.size(); ++i) {
        ASSERT_EQ(batch.positions.at(i),
                  1000 + static_cast<const arrow::Int64Array&>(*batch.rows->column(id)).Value(i));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, SameAsAlone, testing::ValuesIn(cases),
                         [](const auto& one) { return fmt::format("n{}", one.index); });

// ---- rows that fail
// ------------------------------------------------------------------------------------------------------------------------------

Rows texts(const std::vector<std::string>& values) {
  arrow::StringBuilder t;
  for (const auto& value : values) EXPECT_TRUE(t.Append(value).ok());
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("t", arrow::utf8())}),
                                  static_cast<int64_t>(values.size()), {t.Finish().ValueOrDie()});
}

TEST_F(Sql, keeps_the_promises_of_a_transform) {
  for (const char* sql :
       {"SELECT id, k + 1 AS k FROM s WHERE k > 3", "SELECT s.id, name FROM s LEFT JOIN ref USING (k)",
        "SELECT id, unnest(l) AS i FROM s", "SELECT k, count(*) AS n FROM s GROUP BY k", "SELECT t::INT AS n FROM s"}) {
    const Batch batch{stream_rows(40, 3), Positions::run(1000), nullptr};
    EXPECT_THAT(broken_transform_promises(bind(sql), batch), testing::IsEmpty()) << sql;
  }
}

TEST_F(Sql, a_row_that_fails_is_rejected_alone) {
  std::vector<std::string> values(1000, "7");
  values[0] = "nought";
  values[500] = "half";
  values[999] = "last";
  const auto rows = texts(values);
  const auto bound = bind("SELECT t::INT AS n FROM s", rows->schema());
  Kept kept;
  ASSERT_TRUE(run(bound, rows, 1000, kept));
  EXPECT_EQ(kept.rows, 997);
  ASSERT_THAT(kept.rejected_positions, ElementsAre(1000, 1500, 1999));
  EXPECT_EQ(kept.rejects[1].code, "sql");
  EXPECT_EQ(kept.rejects[1].reason, "Could not convert string 'half' to INT32 when casting from source column t");
  Position before = 0;
  for (const auto& batch : kept.batches) {
    ASSERT_TRUE(batch.positions.known());
    for (int64_t i = 0; i < batch.size(); ++i) {
      EXPECT_GT(batch.positions.at(i), before);
      before = batch.positions.at(i);
    }
  }
}

TEST_F(Sql, a_batch_of_nothing_but_failures_is_all_rejected) {
  const auto rows = texts(std::vector<std::string>(300, "x"));
  const auto bound = bind("SELECT t::INT AS n FROM s", rows->schema());
  Kept kept;
  ASSERT_TRUE(run(bound, rows, 300, kept));
  EXPECT_EQ(kept.rejects.size(), 300);
  EXPECT_EQ(kept.rows, 0);
}

TEST_F(Sql, a_failure_of_the_lookup_blames_no_row) {
  const auto bound = bind("SELECT id, q.n FROM s LEFT JOIN (SELECT name::INT AS n, k FROM ref) q USING (k)");
  ASSERT_TRUE(problems_.empty()) << problems_.text();
  Kept kept;
  const auto done = run(bound, stream_rows(50, 1), 50, kept);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().domain, Error::Domain::config);
  EXPECT_THAT(done.error().text(),
              HasSubstr("the SQL fails without any row of the stream: Could not convert string 'name 0'"));
  EXPECT_THAT(kept.rejects, IsEmpty());
}

TEST_F(Sql, rows_that_multiply_are_worked_on_in_smaller_parts) {
  const auto bound = bind("SELECT id, r.i, repeat('x', 100) AS x FROM s, range(2000) r(i)");
  Kept kept;
  ASSERT_TRUE(run(bound, stream_rows(1000, 1), 1000, kept));
  EXPECT_EQ(kept.rows, 2000000);
  EXPECT_GT(kept.batches.size(), 3);
  EXPECT_EQ(kept.accounted(), 1000);
}

TEST_F(Sql, a_failure_in_the_whole_input_ends_the_run_and_blames_no_row) {
  const auto rows = texts({"1", "x"});
  const auto bound = bind("SELECT sum(t::INT) AS n FROM s", rows->schema());
  Kept kept;
  const auto done = run(bound, rows, 1, kept);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().domain, Error::Domain::data);
  EXPECT_THAT(done.error().text(), HasSubstr("no row can be named"));
  EXPECT_THAT(kept.rejects, IsEmpty());
}

query::Options small() {
  query::Options options;
  options.memory_bytes = 20 << 20;
  return options;
}

class SqlInLittleMemory : public Sql {
 protected:
  SqlInLittleMemory() : Sql(small()) {}
};

TEST_F(SqlInLittleMemory, running_out_of_it_ends_the_run_and_blames_no_row) {
  for (const std::string sql :
       {"SELECT list(t ORDER BY x) AS all_texts, list(id) AS ids FROM s GROUP BY k, id, t",
        "SELECT s.id, a.list FROM s, (SELECT i % 3 AS i, list(i) AS list FROM range(10000000) r(i) GROUP BY ALL) a"}) {
    const auto bound = bind(sql);
    ASSERT_TRUE(problems_.empty()) << problems_.text();
    Kept kept;
    const auto done = run(bound, stream_rows(200000, 1), 20000, kept);
    ASSERT_FALSE(done) << sql;
    EXPECT_EQ(done.error().domain, Error::Domain::external);
    EXPECT_THAT(done.error().text(), HasSubstr("out of memory"));
    EXPECT_THAT(kept.rejects, IsEmpty());
  }
}

// ---- binding
// ---------------------------------------------------------------------------------------------------------------------------------------

TEST_F(Sql, finds_its_inputs_in_the_parsed_text) {
  EXPECT_THAT(inputs("SELECT * FROM s, ref"), ElementsAre("s"));
  EXPECT_THAT(inputs("WITH other AS (SELECT 1) SELECT * FROM S JOIN other ON true"), ElementsAre("s"));
  EXPECT_THAT(inputs("SELECT 'FROM nothing' FROM s -- FROM other"), ElementsAre("s"));
  EXPECT_THAT(inputs("SELECT (SELECT max(id) FROM other) FROM s"), ElementsAre("other", "s"));
  EXPECT_TRUE(problems_.empty()) << problems_.text();
}

struct Mistake {
  const char* sql;
  const char* problem;
};

class Mistakes : public Sql, public testing::WithParamInterface<Mistake> {};

TEST_P(Mistakes, are_problems_at_the_place_of_the_text) {
  bind(GetParam().sql);
  EXPECT_THAT(problems_.text(), HasSubstr(GetParam().problem));
  EXPECT_THAT(problems_.text(), HasSubstr("p.yaml:3:7: "));
}

INSTANTIATE_TEST_SUITE_P(
    All, Mistakes,
    testing::Values(Mistake{"SELECT * FROM oter",
                            "FROM names `oter`, which is no source, transform or table (did you mean `other`?)"},
                    Mistake{"SELECT 1 AS one", "FROM names no source or transform"},
                    Mistake{"SELECT * FROM", "syntax error"},
                    Mistake{"SELECT nothing FROM s", "Referenced column \"nothing\" not found"},
                    Mistake{"SELECT id, k AS id FROM s", "two columns are named `id`"},
                    Mistake{"SELECT id, k AS ID FROM s", "the columns `id` and `ID` differ in case alone"},
                    Mistake{"SELECT INTERVAL 1 DAY AS d FROM s", "column `d` is INTERVAL"},
                    Mistake{"SELECT id FROM s WHERE k = $1", "parameters without a value"},
                    Mistake{"SELECT id FROM s; SELECT k FROM s", "one SELECT is wanted, here are 2"},
                    Mistake{"DELETE FROM s", "only a SELECT makes rows"},
                    Mistake{"PIVOT s ON k USING count(*)", "a PIVOT must name its values"}));

TEST_F(Sql, says_why_it_waits_and_where_places_end) {
  EXPECT_THAT(bind("SELECT DISTINCT k FROM s").notes, ElementsAre("waits for its whole input: DISTINCT"));
  EXPECT_THAT(bind("SELECT COLUMNS('k') FROM s").notes,
              ElementsAre("where rows came from ends here: columns are chosen by a pattern"));
  EXPECT_THAT(bind("SELECT id FROM s").notes, IsEmpty());
}

TEST_F(Sql, knows_the_functions_that_vary) {
  const auto connection = (*database_).connect();
  const auto rows =
      (*connection)->all("SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE'");
  ASSERT_TRUE(rows);
  for (int64_t i = 0; i < rows->front()->num_rows(); ++i) {
    const auto name = value_text(*rows->front()->column(0), i);
    EXPECT_TRUE(query::is_volatile(name)) << name;
  }
}

TEST_F(Sql, two_streams_are_joined_whole) {
  const auto rows = stream_rows(100, 3);
  Problems problems;
  const std::vector<InputInfo> infos = {{"s", rows->schema()}, {"other", rows->schema()}};
  const auto bound = sql_transform().bind(text("SELECT s.id, other.t FROM s JOIN other ON s.id = other.id + 1"), infos,
                                          context_, problems);
  ASSERT_TRUE(bound) << bound.error().text();
  EXPECT_EQ(bound->shape, Shape::whole_input);
  const auto transform = bound->make();
  Kept kept;
  for (size_t input : {0, 1}) ASSERT_TRUE((*transform)->push(input, {rows, {}, nullptr}, kept));
  ASSERT_TRUE((*transform)->end(kept));
  EXPECT_EQ(kept.rows, 99);
  EXPECT_EQ(kept.combined_in, 200);
  EXPECT_EQ(kept.combined_out, 99);
}

TEST_F(Sql, a_lookup_table_is_read_once_for_all_lanes) {
  int reads = 0;
  auto table = lookup_table();
  table.read = [&reads, read = table.read](const auto& take) {
    ++reads;
    return read(take);
  };
  context_.tables["ref"] = table;
  const auto bound = bind("SELECT id, name FROM s JOIN ref USING (k)");
  EXPECT_EQ(reads, 0);
  const auto one = bound.make();
  const auto two = bound.make();
  ASSERT_TRUE(one && two);
  EXPECT_EQ(reads, 1);
}

TEST_F(Sql, a_lookup_table_that_cannot_be_read_says_which) {
  auto table = lookup_table();
  table.read = [](const auto&) -> Result<> { return data_error("ref.csv:3", "the row has 2 fields, wanted 3"); };
  context_.tables["ref"] = table;
  const auto bound = bind("SELECT id, name FROM s JOIN ref USING (k)");
  const auto made = bound.make();
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().text(), "table `ref`: ref.csv:3: the row has 2 fields, wanted 3");
}

}  // namespace
}  // namespace trommel
