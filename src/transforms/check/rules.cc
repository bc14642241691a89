#include "transforms/check/rules.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "batch/compute.h"

namespace trommel {

namespace {

constexpr size_t values_listed = 8;

Result<std::shared_ptr<arrow::Array>> call(const char* function, std::vector<arrow::Datum> arguments,
                                           const arrow::compute::FunctionOptions* options = nullptr) {
  TRY(compute_ready());
  auto out = arrow::compute::CallFunction(function, arguments, options);
  if (!out.ok()) return tl::unexpected(from_arrow(out.status(), std::string("check: ") + function));
  return out->make_array();
}

bool is_text(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRING || type.id() == arrow::Type::LARGE_STRING;
}

template <class Work>
void with_text(const arrow::Array& column, Work&& work) {
  if (column.type_id() == arrow::Type::LARGE_STRING) return work(static_cast<const arrow::LargeStringArray&>(column));
  return work(static_cast<const arrow::StringArray&>(column));
}

int64_t characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; });
}

}  // namespace

ColumnRules::ColumnRules(std::string name, const Type& type, const Rules& rules, const Place& place, Problems& problems)
    : name_(std::move(name)), type_(type), rules_(rules), place_(place), problems_(&problems) {
  if (rules.min) min_ = read({*rules.min}, "min");
  if (rules.max) max_ = read({*rules.max}, "max");
  if (!rules.allowed.empty()) allowed_ = read(rules.allowed, "allowed");
  // An empty column shows what Arrow has no comparison for (lists, structs, uuid).
  const auto tried = [&](const char* rule, const ArrayPtr& bound) {
    auto nothing = arrow::MakeEmptyArray(type);
    if (!bound || !nothing.ok()) return;
    auto scalar = bound->GetScalar(0);
    const arrow::compute::SetLookupOptions set(bound);
    const bool among = bound == allowed_;
    if (!scalar.ok() || !(among ? call("is_in", {*nothing}, &set) : call("greater_equal", {*nothing, *scalar})))
      problems.add(place, fmt::format("column `{}` is {}, which has no `{}`", name_, type_name(*type), rule));
  };
  tried("allowed", allowed_);
  tried("min", min_);
  tried("max", max_);
  if ((rules.min_length || rules.max_length || rules.pattern) && !is_text(*type)) {
    problems.add(place, fmt::format("column `{}` is {}: `{}` is a rule for text", name_, type_name(*type),
                                    rules.pattern      ? "pattern"
                                    : rules.min_length ? "min_length"
                                                       : "max_length"));
  } else if (rules.pattern) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    pattern_ = std::make_unique<re2::RE2>(*rules.pattern, options);
    if (!pattern_->ok())
      problems.add(place,
                   fmt::format("`pattern` of column `{}` is no regular expression: {}", name_, pattern_->error()),
                   "RE2's syntax; the whole value must match");
  }
  problems_ = nullptr;
}

ColumnRules::~ColumnRules() = default;
ColumnRules::ColumnRules(ColumnRules&&) noexcept = default;

ColumnRules::ArrayPtr ColumnRules::read(const std::vector<std::string>& texts, const char* rule) {
  arrow::StringBuilder builder;
  ArrayPtr written;
  if (!builder.AppendValues(texts).ok() || !builder.Finish(&written).ok()) return nullptr;
  auto values = cast_column(written, type_);
  if (values && values->refused.empty() && values->column->null_count() == 0) return values->column;
  const size_t bad = values && !values->refused.empty() ? static_cast<size_t>(values->refused.front()) : 0;
  problems_->add(place_, fmt::format("`{}` of column `{}`: `{}` is no {}", rule, name_, texts[bad], type_name(*type_)));
  return nullptr;
}

void ColumnRules::add(const arrow::Array& column, int64_t row, const char* code, std::string reason,
                      Faults& faults) const {
  faults.add(row, code, name_, value_text(column, row), std::move(reason));
}

