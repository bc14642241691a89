#include "transforms/clean/value_map.h"

#include <arrow/api.h>
#include <fmt/format.h>

namespace trommel {
namespace {

template <class Builder>
Result<ValueMap::Outcome> finish(Builder& builder, ValueMap::Outcome out) {
  if (const auto status = builder.Finish(&out.column); !status.ok())
    return tl::unexpected(from_arrow(status, "clean: map"));
  return out;
}

}  // namespace

ValueMap::ValueMap(const MapRule& rule, std::optional<ReferenceTable> table)
    : table_(std::move(table)), from_(rule.from), to_(rule.to), otherwise_(rule.otherwise) {
  for (const auto& pair : rule.values) values_[pair.key] = pair.value;
}

Result<> ValueMap::load() {
  if (!table_) return {};
  std::call_once(once_, [this] { loaded_ = read(); });
  return loaded_;
}

Result<> ValueMap::read() {
  return table_->read([this](const Batch& batch) -> Result<> {
    const auto from = batch.rows->GetColumnByName(from_), to = batch.rows->GetColumnByName(to_);
    for (int64_t row = 0; row < batch.size(); ++row) {
      if (from->IsNull(row)) continue;
      std::optional<std::string> value;
      if (to->IsValid(row)) value = value_text(*to, row);
      const auto [known, fresh] = values_.emplace(value_text(*from, row), value);
      if (!fresh && known->second != value)
        return data_error("", fmt::format("table `{}` says two things of `{}`: `{}` and `{}`", table_->name,
                                          known->first, known->second.value_or("NULL"), value.value_or("NULL")));
    }
    return {};
  });
}

Result<ValueMap::Outcome> ValueMap::apply(const ArrayPtr& texts) const {
  Outcome out{texts, {}};
  int64_t first = 0;  // the first that changes
  for (; first < texts->length(); ++first) {
    if (texts->IsNull(first)) continue;
    const std::string_view text = text_at(*texts, first);
    const auto known = values_.find(text);
    if (known == values_.end() ? otherwise_ != Unmapped::keep : known->second != text) break;
  }
  if (first == texts->length()) return out;
  arrow::StringBuilder builder;
  for (int64_t row = 0; row < texts->length(); ++row) {
    auto status = arrow::Status::OK();
    const std::string_view text = texts->IsNull(row) ? std::string_view() : text_at(*texts, row);
    const auto known = texts->IsNull(row) ? values_.end() : values_.find(text);
    if (texts->IsNull(row) || (known != values_.end() && !known->second)) {
      status = builder.AppendNull();
    } else if (known != values_.end()) {
      status = builder.Append(*known->second);
    } else if (otherwise_ == Unmapped::keep) {
      status = builder.Append(text);
    } else {
      status = builder.AppendNull();
      if (otherwise_ == Unmapped::reject) out.refused.push_back(row);
    }
    if (!status.ok()) return tl::unexpected(from_arrow(status, "clean: map"));
  }
  return finish(builder, std::move(out));
}

}  // namespace trommel
