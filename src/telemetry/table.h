// Rows and columns of text for a terminal, or for a log that people read.
#pragma once

#include <string>
#include <vector>

namespace trommel {

class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string name;
    Align align = Align::left;
    bool keep_end = false;  ///< where it must be cut: its beginning goes (paths with a line at their end)
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<std::string>
               cells);  ///< missing cells are empty; line ends and control characters are shown as `\n`, `\x1b`
  void rule() { rules_.push_back(rows_.size()); }  ///< a line between the rows so far and the next
  size_t rows() const { return rows_.size(); }
  int width() const;  ///< in cells, where nothing is cut

  /// A head, a rule, the rows; every line ends with \n. `width` in cells: where the table is wider, the widest columns
  /// are cut, each keeping at least eight cells, and columns that still do not fit are left out and named below. 0: as
  /// wide as it is.
  std::string text(int width = 0) const;

 private:
  std::vector<int> widths() const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> rules_;
};

}  // namespace trommel