Result<> ColumnRules::test(const ArrayPtr& column, const std::vector<int64_t>& skip, Faults& faults) const {
  if (rules_.required && column->null_count() > static_cast<int64_t>(skip.size())) {
    for (int64_t row = 0; row < column->length(); ++row) {
      if (column->IsNull(row) && !std::binary_search(skip.begin(), skip.end(), row))
        add(*column, row, "required", "required: there is no value", faults);
    }
  }
  if (min_) TRY(compare(column, "greater_equal", min_, "min", faults));
  if (max_) TRY(compare(column, "less_equal", max_, "max", faults));
  if (rules_.min_length || rules_.max_length) lengths(*column, faults);
  if (pattern_) patterns(*column, faults);
  if (allowed_) TRY(allowed(column, faults));
  return {};
}

// NaN lies in no range: what is asked is whether a value is within, not whether it is outside.
Result<> ColumnRules::compare(const ArrayPtr& column, const char* function, const ArrayPtr& bound, const char* code,
                              Faults& faults) const {
  auto scalar = bound->GetScalar(0);
  if (!scalar.ok()) return tl::unexpected(from_arrow(scalar.status(), "check"));
  ASSIGN(auto within, call(function, {column, *scalar}));
  const auto& good = static_cast<const arrow::BooleanArray&>(*within);
  if (good.true_count() + good.null_count() == good.length()) return {};
  const bool below = code == std::string_view("min");
  const std::string limit = value_text(*bound, 0);
  for (int64_t row = 0; row < good.length(); ++row) {
    if (good.IsNull(row) || good.Value(row)) continue;
    add(*column, row, code,
        fmt::format("{}: {} is {} {}", code, value_text(*column, row), below ? "below" : "above", limit), faults);
  }
  return {};
}

void ColumnRules::lengths(const arrow::Array& column, Faults& faults) const {
  const int64_t least = rules_.min_length.value_or(0);
  const int64_t most = rules_.max_length.value_or(INT64_MAX);
  with_text(column, [&](const auto& texts) {
    for (int64_t row = 0; row < texts.length(); ++row) {
      const std::string_view text = texts.GetView(row);
      const auto bytes = static_cast<int64_t>(text.size());
      // A character is one to four bytes: most values need no counting.
      if ((bytes <= most && bytes / 4 >= least) || texts.IsNull(row)) continue;
      const int64_t length = characters(text);
      if (length < least)
        add(texts, row, "min_length", fmt::format("min_length: {} characters, at least {} are wanted", length, least),
            faults);
      if (length > most)
        add(texts, row, "max_length", fmt::format("max_length: {} characters, at most {} are allowed", length, most),
            faults);
    }
  });
}

void ColumnRules::patterns(const arrow::Array& column, Faults& faults) const {
  with_text(column, [&](const auto& texts) {
    for (int64_t row = 0; row < texts.length(); ++row) {
      const std::string_view text = texts.GetView(row);
      if (texts.IsNull(row) || re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *pattern_)) continue;
      add(texts, row, "pattern", fmt::format("pattern: `{}` does not match {}", text, *rules_.pattern), faults);
    }
  });
}

Result<> ColumnRules::allowed(const ArrayPtr& column, Faults& faults) const {
  const arrow::compute::SetLookupOptions options(allowed_,
                                                 arrow::compute::SetLookupOptions::NullMatchingBehavior::SKIP);
  ASSIGN(auto found, call("is_in", {column}, &options));
  const auto& good = static_cast<const arrow::BooleanArray&>(*found);
  if (good.true_count() + column->null_count() == good.length()) return {};
  std::string list = fmt::format(
      "{}",
      fmt::join(rules_.allowed.begin(),
                rules_.allowed.begin() + static_cast<std::ptrdiff_t>(std::min(values_listed, rules_.allowed.size())),
                ", "));
  if (rules_.allowed.size() > values_listed) list += fmt::format(" and {} more", rules_.allowed.size() - values_listed);
  for (int64_t row = 0; row < good.length(); ++row) {
    if (column->IsNull(row) || (good.IsValid(row) && good.Value(row))) continue;
    add(*column, row, "allowed", fmt::format("allowed: `{}` is none of {}", value_text(*column, row), list), faults);
  }
  return {};
}

}  // namespace trommel
