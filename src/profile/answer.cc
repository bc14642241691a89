#include "profile/answer.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace trommel::profile {

Result<Answer> ask(query::Connection& connection, const std::string& sql) {
  ASSIGN(const auto batches, connection.all(sql));
  Answer out;
  for (const Rows& rows : batches) {
    for (int64_t row = 0; row < rows->num_rows(); ++row) {
      auto& cells = out.emplace_back();
      for (const auto& column : rows->columns()) {
        cells.emplace_back(column->IsNull(row) ? std::nullopt : std::optional(value_text(*column, row)));
      }
    }
  }
  return out;
}

std::optional<double> to_number(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  double value = 0;
  const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (code != std::errc() || end != text->data() + text->size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

int64_t to_count(const std::optional<std::string>& text) {
  int64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

std::string as_texts(const std::vector<std::string>& expressions) {
  std::string out;
  for (const std::string& expression : expressions)
    out += fmt::format("{}CAST({} AS VARCHAR)", out.empty() ? "" : ", ", expression);
  return out;
}

}  // namespace trommel::profile
