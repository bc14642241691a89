// What must hold of all rows together: figures of the input, told against bounds and against the last run.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "component/component.h"
#include "spill/seen_rows.h"
#include "transforms/check/settings.h"

namespace trommel {

/// A bound with its texts read; figures are told as `long double`, which holds every int64.
struct ReadBound {
  std::optional<long double> min, max, change;
  std::string min_text, max_text, change_text;
};

struct ColumnFigures {
  int at = 0;  ///< in the schema
  std::string name;
  Type type;
  std::optional<ReadBound> nulls, distinct, min, max, mean;
  std::optional<Duration> freshness;
};

struct WholePlan {
  std::optional<ReadBound> row_count;
  std::vector<ColumnFigures> columns;
};

/// `whole` is the node of the settings; mistakes go to `problems`.
std::shared_ptr<const WholePlan> bind_whole(const WholeExpectation& expected, const Node& whole,
                                            const arrow::Schema& schema, Problems& problems);

/// One thread at a time.
class WholeFigures {
 public:
  WholeFigures(std::shared_ptr<const WholePlan> plan, Env& env, const std::string& folder, int64_t memory);
  ~WholeFigures();

  Result<> add(const arrow::RecordBatch& rows);
  /// After the last row: every figure that is not as expected, in one error (`data`).
  Result<> verdict();
  /// The figures, for the next run.
  void save(State& state) const;
  Result<> load(std::string_view key, std::string_view value);

 private:
  struct OfColumn;
  Result<> add_column(OfColumn& figures, const arrow::Array& column);
  void judge(const std::string& figure, const std::optional<ReadBound>& bound, std::optional<long double> value,
             std::string text);
  void judge_column(const OfColumn& figures);

  std::shared_ptr<const WholePlan> plan_;
  Env& env_;
  int64_t rows_ = 0;
  std::vector<std::unique_ptr<OfColumn>> columns_;
  std::map<std::string, double> last_, now_;  // by figure
  std::vector<std::string> wrong_;
};

}  // namespace trommel
