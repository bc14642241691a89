#include "transforms/clean/clean.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "transforms/clean/parts.h"
#include "transforms/clean/steps.h"

namespace trommel {
namespace {

class Clean : public Transform {
 public:
  Clean(std::shared_ptr<const Steps> steps, int64_t memory) : steps_(std::move(steps)), feeds_(steps_->columns.size()) {
    for (const Splitting& splitting : steps_->splits) feeds_[splitting.from] = 1;
    for (const Merging& merging : steps_->merges) {
      for (const size_t column : merging.of) feeds_[column] = 1;
    }
    if (!steps_->dedupe) return;
    FirstRows::Options options = *steps_->dedupe;
    options.memory = memory;
    first_rows_.emplace(std::move(options));
  }

  Result<> push(size_t, const Batch& batch, Outlet& outlet) override {
    Refused refused;
    std::vector<ArrayPtr> all(steps_->columns.size());
    for (size_t i = 0; i < all.size(); ++i) {
      const Cleaned& plan = steps_->columns[i];
      const bool wanted = plan.from >= 0 && (plan.gone == nullptr || feeds_[i] != 0);
      if (!wanted) continue;
      ASSIGN(all[i], tidy(plan, batch.rows->column(plan.from), refused));
    }
    for (const Splitting& splitting : steps_->splits) {
      ASSIGN(auto parts, split_text(all[splitting.from], splitting.by, splitting.into.size()));
      for (size_t part = 0; part < parts.size(); ++part) all[splitting.into[part]] = std::move(parts[part]);
    }
    for (const Merging& merging : steps_->merges) {
      std::vector<ArrayPtr> of;
      for (const size_t column : merging.of) of.push_back(all[column]);
      ASSIGN(all[merging.into], merge_text(of, merging.by));
    }
    std::vector<ArrayPtr> columns;
    columns.reserve(steps_->out.size());
    for (const size_t i : steps_->out) {
      ASSIGN(auto finished, finish(steps_->columns[i], std::move(all[i]), refused));
      columns.push_back(std::move(finished));
    }
    Batch out{arrow::RecordBatch::Make(steps_->schema, batch.size(), std::move(columns)), batch.positions, batch.block};
    std::vector<uint8_t> keep;
    const int64_t filtered = leave_out(*out.rows, refused, keep);
    if (!refused.empty()) {
      std::vector<Refusal> refusals;
      for (auto& [row, refusal] : refused) refusals.push_back(std::move(refusal));
      outlet.reject(batch, refusals);
    }
    if (filtered > 0) outlet.filtered(filtered);
    if (!keep.empty()) {
      ASSIGN(out, filter(out, keep));
    }
    if (first_rows_) {
      ASSIGN(out, first_rows_->keep(out, outlet));
    }
    if (out.size() > 0) outlet.emit(std::move(out));
    return {};
  }
  Result<> save(State& state) override { return first_rows_ ? first_rows_->save(state) : Result<>{}; }
  Result<> load(std::string_view key, std::string_view value) override {
    return first_rows_ ? first_rows_->load(key, value) : Result<>{};
  }

 private:
  using Refused = std::map<int64_t, Refusal>;  // one a row: the first

  static void refuse(const std::vector<int64_t>& rows, const arrow::Array& column, const char* code,
                     const std::string& name, const std::string& why, Refused& refused) {
    for (const int64_t row : rows) {
      std::string value = value_text(column, row);
      std::string reason = fmt::format("`{}` {}", value, why);
      refused.try_emplace(row, Refusal{row, code, name, std::move(value), std::move(reason)});
    }
  }

  // Values as they came.
  static Result<ArrayPtr> tidy(const Cleaned& plan, ArrayPtr column, Refused& refused) {
    if (plan.normalize) {
      ASSIGN(column, normalize_text(column, *plan.normalize));
    }
    if (plan.collapse_spaces) {
      ASSIGN(column, collapse_spaces(column));
    } else if (plan.trim) {
      ASSIGN(column, trim_text(column));
    }
    if (!plan.null_texts.empty()) {
      ASSIGN(column, null_texts(column, plan.null_texts));
    }
    if (plan.null_values) {
      ASSIGN(column, null_values(column, plan.null_values));
    }
    if (plan.text) {
      ASSIGN(column, change_case(column, *plan.text));
    }
    if (!plan.map) return column;
    ASSIGN(auto mapped, plan.map->apply(column));
    refuse(mapped.refused, *column, "map", plan.name, "is none of the values in `map`", refused);
    return std::move(mapped.column);
  }

