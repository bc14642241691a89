#include "transforms/check/whole.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <cmath>

#include "batch/time_unit.h"
#include "batch/types.h"
#include "transforms/check/outliers.h"

namespace trommel {
namespace {

using Id = arrow::Type;

bool is_date_or_time(const arrow::DataType& type) {
  return type.id() == Id::TIMESTAMP || type.id() == Id::DATE32 || type.id() == Id::DATE64;
}

// Numbers as they are, dates and timestamps in the unit of the column.
long double number_of(const arrow::Array& column, int64_t row) {
  switch (column.type_id()) {
    case Id::INT64:
      return static_cast<long double>(static_cast<const arrow::Int64Array&>(column).Value(row));
    case Id::UINT64:
      return static_cast<long double>(static_cast<const arrow::UInt64Array&>(column).Value(row));
    case Id::TIMESTAMP:
      return static_cast<long double>(static_cast<const arrow::TimestampArray&>(column).Value(row));
    case Id::DATE32:
      return static_cast<long double>(static_cast<const arrow::Date32Array&>(column).Value(row));
    case Id::DATE64:
      return static_cast<long double>(static_cast<const arrow::Date64Array&>(column).Value(row));
    default:
      return OutlierColumn::value(column, row);
  }
}

long double per_second(const arrow::DataType& type) {
  if (type.id() == Id::DATE32) return 1.0L / 86400;
  if (type.id() == Id::DATE64) return 1000;
  return static_cast<long double>(trommel::per_second(static_cast<const arrow::TimestampType&>(type).unit()));
}

std::string shown(long double value) { return number_text(static_cast<double>(value)); }
std::string percent(long double share) { return fmt::format("{:.4g}%", static_cast<double>(share * 100)); }

// `5%` or `0.05`.
std::optional<long double> share_of(std::string text) {
  const bool percents = !text.empty() && text.back() == '%';
  if (percents) text.pop_back();
  const auto number = parse_number(text);
  if (!number || *number < 0) return std::nullopt;
  return percents ? static_cast<long double>(*number) / 100 : static_cast<long double>(*number);
}

std::optional<long double> value_of(const std::string& text, const Type& type) {
  arrow::StringBuilder builder;
  if (!builder.Append(text).ok()) return std::nullopt;
  const auto read = cast_column(*builder.Finish(), type);
  if (!read || read->column->null_count() > 0) return std::nullopt;
  return number_of(*read->column, 0);
}

enum class Kind { number, share, value };

class Binder {
 public:
  Binder(const arrow::Schema& schema, Problems& problems) : schema_(schema), problems_(problems) {}

  std::optional<ReadBound> bound(const std::optional<FigureBound>& written, const Node* node, Kind kind,
                                 const Type& type = nullptr) {
    if (!written) return std::nullopt;
    ReadBound out;
    const auto read = [&](const char* name, const std::optional<std::string>& text, std::optional<long double>& value,
                          std::string& kept, Kind of) {
      if (!text) return;
      kept = *text;
      if (of == Kind::share) {
        value = share_of(*text);
      } else if (of == Kind::value) {
        value = value_of(*text, type);
      } else if (const auto number = parse_number(*text)) {
        value = *number;
      }
      if (value) return;
      const Node* at = node->find(name);
      const std::string what = of == Kind::share   ? "a share (0.05 or 5%)"
                               : of == Kind::value ? "a value of " + type_name(*type)
                                                   : "a number";
      problems_.add((at != nullptr ? *at : *node).place, fmt::format("`{}`: `{}` is not {}", name, *text, what));
    };
    read("min", written->min, out.min, out.min_text, kind);
    read("max", written->max, out.max, out.max_text, kind);
    read("change", written->change, out.change, out.change_text, Kind::share);
    return out;
  }

