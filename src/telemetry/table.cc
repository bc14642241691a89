#include "telemetry/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "telemetry/terminal.h"

namespace trommel {

namespace {

constexpr int gap = 2;        // cells between columns
constexpr int narrowest = 8;  // a column is not cut below this
constexpr std::string_view dash = "─";

int total(const std::vector<int>& widths, size_t columns) {
  return std::accumulate(widths.begin(), widths.begin() + static_cast<std::ptrdiff_t>(columns), 0) +
         gap * static_cast<int>(columns > 0 ? columns - 1 : 0);
}

// Takes cells from the widest columns until all fit, and gives up columns at the end when none can be cut further.
size_t fit(std::vector<int>& widths, int width) {
  size_t columns = widths.size();
  if (width <= 0) return columns;
  std::vector<int> natural = widths;
  while (columns > 1) {
    widths.assign(natural.begin(), natural.begin() + static_cast<std::ptrdiff_t>(columns));
    while (total(widths, columns) > width) {
      const auto widest = std::max_element(widths.begin(), widths.end());
      if (*widest <= narrowest) break;
      --*widest;
    }
    if (total(widths, columns) <= width) return columns;
    --columns;
  }
  widths.assign(1, std::min(natural.front(), width));
  return 1;
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::vector<int> Table::widths() const {
  std::vector<int> widths;
  for (const Column& column : columns_) widths.push_back(display_width(column.name));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  return widths;
}

int Table::width() const {
  const std::vector<int> cells = widths();
  return total(cells, cells.size());
}

std::string Table::text(int width) const {
  if (columns_.empty()) return {};
  std::vector<int> cells = widths();
  const size_t shown = fit(cells, width);
  std::string out;
  const auto line = [&](const auto& cell) {
    std::string row;
    for (size_t i = 0; i < shown; ++i) {
      const std::string text =
          columns_[i].keep_end ? cut_front_to_width(cell(i), cells[i]) : cut_to_width(cell(i), cells[i]);
      const std::string blanks(static_cast<size_t>(std::max(0, cells[i] - display_width(text))), ' ');
      if (i > 0) row += std::string(gap, ' ');
      row += columns_[i].align == Align::right ? blanks + text : text + blanks;
    }
    row.erase(row.find_last_not_of(' ') + 1);
    out += row + '\n';
  };
  const auto rule_line = [&] {
    std::string row;
    for (size_t i = 0; i < shown; ++i) {
      if (i > 0) row += std::string(gap, ' ');
      for (int cell = 0; cell < cells[i]; ++cell) row += dash;
    }
    out += row + '\n';
  };
  line([&](size_t i) -> const std::string& { return columns_[i].name; });
  rule_line();
  for (size_t r = 0; r < rows_.size(); ++r) {
    if (std::find(rules_.begin(), rules_.end(), r) != rules_.end() && r > 0) rule_line();
    line([&](size_t i) -> const std::string& { return rows_[r][i]; });
  }
  if (shown < columns_.size()) {
    std::string names;
    for (size_t i = shown; i < columns_.size(); ++i) names += (names.empty() ? "" : ", ") + columns_[i].name;
    out += cut_to_width(fmt::format("… and {} more: {}", columns_.size() - shown, names), width) + '\n';
  }
  return out;
}

}  // namespace trommel