  // Values of the columns that leave.
  static Result<ArrayPtr> finish(const Cleaned& plan, ArrayPtr column, Refused& refused) {
    if (plan.parse) {
      ASSIGN(auto outcome, read_column(column, *plan.parse));
      if (!plan.parse_to_null)
        refuse(outcome.refused, *column, "parse", plan.name,
               plan.parse->times.empty() ? fmt::format("cannot be read as {}", type_name(*plan.parse->type))
                                         : fmt::format("is not written as {}", formats_of(*plan.parse)),
               refused);
      column = std::move(outcome.column);
    }
    if (plan.cast) {
      ASSIGN(auto outcome, cast_column(column, plan.cast));
      refuse(outcome.refused, *column, "cast", plan.name, fmt::format("cannot be read as {}", type_name(*plan.cast)),
             refused);
      column = std::move(outcome.column);
    }
    if (plan.fill) {
      ASSIGN(column, fill_nulls(column, plan.fill));
    }
    return column;
  }
  static std::string formats_of(const ColumnFormat& format) {
    std::string out;
    for (const TimeFormat& one : format.times) out += (out.empty() ? "" : " or ") + one.text();
    return out;
  }

  // Fills `keep` when some row goes; returns how many go for their NULLs.
  int64_t leave_out(const arrow::RecordBatch& rows, const Refused& refused, std::vector<uint8_t>& keep) const {
    const auto count = static_cast<size_t>(rows.num_rows());
    std::vector<size_t> with_nulls;
    for (const size_t i : steps_->must_not_be_null) {
      if (rows.column(static_cast<int>(i))->null_count() > 0) with_nulls.push_back(i);
    }
    const bool some_go = steps_->only_if_all
                             ? with_nulls.size() == steps_->must_not_be_null.size() && !with_nulls.empty()
                             : !with_nulls.empty();
    if (!some_go && refused.empty()) return 0;
    keep.assign(count, 1);
    int64_t gone = 0;
    if (some_go) {
      std::vector<uint32_t> nulls(count, 0);
      for (const size_t i : with_nulls) {
        const arrow::Array& column = *rows.column(static_cast<int>(i));
        for (size_t row = 0; row < count; ++row) nulls[row] += column.IsNull(static_cast<int64_t>(row)) ? 1 : 0;
      }
      const uint32_t enough = steps_->only_if_all ? static_cast<uint32_t>(steps_->must_not_be_null.size()) : 1;
      for (size_t row = 0; row < count; ++row) keep[row] = nulls[row] < enough ? 1 : 0;
      gone = static_cast<int64_t>(std::count(keep.begin(), keep.end(), 0));
    }
    for (const auto& [row, refusal] : refused) {
      uint8_t& kept = keep[static_cast<size_t>(row)];
      if (kept == 0) --gone;  // a row is counted once: as the reject that it is
      kept = 0;
    }
    if (std::find(keep.begin(), keep.end(), 0) == keep.end()) keep.clear();
    return gone;
  }

  const std::shared_ptr<const Steps> steps_;
  std::vector<uint8_t> feeds_;  // by column: `split` or `merge` reads it
  std::optional<FirstRows> first_rows_;
};

Result<BoundTransform> bind_clean(const Node& settings, const std::vector<InputInfo>& inputs,
                                  const BindContext& context, Problems& problems) {
  const size_t before = problems.size();
  const CleanConfig config = clean_spec().parse(settings, problems);
  BoundTransform bound;
  bound.schema = inputs.at(0).schema;
  if (problems.size() > before) return bound;
  const std::shared_ptr<const Steps> steps = bind_steps(config, settings, inputs.at(0), context, problems);
  if (problems.size() > before) return bound;
  bound.schema = steps->schema;
  bound.notes = steps->notes;
  if (steps->dedupe) {
    remembers(context);
    bound.shape = Shape::in_order;
    if (steps->dedupe->saves) bound.remembers_by = steps->dedupe->digester->compares();
  }
  bound.make = [steps, context]() -> Result<std::unique_ptr<Transform>> {
    for (const Cleaned& column : steps->columns) {
      if (column.map) TRY(column.map->load());
    }
    return std::make_unique<Clean>(steps, memory_to_remember(context, 0));
  };
  return bound;
}

}  // namespace

TransformKind clean_transform() {
  TransformKind kind;
  kind.spec = &clean_spec().info();
  kind.bind = bind_clean;
  return kind;
}

}  // namespace trommel
