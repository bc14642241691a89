#include "transforms/check/check.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "query/database.h"
#include "spill/row_spill.h"
#include "transforms/check/checks.h"
#include "transforms/check/outliers.h"
#include "transforms/dedupe/first_rows.h"

namespace trommel {
namespace {

/// Puts a name before each key, so that several can share one State.
class PrefixedState : public State {
 public:
  PrefixedState(State& state, std::string prefix) : state_(state), prefix_(std::move(prefix)) {}
  void put(std::string_view key, std::string_view value) override { state_.put(prefix_ + std::string(key), value); }
  void remove(std::string_view key) override { state_.remove(prefix_ + std::string(key)); }

 private:
  State& state_;
  const std::string prefix_;
};

// Rows pass the rules of a row, then `unique`, then `outliers` (where all of them are set aside until the end), and
// last their figures are taken for `whole`.
class Check : public Transform {
 public:
  struct Room {
    Env* env = nullptr;
    std::string folder;
    int64_t memory = 0;
  };
  Check(std::shared_ptr<const Checks> checks, std::unique_ptr<SqlTester> sql, const Room& room)
      : checks_(std::move(checks)), sql_(std::move(sql)) {
    if (!checks_->remembers()) return;
    const auto parts = static_cast<int64_t>(checks_->unique.size() + checks_->outliers.size() +
                                            (checks_->outliers.empty() ? 0 : 1) + (checks_->whole ? 1 : 0));
    const int64_t memory = room.memory / parts;
    for (const UniqueKey& key : checks_->unique) {
      FirstRows::Options options;
      options.digester = *RowDigester::of(*checks_->schema, key.columns);
      options.within_us = key.within_us;
      options.saves = key.within_us > 0;
      options.env = room.env;
      options.folder = room.folder;
      options.memory = memory;
      unique_.emplace_back(std::move(options));
    }
    for (const OutlierCheck& check : checks_->outliers)
      columns_.emplace_back(check.method, check.factor, *room.env, room.folder, memory);
    if (!columns_.empty()) aside_.emplace(*room.env, room.folder, memory);
    if (checks_->whole) whole_.emplace(checks_->whole, *room.env, room.folder, memory);
  }

  Result<> push(size_t, const Batch& batch, Outlet& outlet) override {
    if (batch.size() == 0) return {};
    Faults faults;
    std::vector<std::vector<int64_t>> refused(checks_->columns.size());
    ASSIGN(const Rows rows, typed(batch, refused, faults));
    for (const auto& [column, rules] : checks_->rules)
      TRY(rules.test(rows->column(static_cast<int>(column)), refused[column], faults));
    for (const auto& [column, values] : checks_->exists)
      TRY(values->test(checks_->columns[column].name, rows->column(static_cast<int>(column)), faults));
    if (sql_) TRY(sql_->test(rows, faults));
    ASSIGN(Batch out, without(faults, batch, {rows, batch.positions, batch.block}, outlet));
    for (size_t i = 0; i < unique_.size(); ++i) {
      ASSIGN(out, only_unique(i, out, outlet));
    }
    if (!aside_) return hand_on(std::move(out), outlet);
    for (size_t i = 0; i < columns_.size(); ++i) TRY(columns_[i].add(*out.rows->column(checks_->outliers[i].column)));
    return aside_->add(out);
  }

  Result<> end(Outlet& outlet) override {
    if (aside_) TRY(judge_outliers(outlet));
    return whole_ ? whole_->verdict() : Result<>{};
  }

  Result<> save(State& state) override {
    for (size_t i = 0; i < unique_.size(); ++i) {
      PrefixedState own(state, prefix_of(i));
      TRY(unique_[i].save(own));
    }
    if (!whole_) return {};
    PrefixedState own(state, kFigures);
    whole_->save(own);
    return {};
  }
  Result<> load(std::string_view key, std::string_view value) override {
    if (key.starts_with(kFigures))
      return whole_ ? whole_->load(key.substr(std::string_view(kFigures).size()), value) : Result<>{};
    for (size_t i = 0; i < unique_.size(); ++i) {
      const std::string prefix = prefix_of(i);
      if (key.starts_with(prefix)) return unique_[i].load(key.substr(prefix.size()), value);
    }
    return {};  // of a rule that is no more
  }

