// Keeps all rows in tables of DuckDB (which spills them), and runs the SELECT when the inputs have ended.
#include <algorithm>

#include "arrow/api.h"
#include "fmt/format.h"
#include "query/database.h"
#include "transforms/sql/program.h"

namespace trommel {
namespace {

/// Rows are gathered to this before they are inserted: an insert costs the same for one row as for a thousand.
constexpr int64_t rows_worth_an_insert = 16384;
constexpr size_t bytes_worth_an_insert = 8 << 20;

class WholeInput : public Transform {
 public:
  static Result<std::unique_ptr<Transform>> make(std::shared_ptr<const SqlProgram> program) {
    auto self = std::make_unique<WholeInput>();
    self->program_ = std::move(program);
    ASSIGN(self->connection_, self->program_->connect());
    const auto nothing = []() -> Result<query::NextRows> { return []() -> Result<Rows> { return Rows(); }; };
    for (const auto& input : self->program_->inputs) {
      TRY(self->connection_->register_stream("trommel_rows", input.schema, nothing, 0));
      TRY(self->connection_->run(fmt::format("CREATE TEMP TABLE {} AS FROM trommel_rows LIMIT 0", query::quote_name(input.name))));
    }
    self->connection_->unregister_stream("trommel_rows");
    self->gathered_.resize(self->program_->inputs.size());
    return self;
  }

  Result<> push(size_t input, const Batch& batch, Outlet&) override {
    if (batch.size() == 0) return {};
    auto& gathered = gathered_[input];
    gathered.batches.push_back(batch.rows);
    gathered.rows += batch.size();
    gathered.bytes += batch.memory();
    rows_in_ += batch.size();
    if (gathered.rows >= rows_worth_an_insert || gathered.bytes >= bytes_worth_an_insert) return insert(input);
    return {};
  }

  Result<> end(Outlet& outlet) override {
    for (size_t input = 0; input < gathered_.size(); ++input) TRY(insert(input));
    int64_t rows_out = 0;
    TRY(answer(outlet, rows_out));
    outlet.combined(rows_in_, rows_out);
    for (const auto& input : program_->inputs) TRY(connection_->run("DROP TABLE temp." + query::quote_name(input.name)));
    return {};
  }

 private:
  struct Gathered {
    std::vector<Rows> batches;
    int64_t rows = 0;
    size_t bytes = 0;
  };

  Result<> insert(size_t input) {
    Gathered gathered = std::exchange(gathered_[input], {});
    if (gathered.rows == 0) return {};
    auto rows = arrow::ConcatenateRecordBatches(gathered.batches);
    if (!rows.ok()) return tl::unexpected(from_arrow(rows.status(), "sql"));
    auto count = connection_->append("temp." + query::quote_name(program_->inputs[input].name), *rows);
    if (!count) return tl::unexpected(located(std::move(count).error()));
    TROMMEL_CHECK(*count == gathered.rows, fmt::format("{} rows inserted of {}", *count, gathered.rows));
    return {};
  }

  Result<> answer(Outlet& outlet, int64_t& rows_out) {
    auto cursor = connection_->query(program_->sql);
    if (!cursor) return tl::unexpected(located(std::move(cursor).error()));
    for (;;) {
      auto rows = (*cursor)->next();
      if (!rows) return tl::unexpected(located(std::move(rows).error()));
      if (!*rows) return {};
      rows_out += (*rows)->num_rows();
      outlet.emit({std::move(*rows), {}, nullptr});
    }
  }

  static Error located(Error error) {
    error.where = error.where.empty() ? "sql" : "sql: " + error.where;
    if (error.domain == Error::Domain::data && error.hint.empty()) {
      error.hint = "this SQL waits for its whole input, so no row can be named: TRY_CAST, or a step before it that works row by row";
    }
    return error;
  }

  std::shared_ptr<const SqlProgram> program_;
  std::unique_ptr<query::Connection> connection_;
  std::vector<Gathered> gathered_;  ///< an input each
  int64_t rows_in_ = 0;
};

}  // namespace

Result<std::unique_ptr<Transform>> make_whole_input(std::shared_ptr<const SqlProgram> program) { return WholeInput::make(std::move(program)); }

}  // namespace trommel
