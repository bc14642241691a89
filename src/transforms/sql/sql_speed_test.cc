// How fast SQL runs row by row. Run by hand, on a release build: transforms_sql_test --gtest_also_run_disabled_tests
// --gtest_filter=*Speed*
#include <algorithm>
#include <chrono>
#include <ctime>
#include <random>
#include <thread>

#include "arrow/api.h"
#include "arrow/builder.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "query/database.h"
#include "transforms/sql/sql.h"

namespace trommel {
namespace {

constexpr int64_t rows_a_lane = 1'000'000;

class Count : public Outlet {
 public:
  void emit(Batch batch) override { rows += batch.size(); }
  void reject(const Batch&, std::span<const Refusal>) override { FAIL(); }
  void reject(const Block&, std::span<const RawRefusal>) override { FAIL(); }
  void filtered(int64_t count) override { left_out += count; }
  void deduplicated(int64_t) override { FAIL(); }
  void expanded(int64_t) override { FAIL(); }
  void combined(int64_t, int64_t) override {}
  void misfit(const Block&, Misfit) override { FAIL(); }
  int64_t rows = 0, left_out = 0;
};

/// Five columns: id, k (of 1000), price with NULLs, name of 13 to 15 bytes, ts.
Rows make_rows(int64_t count) {
  std::mt19937_64 random(42);
  arrow::Int64Builder id;
  arrow::Int32Builder k;
  arrow::DoubleBuilder price;
  arrow::StringBuilder name;
  arrow::TimestampBuilder ts(arrow::timestamp(arrow::TimeUnit::MICRO), arrow::default_memory_pool());
  bool good = true;
  for (int64_t i = 0; i < count; ++i) {
    const auto r = random();
    good = good && id.Append(i).ok() && k.Append(static_cast<int32_t>(r % 1000)).ok();
    good = good && (r % 97 == 0 ? price.AppendNull() : price.Append(static_cast<double>(r >> 40) / 100)).ok();
    good = good && name.Append(fmt::format("customer-{}", (r >> 20) % 200000)).ok() &&
           ts.Append(1700000000000000 + i * 1000).ok();
  }
  EXPECT_TRUE(good);
  const auto schema = arrow::schema({arrow::field("id", arrow::int64()), arrow::field("k", arrow::int32()),
                                     arrow::field("price", arrow::float64()), arrow::field("name", arrow::utf8()),
                                     arrow::field("ts", arrow::timestamp(arrow::TimeUnit::MICRO))});
  return arrow::RecordBatch::Make(schema, count,
                                  {id.Finish().ValueOrDie(), k.Finish().ValueOrDie(), price.Finish().ValueOrDie(),
                                   name.Finish().ValueOrDie(), ts.Finish().ValueOrDie()});
}

ReferenceTable categories(int64_t count) {
  const auto schema = arrow::schema({arrow::field("k", arrow::int32()), arrow::field("cat", arrow::utf8())});
  return {"dim", schema, [schema, count](const std::function<Result<>(const Batch&)>& take) {
            arrow::Int32Builder k;
            arrow::StringBuilder cat;
            for (int64_t i = 0; i < count; ++i)
              EXPECT_TRUE(k.Append(static_cast<int32_t>(i)).ok() && cat.Append(fmt::format("cat-{}", i % 17)).ok());
            return take({arrow::RecordBatch::Make(schema, count, {k.Finish().ValueOrDie(), cat.Finish().ValueOrDie()}),
                         {},
                         nullptr});
          }};
}

struct Speed {
  double wall, processor;  ///< million rows a second, and a second of processor time
};

Speed run_lanes(const BoundTransform& bound, const Rows& rows, int64_t batch_rows, int lanes, bool places) {
  const auto began = std::chrono::steady_clock::now();
  const auto began_processor = std::clock();
  std::vector<std::thread> threads;
  for (int lane = 0; lane < lanes; ++lane) {
    threads.emplace_back([&] {
      const auto transform = bound.make();
      ASSERT_TRUE(transform) << transform.error().text();
      Count count;
      for (int64_t at = 0; at < rows->num_rows(); at += batch_rows) {
        const auto done =
            (*transform)
                ->push(0, {rows->Slice(at, batch_rows), places ? Positions::run(at) : Positions(), nullptr}, count);
        ASSERT_TRUE(done) << done.error().text();
      }
      EXPECT_EQ(count.rows + count.left_out, rows->num_rows());
    });
  }
  for (auto& thread : threads) thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const auto million = static_cast<double>(rows->num_rows() * lanes) / 1e6;
  return {million / took.count(), million / (static_cast<double>(std::clock() - began_processor) / CLOCKS_PER_SEC)};
}

TEST(Speed, DISABLED_row_by_row) {
  const auto rows = make_rows(rows_a_lane);
  struct Text {
    const char* what;
    const char* sql;
    int64_t lookup;
  };
  // COLUMNS by a pattern is how a text loses its rows' places: the same columns, no row number carried.
  for (const auto& [what, sql, lookup] : std::vector<Text>{
           {"project + filter", "SELECT id, price * 1.2 AS gross, name, ts FROM s WHERE k < 900", 1},
           {"project + filter, no places",
            "SELECT id, price * 1.2 AS gross, COLUMNS('^(name|ts)$') FROM s WHERE k < 900", 1},
           {"project + filter + lookup of 1000",
            "SELECT id, price * 1.2 AS gross, name, cat FROM s LEFT JOIN dim USING (k) WHERE k < 900", 1000},
           {"the same, no places",
            "SELECT id, price * 1.2 AS gross, COLUMNS('^name$'), cat FROM s LEFT JOIN dim USING (k) WHERE k < 900",
            1000},
           {"project + filter + lookup of 1000000",
            "SELECT id, price * 1.2 AS gross, name, cat FROM s LEFT JOIN dim USING (k) WHERE k < 900", 1000000}}) {
    for (const int lanes : {1, 2}) {
      for (const int threads : {1, 2}) {
        if (lookup > 1000 && (lanes == 2 || threads == 2)) continue;
        query::Options options;
        options.threads = threads;
        const auto database = query::Database::open(options).value();
        BindContext context;
        context.tables["dim"] = categories(lookup);
        context.database = [&]() -> Result<std::shared_ptr<query::Database>> { return database; };
        Node node;
        node.kind = Node::Kind::scalar;
        node.scalar = sql;
        Problems problems;
        const auto bound = sql_transform().bind(node, {{"s", rows->schema()}}, context, problems).value();
        ASSERT_TRUE(problems.empty()) << problems.text();
        std::string line;
        for (const int64_t batch_rows : {2048, 8192, 16384, 65536, 262144}) {
          std::vector<Speed> runs;
          for (int i = 0; i < 3; ++i) runs.push_back(run_lanes(bound, rows, batch_rows, lanes, bound.keeps_positions));
          std::ranges::sort(runs, {}, &Speed::processor);
          line += fmt::format(" {:5.1f}/{:4.1f}", runs[1].processor, std::ranges::max(runs, {}, &Speed::wall).wall);
        }
        fmt::print(
            "{:38} lanes {} duckdb threads {} Mrows per processor second/per second, batches of 2k 8k 16k 64k 256k: "
            "{}\n",
            what, lanes, threads, line);
        std::fflush(stdout);
      }
    }
  }
}

}  // namespace
}  // namespace trommel