 private:
  static constexpr const char* kFigures = "figure/";
  std::string prefix_of(size_t i) const { return fmt::format("unique {}/", checks_->unique[i].names); }

  Result<> hand_on(Batch batch, Outlet& outlet) {
    if (batch.size() == 0) return {};
    if (whole_) TRY(whole_->add(*batch.rows));
    outlet.emit(std::move(batch));
    return {};
  }

  /// Rejects the rows of `faults`: `batch` is what a reject shows, `rows` what goes on.
  static Result<Batch> without(const Faults& faults, const Batch& batch, const Batch& rows, Outlet& outlet) {
    if (faults.empty()) return rows;
    std::vector<uint8_t> keep(static_cast<size_t>(batch.size()), 1);
    const std::vector<Refusal> refusals = faults.refusals();
    for (const Refusal& refusal : refusals) keep[static_cast<size_t>(refusal.row)] = 0;
    outlet.reject(batch, refusals);
    return filter(rows, keep);
  }

  /// As in SQL's UNIQUE, a key with a NULL in it equals none.
  Result<Batch> only_unique(size_t i, const Batch& batch, Outlet& outlet) {
    if (batch.size() == 0) return batch;
    ASSIGN(const int64_t equal, unique_[i].judge(batch, first_));
    if (equal == 0) return batch;
    const UniqueKey& key = checks_->unique[i];
    Faults faults;
    for (size_t at = 0; at < first_.size(); ++at) {
      if (first_[at] != 0) continue;
      const auto row = static_cast<int64_t>(at);
      std::string value;
      bool null = false;
      for (const int column : key.columns) {
        null = null || batch.rows->column(column)->IsNull(row);
        value += (value.empty() ? "" : ", ") + value_text(*batch.rows->column(column), row);
      }
      if (null) continue;
      faults.add(row, "unique", key.names, value, fmt::format("unique: an earlier row has {} = {}", key.names, value));
    }
    return without(faults, batch, batch, outlet);
  }

  Result<> judge_outliers(Outlet& outlet) {
    std::vector<OutlierLimits> limits;
    for (OutlierColumn& column : columns_) {
      ASSIGN(limits.emplace_back(), column.limits());
    }
    std::vector<int64_t> found(limits.size());
    TRY(aside_->finish());
    for (size_t i = 0; i < aside_->batches(); ++i) {
      ASSIGN(const Batch batch, aside_->read(i));
      TRY(judge_batch(batch, limits, found, outlet));
    }
    for (size_t i = 0; i < limits.size(); ++i) {
      const OutlierCheck& check = checks_->outliers[i];
      if (check.action != OutlierAction::warn || found[i] == 0) continue;
      outlet.warn(fmt::format("{} of {} values of `{}` are outliers: they lie outside {} to {}", found[i],
                              aside_->rows(), check.name, number_text(limits[i].low), number_text(limits[i].high)));
    }
    return {};
  }

  Result<> judge_batch(const Batch& batch, const std::vector<OutlierLimits>& limits, std::vector<int64_t>& found,
                       Outlet& outlet) {
    Faults faults;
    auto columns = batch.rows->columns();
    for (size_t i = 0; i < limits.size(); ++i) {
      const OutlierCheck& check = checks_->outliers[i];
      const arrow::Array& column = *batch.rows->column(check.column);
      arrow::BooleanBuilder flags;
      if (auto status = flags.Reserve(batch.size()); !status.ok()) return tl::unexpected(from_arrow(status, "check"));
      for (int64_t row = 0; row < batch.size(); ++row) {
        const double value = column.IsNull(row) ? limits[i].low : OutlierColumn::value(column, row);
        const bool odd = value < limits[i].low || value > limits[i].high;
        flags.UnsafeAppend(odd);
        if (!odd) continue;
        ++found[i];
        if (check.action != OutlierAction::reject) continue;
        const std::string text = value_text(column, row);
        faults.add(row, "outlier", check.name, text,
                   fmt::format("outlier: {} lies outside {} to {} ({}, factor {})", text, number_text(limits[i].low),
                               number_text(limits[i].high), Reads<OutlierMethod>::text(check.method),
                               number_text(check.factor)));
      }
      if (check.action == OutlierAction::flag) columns.push_back(*flags.Finish());
    }
    const Batch flagged{arrow::RecordBatch::Make(checks_->out, batch.size(), std::move(columns)), batch.positions,
                        batch.block};
    ASSIGN(Batch out, without(faults, batch, flagged, outlet));
    return hand_on(std::move(out), outlet);
  }