  std::optional<ColumnFigures> column(const Pair<ColumnExpectation>& pair, const Node& node) {
    const ColumnExpectation& written = pair.value;
    ColumnFigures out;
    out.name = pair.key;
    out.at = schema_.GetFieldIndex(pair.key);
    if (out.at < 0) {
      const std::string near = did_you_mean(pair.key, schema_.field_names());
      problems_.add(pair.place, fmt::format("no column `{}` goes on from here", pair.key),
                    near.empty() ? fmt::format("there are: {}", fmt::join(schema_.field_names(), ", "))
                                 : fmt::format("did you mean `{}`?", near));
      return std::nullopt;
    }
    out.type = schema_.field(out.at)->type();
    const bool numbers = OutlierColumn::takes(*out.type), times = is_date_or_time(*out.type);
    const auto no = [&](const char* figure, const char* of) {
      problems_.add(node.find(figure)->place,
                    fmt::format("column `{}` is {}, and `{}` is of {}", out.name, type_name(*out.type), figure, of));
    };
    if (written.mean && !numbers) no("mean", "numbers");
    if (written.min && !numbers && !times) no("min", "numbers, dates and timestamps");
    if (written.max && !numbers && !times) no("max", "numbers, dates and timestamps");
    if (written.freshness && !times) no("freshness", "dates and timestamps");
    out.nulls = bound(written.nulls, node.find("nulls"), Kind::share);
    out.distinct = bound(written.distinct, node.find("distinct"), Kind::number);
    if (numbers || times) {
      out.min = bound(written.min, node.find("min"), Kind::value, out.type);
      out.max = bound(written.max, node.find("max"), Kind::value, out.type);
    }
    if (numbers) out.mean = bound(written.mean, node.find("mean"), Kind::number);
    out.freshness = written.freshness;
    if (out.distinct && !RowDigester::of(schema_, {out.at})) no("distinct", "values that can be compared");
    return out;
  }

