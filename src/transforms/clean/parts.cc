#include "transforms/clean/parts.h"

#include <arrow/api.h>

namespace trommel {
namespace {

Result<ArrayPtr> finished(arrow::StringBuilder& builder) {
  ArrayPtr out;
  if (const auto status = builder.Finish(&out); !status.ok()) return tl::unexpected(from_arrow(status, "clean"));
  return out;
}

arrow::Status add_parts(std::string_view text, const std::string& by, std::vector<arrow::StringBuilder>& builders) {
  for (size_t part = 0; part < builders.size(); ++part) {
    const bool last = part + 1 == builders.size();
    const size_t end = last ? std::string_view::npos : text.find(by);
    ARROW_RETURN_NOT_OK(builders[part].Append(trimmed(text.substr(0, end))));
    if (end != std::string_view::npos) {
      text.remove_prefix(end + by.size());
      continue;
    }
    for (++part; part < builders.size(); ++part) ARROW_RETURN_NOT_OK(builders[part].AppendNull());
  }
  return arrow::Status::OK();
}

}  // namespace

Result<std::vector<ArrayPtr>> split_text(const ArrayPtr& texts, const std::string& by, size_t parts) {
  std::vector<arrow::StringBuilder> builders(parts);
  for (int64_t row = 0; row < texts->length(); ++row) {
    auto status = arrow::Status::OK();
    if (texts->IsValid(row)) {
      status = add_parts(text_at(*texts, row), by, builders);
    } else {
      for (auto& builder : builders) status &= builder.AppendNull();
    }
    if (!status.ok()) return tl::unexpected(from_arrow(status, "clean: split"));
  }
  std::vector<ArrayPtr> out;
  for (auto& builder : builders) {
    ASSIGN(out.emplace_back(), finished(builder));
  }
  return out;
}

Result<ArrayPtr> merge_text(const std::vector<ArrayPtr>& columns, const std::string& by) {
  std::vector<ArrayPtr> texts;
  for (const ArrayPtr& column : columns) {
    if (is_text(*column->type())) {
      texts.push_back(column);
      continue;
    }
    ASSIGN(auto cast, cast_column(column, text_type()));
    texts.push_back(std::move(cast.column));
  }
  arrow::StringBuilder builder;
  std::string merged;
  for (int64_t row = 0; row < columns.front()->length(); ++row) {
    merged.clear();
    bool any = false;
    for (const ArrayPtr& column : texts) {
      if (column->IsNull(row)) continue;
      if (any) merged += by;
      merged += text_at(*column, row);
      any = true;
    }
    const auto status = any ? builder.Append(merged) : builder.AppendNull();
    if (!status.ok()) return tl::unexpected(from_arrow(status, "clean: merge"));
  }
  return finished(builder);
}

}  // namespace trommel