  // The rows with the names and types that they leave with. Until its rejects are taken out, a column that may hold no
  // NULL can hold some.
  Result<Rows> typed(const Batch& batch, std::vector<std::vector<int64_t>>& refused, Faults& faults) const {
    if (checks_->same_columns)
      return Rows(arrow::RecordBatch::Make(checks_->schema, batch.size(), batch.rows->columns()));
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (size_t i = 0; i < checks_->columns.size(); ++i) {
      const Checked& plan = checks_->columns[i];
      if (plan.from < 0) {
        auto nothing = arrow::MakeArrayOfNull(plan.type, batch.size());
        if (!nothing.ok()) return tl::unexpected(from_arrow(nothing.status(), "check"));
        columns.push_back(*nothing);
        continue;
      }
      const auto& column = batch.rows->column(plan.from);
      if (!plan.cast) {
        columns.push_back(column);
        continue;
      }
      ASSIGN(auto outcome, cast_column(column, plan.type));
      for (const int64_t row : outcome.refused) {
        const std::string value = value_text(*column, row);
        faults.add(row, "type", plan.name, value, fmt::format("type: `{}` is no {}", value, type_name(*plan.type)));
      }
      refused[i] = std::move(outcome.refused);
      columns.push_back(std::move(outcome.column));
    }
    return Rows(arrow::RecordBatch::Make(checks_->schema, batch.size(), std::move(columns)));
  }

  const std::shared_ptr<const Checks> checks_;
  const std::unique_ptr<SqlTester> sql_;
  std::vector<FirstRows> unique_;
  std::vector<OutlierColumn> columns_;  // one for each of `outliers`
  std::optional<RowSpill> aside_;
  std::optional<WholeFigures> whole_;
  std::vector<uint8_t> first_;
};

Result<BoundTransform> bind_check(const Node& settings, const std::vector<InputInfo>& inputs,
                                  const BindContext& context, Problems& problems) {
  BoundTransform bound;
  bound.schema = inputs.at(0).schema;
  Problems found;
  const CheckConfig config = check_spec().parse(settings, found);
  std::shared_ptr<const Checks> checks;
  if (found.empty()) {
    ASSIGN(checks, bind_checks(config, settings, inputs.at(0), context, found));
  }
  problems.add(found);
  if (!found.empty()) return bound;
  bound.schema = checks->out;
  bound.judges_whole = checks->whole != nullptr;
  if (!checks->outliers.empty()) {
    bound.shape = Shape::whole_input;
    bound.notes.push_back("waits for its whole input: `outliers`");
  } else if (checks->remembers()) {
    bound.shape = Shape::in_order;
  }
  if (checks->remembers()) remembers(context);
  for (const UniqueKey& key : checks->unique) {
    if (key.within_us > 0) bound.remembers_by += (bound.remembers_by.empty() ? "" : "; ") + key.compares;
  }
  const int64_t memory = config.memory ? config.memory->bytes : 0;
  bound.make = [checks, context, memory]() -> Result<std::unique_ptr<Transform>> {
    std::unique_ptr<SqlTester> sql;
    if (!checks->sql->empty()) {
      ASSIGN(auto opened, context.database());
      ASSIGN(sql, SqlTester::make(checks->sql, checks->schema, opened));
    }
    for (const auto& [column, values] : checks->exists) TRY(values->load());
    const Check::Room room{context.env, context.state_folder + "/spill", memory_to_remember(context, memory)};
    return std::make_unique<Check>(checks, std::move(sql), room);
  };
  return bound;
}

}  // namespace

TransformKind check_transform() {
  TransformKind kind;
  kind.spec = &check_spec().info();
  kind.bind = bind_check;
  return kind;
}

}  // namespace trommel