 private:
  const arrow::Schema& schema_;
  Problems& problems_;
};

}  // namespace

std::shared_ptr<const WholePlan> bind_whole(const WholeExpectation& expected, const Node& whole,
                                            const arrow::Schema& schema, Problems& problems) {
  auto plan = std::make_shared<WholePlan>();
  Binder binder(schema, problems);
  plan->row_count = binder.bound(expected.row_count, whole.find("row_count"), Kind::number);
  for (const auto& pair : expected.columns) {
    if (auto column = binder.column(pair, *whole.find("columns")->find(pair.key)))
      plan->columns.push_back(std::move(*column));
  }
  return plan;
}

// ---- figures --------------------------------------------------------------------------------------------------------

struct WholeFigures::OfColumn {
  const ColumnFigures* plan = nullptr;
  int64_t nulls = 0, numbers = 0, different = 0;
  long double sum = 0;
  std::optional<long double> least, greatest;
  std::string least_text, greatest_text;
  std::optional<RowDigester> digester;
  std::optional<SeenRows> seen;
  std::vector<Digest> digests;
  std::vector<uint8_t> fresh;
};

WholeFigures::WholeFigures(std::shared_ptr<const WholePlan> plan, Env& env, const std::string& folder, int64_t memory)
    : plan_(std::move(plan)), env_(env) {
  int64_t distinct = 0;
  for (const ColumnFigures& column : plan_->columns) distinct += column.distinct ? 1 : 0;
  for (const ColumnFigures& column : plan_->columns) {
    auto& figures = *columns_.emplace_back(std::make_unique<OfColumn>());
    figures.plan = &column;
    if (!column.distinct) continue;
    figures.digester = *RowDigester::of(*arrow::schema({arrow::field(column.name, column.type)}));
    figures.seen.emplace(SeenRows::Options{&env, folder, memory / distinct, 0});
  }
}
WholeFigures::~WholeFigures() = default;

Result<> WholeFigures::add(const arrow::RecordBatch& rows) {
  rows_ += rows.num_rows();
  for (const auto& figures : columns_) TRY(add_column(*figures, *rows.column(figures->plan->at)));
  return {};
}

Result<> WholeFigures::add_column(OfColumn& figures, const arrow::Array& column) {
  const ColumnFigures& plan = *figures.plan;
  figures.nulls += column.null_count();
  if (plan.min || plan.max || plan.mean || plan.freshness) {
    int64_t least = -1, greatest = -1;
    for (int64_t row = 0; row < column.length(); ++row) {
      if (column.IsNull(row)) continue;
      const long double value = number_of(column, row);
      if (std::isnan(value)) continue;
      ++figures.numbers;
      figures.sum += value;
      if (!figures.least || value < *figures.least) figures.least = value, least = row;
      if (!figures.greatest || value > *figures.greatest) figures.greatest = value, greatest = row;
    }
    if (least >= 0) figures.least_text = value_text(column, least);
    if (greatest >= 0) figures.greatest_text = value_text(column, greatest);
  }
  if (!figures.seen) return {};
  const auto alone = arrow::schema({arrow::field(plan.name, plan.type)});
  figures.digester->digest(*arrow::RecordBatch::Make(alone, column.length(), {arrow::MakeArray(column.data())}),
                           figures.digests);
  TRY(figures.seen->insert(figures.digests, {}, figures.fresh));
  for (size_t row = 0; row < figures.fresh.size(); ++row)
    figures.different += figures.fresh[row] != 0 && column.IsValid(static_cast<int64_t>(row)) ? 1 : 0;
  return {};
}

void WholeFigures::judge(const std::string& figure, const std::optional<ReadBound>& bound,
                         std::optional<long double> value, std::string text) {
  if (!bound) return;
  if (!value) {
    wrong_.push_back(fmt::format("{} has no value", figure));
    return;
  }
  now_[figure] = static_cast<double>(*value);
  const bool share = figure.starts_with("share of NULL");
  const auto off = [&](long double by) { return share ? percent(by) : shown(by); };
  if (bound->min && *value < *bound->min)
    wrong_.push_back(fmt::format("{} is {}: at least {} was expected ({} less)", figure, text, bound->min_text,
                                 off(*bound->min - *value)));
  if (bound->max && *value > *bound->max)
    wrong_.push_back(fmt::format("{} is {}: at most {} was expected ({} more)", figure, text, bound->max_text,
                                 off(*value - *bound->max)));
  const auto last = last_.find(figure);
  if (!bound->change || last == last_.end()) return;
  const long double before = last->second;
  const long double change = *value == before ? 0 : (*value - before) / std::fabs(before);
  if (std::fabs(change) <= *bound->change) return;
  const std::string was = share ? percent(before) : shown(before);
  wrong_.push_back(fmt::format("{} is {} and was {} in the last run: it changed by {:+.4g}%, at most {} was expected",
                               figure, text, was, static_cast<double>(change * 100), bound->change_text));
}

void WholeFigures::judge_column(const OfColumn& figures) {
  const ColumnFigures& plan = *figures.plan;
  const auto named = [&](const char* figure) { return fmt::format("{} of `{}`", figure, plan.name); };
  const long double nulls = rows_ == 0 ? 0 : static_cast<long double>(figures.nulls) / static_cast<long double>(rows_);
  judge(named("share of NULL"), plan.nulls, nulls, percent(nulls));
  judge(named("number of distinct values"), plan.distinct, figures.different, std::to_string(figures.different));
  judge(named("min"), plan.min, figures.least, figures.least_text);
  judge(named("max"), plan.max, figures.greatest, figures.greatest_text);
  std::optional<long double> mean;
  if (figures.numbers > 0) mean = figures.sum / static_cast<long double>(figures.numbers);
  judge(named("mean"), plan.mean, mean, mean ? shown(*mean) : "");
  if (!plan.freshness) return;
  if (!figures.greatest) {
    wrong_.push_back(fmt::format("newest value of `{}`: there is none", plan.name));
    return;
  }
  const auto age = env_.now_us() - static_cast<int64_t>(*figures.greatest / per_second(*plan.type) * 1e6L);
  if (age <= plan.freshness->us) return;
  const int64_t second = 1'000'000;
  wrong_.push_back(fmt::format("newest value of `{}` is {}, {} old: at most {} was expected ({} more)", plan.name,
                               figures.greatest_text, duration_text({age / second * second}),
                               duration_text(*plan.freshness),
                               duration_text({(age - plan.freshness->us) / second * second})));
}

Result<> WholeFigures::verdict() {
  judge("row_count", plan_->row_count, static_cast<long double>(rows_), std::to_string(rows_));
  for (const auto& figures : columns_) judge_column(*figures);
  if (wrong_.empty()) return {};
  return data_error("", fmt::format("the whole input is not as expected: {}", fmt::join(wrong_, "; ")),
                    "nothing was published; mend the input, or the expectation under `whole`");
}

void WholeFigures::save(State& state) const {
  for (const auto& [figure, value] : now_) {
    const auto last = last_.find(figure);
    if (last == last_.end() || last->second != value) state.put(figure, fmt::format("{}", value));
  }
}

Result<> WholeFigures::load(std::string_view key, std::string_view value) {
  const auto number = parse_number(value);
  if (!number) return external_error("check", fmt::format("`{}` in the state folder is not what was written", key));
  last_[std::string(key)] = *number;
  return {};
}

}  // namespace trommel
