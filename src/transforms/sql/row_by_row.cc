// Runs the SELECT over one batch at a time. A statement is prepared once; the rows under the stream's name are
// exchanged.
#include <algorithm>
#include <numeric>

#include "arrow/api.h"
#include "arrow/compute/api_vector.h"
#include "fmt/format.h"
#include "transforms/sql/program.h"

namespace trommel {
namespace {

/// So many failing rows in one batch are hunted by halving; a batch with more is tried row by row, which costs the same
/// for any number of them.
constexpr int failures_worth_halving = 16;
/// What the optimiser is told to expect of a batch.
constexpr int64_t usual_rows = 65536;
/// A result is handed on only once it is whole, since a failure in its midst would double rows. One that grows beyond
/// this is made of fewer rows at a time.
constexpr size_t result_bytes = 64 << 20;
constexpr size_t result_bytes_of_one_row = 1 << 30;

class RowByRow : public Transform {
 public:
  static Result<std::unique_ptr<Transform>> make(std::shared_ptr<const SqlProgram> program) {
    auto self = std::make_unique<RowByRow>();
    self->program_ = std::move(program);
    ASSIGN(self->connection_, self->program_->connect());
    const auto& input = self->program_->inputs.front();
    self->scanned_ = input.schema;
    if (self->numbered()) {
      auto fields = input.schema->fields();
      fields.push_back(arrow::field(self->program_->row_column, arrow::int64(), false));
      self->scanned_ = arrow::schema(std::move(fields));
    }
    const auto open = [slot = self->slot_]() -> Result<query::NextRows> {
      return [rows = *slot]() mutable -> Result<Rows> { return std::exchange(rows, nullptr); };
    };
    TRY(self->connection_->register_stream(input.name, self->scanned_, open, usual_rows));
    ASSIGN(self->statement_, self->connection_->prepare(self->program_->sql));
    return self;
  }

  Result<> push(size_t, const Batch& batch, Outlet& outlet) override {
    if (batch.size() == 0) return {};
    failures_ = 0;
    refusals_.clear();
    TRY(work(batch, 0, batch.size(), outlet));
    if (!refusals_.empty()) outlet.reject(batch, refusals_);
    return {};
  }

 private:
  bool numbered() const { return !program_->row_column.empty(); }

  /// Runs the rows [from, from + count) of the batch. When a row fails they are tried in halves, until it stands alone.
  Result<> work(const Batch& batch, int64_t from, int64_t count, Outlet& outlet) {
    auto result = run(*batch.rows->Slice(from, count), count == 1 ? result_bytes_of_one_row : result_bytes);
    if (result && result->whole) return hand_on(batch, from, count, result->rows, outlet);
    if (result) {
      if (count > 1) return work_in_halves(batch, from, count, outlet);
      return external_error("sql", fmt::format("one row becomes more than {} bytes of rows", result_bytes_of_one_row));
    }
    if (result.error().domain != Error::Domain::data) return tl::unexpected(located(std::move(result).error()));
    if (failures_ == 0) TRY(fails_without_rows(result.error()));
    if (count == 1) {
      ++failures_;
      refusals_.push_back({from, "sql", "", "", result.error().what});
      return {};
    }
    if (failures_ < failures_worth_halving) return work_in_halves(batch, from, count, outlet);
    for (int64_t row = from; row < from + count; ++row) TRY(work(batch, row, 1, outlet));
    return {};
  }

  Result<> work_in_halves(const Batch& batch, int64_t from, int64_t count, Outlet& outlet) {
    const int64_t half = count / 2;
    TRY(work(batch, from, half, outlet));
    return work(batch, from + half, count - half, outlet);
  }

  /// A failure that is there with no row at all is no row's.
  Result<> fails_without_rows(const Error& error) {
    auto none = run(*batch_of_none(), result_bytes);
    if (none) return {};
    auto about = located(std::move(none).error());
    if (about.domain == Error::Domain::data) {
      about.domain = Error::Domain::config;
      about.what = "the SQL fails without any row of the stream: " + error.what;
    }
    return tl::unexpected(std::move(about));
  }

  static Error located(Error error) {
    error.where = error.where.empty() ? "sql" : "sql: " + error.where;
    return error;
  }

  Rows batch_of_none() const { return arrow::RecordBatch::MakeEmpty(program_->inputs.front().schema).ValueOrDie(); }

  struct Answer {
    Rows rows;  ///< null when there are none
    bool whole = true;
  };

  Result<Answer> run(const arrow::RecordBatch& rows, size_t most_bytes) {
    auto columns = rows.columns();
    if (numbered()) columns.push_back(row_numbers(rows.num_rows()));
    *slot_ = arrow::RecordBatch::Make(scanned_, rows.num_rows(), std::move(columns));
    auto out = fetch(most_bytes);
    slot_->reset();
    return out;
  }

