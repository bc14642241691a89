// Keeps all rows in tables of DuckDB (which spills them), and runs the SELECT when the inputs have ended.
#include "arrow/api.h"
#include "fmt/format.h"
#include "query/inserter.h"
#include "transforms/sql/program.h"

namespace trommel {
namespace {

class WholeInput : public Transform {
 public:
  static Result<std::unique_ptr<Transform>> make(std::shared_ptr<const SqlProgram> program) {
    auto self = std::make_unique<WholeInput>();
    self->program_ = std::move(program);
    ASSIGN(self->connection_, self->program_->connect());
    const auto nothing = []() -> Result<query::NextRows> { return []() -> Result<Rows> { return Rows(); }; };
    for (const auto& input : self->program_->inputs) {
      TRY(self->connection_->register_stream("trommel_rows", input.schema, nothing, 0));
      TRY(self->connection_->run(
          fmt::format("CREATE TEMP TABLE {} AS FROM trommel_rows LIMIT 0", query::quote_name(input.name))));
    }
    self->connection_->unregister_stream("trommel_rows");
    for (const auto& input : self->program_->inputs)
      self->inserters_.emplace_back(*self->connection_, "temp." + query::quote_name(input.name));
    return self;
  }

  Result<> push(size_t input, const Batch& batch, Outlet&) override {
    rows_in_ += batch.size();
    return located(inserters_[input].add(batch.rows));
  }

  Result<> end(Outlet& outlet) override {
    int64_t inserted = 0;
    for (auto& inserter : inserters_) {
      TRY(located(inserter.finish()));
      inserted += inserter.inserted();
    }
    TROMMEL_CHECK(inserted == rows_in_, fmt::format("{} rows inserted of {}", inserted, rows_in_));
    int64_t rows_out = 0;
    TRY(located(answer(outlet, rows_out)));
    outlet.combined(rows_in_, rows_out);
    for (const auto& input : program_->inputs)
      TRY(connection_->run("DROP TABLE temp." + query::quote_name(input.name)));
    return {};
  }

 private:
  Result<> answer(Outlet& outlet, int64_t& rows_out) {
    ASSIGN(const auto cursor, connection_->query(program_->sql));
    for (;;) {
      ASSIGN(auto rows, cursor->next());
      if (!rows) return {};
      rows_out += rows->num_rows();
      outlet.emit({std::move(rows), {}, nullptr});
    }
  }

  static Result<> located(Result<> result) {
    if (result) return result;
    auto error = std::move(result).error();
    error.where = error.where.empty() ? "sql" : "sql: " + error.where;
    if (error.domain == Error::Domain::data && error.hint.empty()) {
      error.hint =
          "this SQL waits for its whole input, so no row can be named: TRY_CAST, or a step before it that works row by "
          "row";
    }
    return tl::unexpected(std::move(error));
  }

  std::shared_ptr<const SqlProgram> program_;
  std::unique_ptr<query::Connection> connection_;
  std::vector<query::Inserter> inserters_;  ///< an input each
  int64_t rows_in_ = 0;
};

}  // namespace

Result<std::unique_ptr<Transform>> make_whole_input(std::shared_ptr<const SqlProgram> program) {
  return WholeInput::make(std::move(program));
}

}  // namespace trommel
