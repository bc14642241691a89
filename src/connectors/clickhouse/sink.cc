#include "connectors/clickhouse/sink.h"

#include "arrow/api.h"
#include "component/table_refusals.h"
#include "fmt/format.h"

namespace trommel::clickhouse {
namespace {

class ClickhouseSink final : public StoreSink {
 public:
  ClickhouseSink(Target target, Fit fit)
      : target_(std::move(target)),
        bound_(std::move(fit)),
        epochs_(target_.pipeline, target_.sink),
        views_(target_.pipeline, target_.views),
        client_(target_.address, target_.packing) {}

  Guarantee guarantee() const override { return Guarantee::exactly_once; }

  Result<Epoch> last_committed() override {
    auto record = epochs_.read(client_, 0);
    if (!record) return located(Result<Epoch>(tl::unexpected(std::move(record).error())));
    return record->last;
  }

  /// By what was known when the pipeline was bound: another thread commits meanwhile.
  Result<std::vector<Refusal>> refuses(const Batch& batch) override {
    TableRefusals refused;
    for (const FilledColumn& column : bound_.columns) {
      if (column.input < 0) continue;
      const auto& values = batch.rows->column(column.input);
      ASSIGN(const auto written, as_written(values, column.type));
      refused.add({column.name, column.type.text, column.takes_null, column.key}, *values, written.refused);
    }
    return std::move(refused).take();
  }

  Result<int64_t> commit(Epoch epoch, Segment& segment) override {
    auto rows = write(epoch, segment);
    sure_ = rows.has_value();
    return located(std::move(rows));
  }

 private:
  template <class T>
  Result<T> located(Result<T> result) const {
    if (result) return result;
    auto error = std::move(result).error();
    if (error.where.empty() || error.where == target_.address.shown()) error.where = target_.name();
    return tl::unexpected(std::move(error));
  }

  Result<int64_t> write(Epoch epoch, Segment& segment) {
    if (!sure_) client_.forget_engine();  // it may be another one by now
    ASSIGN(const Engine engine, client_.engine());
    if (!sure_) TRY(epochs_.make(client_, engine));
    ASSIGN(const EpochRecord record, epochs_.read(client_, epoch));
    if (record.last > epoch) return segment.rows();
    if (record.last == epoch) return record.rows;
    ASSIGN(const Fit fit, ready_table(engine));
    EpochWrite write{client_, engine, target_, fit, epochs_, record, epoch, sure_, segment};
    ASSIGN(const int64_t rows,
           engine.tokens&& engine.marks_inserts ? write_with_tokens(write) : write_by_partitions(write));
    // Before the epoch counts as done: a commit that ends in between is repeated, and makes the same groups anew.
    if (rows > 0) TRY(refresh_views(write));
    TRY(epochs_.write_committed(client_, epoch, rows));
    return rows;
  }

  Result<> refresh_views(const EpochWrite& write) {
    // A replacing table takes rows away when others come, and one that was made just now may stand where another stood
    // before: then the groups of the rows that came are not all that changed.
    const std::string came = write.fit.replacing || made_anew_
                                 ? std::string()
                                 : fmt::format("SELECT * FROM {} WHERE {}", write.table(), write.condition());
    TRY(views_.refresh(client_, target_.table.table, came));
    made_anew_ = false;
    return {};
  }

  /// The table as it is now. One that was there is never made again: its rows are gone, and somebody should know.
  Result<Fit> ready_table(const Engine& engine) {
    ASSIGN(const auto stored, look(client_, engine, target_.table.table));
    if (!stored && made_)
      return external_error("", "the table is gone", "restore it, or end this run: the next one makes it anew");
    Fit fit = fit_table(target_.table, stored, engine);
    if (!fit.differences.empty()) {
      Error error{Error::Domain::external, "", fmt::format("{}", fmt::join(fit.differences, "; ")),
                  "change the table, or the rows", false};
      return tl::unexpected(std::move(error));
    }
    if (!stored) made_anew_ = true;
    for (const std::string& ddl : fit.ddl) TRY(client_.run(ddl));
    made_ = true;
    return fit;
  }

  const Target target_;
  const Fit bound_;
  const Epochs epochs_;
  const ViewKeeper views_;
  Client client_;
  bool made_ = false;       ///< the table was there once, or was made
  bool made_anew_ = false;  ///< and its views do not know yet
  bool sure_ = false;       ///< see EpochWrite
};

}  // namespace

Result<int64_t> EpochWrite::rows_there() const {
  ASSIGN(const auto rows, client.rows(fmt::format("SELECT count() FROM {} WHERE {}", table(), condition())));
  if (rows.size() != 1 || rows[0].size() != 1) return external_error("", "the rows of an epoch cannot be counted");
  return std::atoll(rows[0][0].c_str());
}

std::string EpochWrite::condition() const {
  return fmt::format("{} = {}", quote_name(mark_column), epochs.mark(epoch));
}

std::shared_ptr<StoreSink> make_sink(Target target, Fit fit) {
  return std::make_shared<ClickhouseSink>(std::move(target), std::move(fit));
}

}  // namespace trommel::clickhouse