  Result<Answer> fetch(size_t most_bytes) {
    if (program_->prepare_each_time) {
      ASSIGN(statement_, connection_->prepare(program_->sql));
    }
    ASSIGN(const auto cursor, statement_->run());
    std::vector<Rows> pieces;
    size_t bytes = 0;
    for (;;) {
      ASSIGN(auto rows, cursor->next());
      if (!rows) break;
      bytes += Batch{rows, {}, nullptr}.memory();
      if (bytes > most_bytes) return Answer{nullptr, false};
      pieces.push_back(std::move(rows));
    }
    if (pieces.empty()) return Answer{};
    if (pieces.size() == 1) return Answer{pieces.front()};
    auto joined = arrow::ConcatenateRecordBatches(pieces);
    if (!joined.ok()) return tl::unexpected(from_arrow(joined.status(), "sql"));
    return Answer{*joined};
  }

  /// 0, 1, 2, ...
  std::shared_ptr<arrow::Array> row_numbers(int64_t count) {
    if (!numbers_ || numbers_->length() < count) {
      const int64_t length = std::max(count, usual_rows);
      std::vector<int64_t> values(static_cast<size_t>(length));
      std::iota(values.begin(), values.end(), 0);
      numbers_ = std::make_shared<arrow::Int64Array>(length, arrow::Buffer::FromVector(std::move(values)));
    }
    return numbers_->Slice(0, count);
  }

  /// `rows` is null where nothing came out.
  Result<> hand_on(const Batch& batch, int64_t from, int64_t count, const Rows& rows, Outlet& outlet) {
    if (!numbered()) return hand_on_without_positions(count, rows, outlet);
    if (!rows) {
      outlet.filtered(count);
      return {};
    }
    const int last = rows->num_columns() - 1;
    const auto& numbers = static_cast<const arrow::Int64Array&>(*rows->column(last));
    std::span<const int64_t> of_rows(numbers.raw_values(), static_cast<size_t>(numbers.length()));
    auto out = rows->RemoveColumn(last);
    if (!out.ok()) return tl::unexpected(from_arrow(out.status(), "sql"));
    Rows kept = *out;
    std::vector<int64_t> sorted;
    if (!std::is_sorted(of_rows.begin(), of_rows.end())) {
      ASSIGN(kept, in_order(kept, of_rows, sorted));
      of_rows = sorted;
    }
    int64_t distinct = 0;
    for (size_t i = 0; i < of_rows.size(); ++i) distinct += i == 0 || of_rows[i] != of_rows[i - 1];
    if (distinct < count) outlet.filtered(count - distinct);
    if (const auto more = static_cast<int64_t>(of_rows.size()) - distinct; more > 0) outlet.expanded(more);
    outlet.emit({std::move(kept), positions_of(batch, from, count, of_rows), batch.block});
    return {};
  }

  Positions positions_of(const Batch& batch, int64_t from, int64_t count, std::span<const int64_t> of_rows) const {
    if (!batch.positions.known()) return {};
    const auto here = batch.positions.from(from);
    // As many, in order and each once: all of them.
    const bool all = static_cast<int64_t>(of_rows.size()) == count && of_rows.front() == 0 &&
                     of_rows.back() == count - 1 && std::adjacent_find(of_rows.begin(), of_rows.end()) == of_rows.end();
    return all ? here : here.select(of_rows);
  }

  /// A join may hand rows on in another order than they came in; a split's rows stay in theirs.
  Result<Rows> in_order(const Rows& rows, std::span<const int64_t> of_rows, std::vector<int64_t>& sorted) const {
    std::vector<int64_t> order(of_rows.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [&](int64_t i) { return of_rows[static_cast<size_t>(i)]; });
    sorted.reserve(order.size());
    for (const int64_t i : order) sorted.push_back(of_rows[static_cast<size_t>(i)]);
    const arrow::Int64Array indices(static_cast<int64_t>(order.size()), arrow::Buffer::Wrap(order));
    auto taken = arrow::compute::Take(rows, arrow::Datum(indices.data()));
    if (!taken.ok()) return tl::unexpected(from_arrow(taken.status(), "sql"));
    return taken->record_batch();
  }

  Result<> hand_on_without_positions(int64_t count, const Rows& rows, Outlet& outlet) {
    const int64_t got = rows ? rows->num_rows() : 0;
    if (got < count) outlet.filtered(count - got);
    if (got > count) outlet.expanded(got - count);
    if (got > 0) outlet.emit({rows, {}, nullptr});
    return {};
  }

  std::shared_ptr<const SqlProgram> program_;
  std::unique_ptr<query::Connection> connection_;
  std::unique_ptr<query::Statement> statement_;
  std::shared_ptr<Rows> slot_ = std::make_shared<Rows>();
  Schema scanned_;
  std::shared_ptr<arrow::Array> numbers_;
  std::vector<Refusal> refusals_;
  int failures_ = 0;
};

}  // namespace

Result<std::unique_ptr<Transform>> make_row_by_row(std::shared_ptr<const SqlProgram> program) {
  return RowByRow::make(std::move(program));
}

}  // namespace trommel
