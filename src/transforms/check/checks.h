// A `check`, bound: what is asked of which column.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "component/component.h"
#include "transforms/check/reference_values.h"
#include "transforms/check/rules.h"
#include "transforms/check/settings.h"
#include "transforms/check/sql_rules.h"
#include "transforms/check/whole.h"

namespace trommel {

struct Checked {
  int from = -1;  ///< index in the input; -1: missing, all NULL
  std::string name;
  Type type;
  bool cast = false;
  bool nullable = true;
};

struct UniqueKey {
  std::vector<int> columns;  ///< of the checked rows
  std::string names;         ///< for people
  int64_t within_us = 0;     ///< 0: for ever
  std::string compares;      ///< the columns with their types
};

struct OutlierCheck {
  int column = 0;  ///< of the checked rows
  std::string name;
  OutlierMethod method = OutlierMethod::iqr;
  double factor = 0;
  OutlierAction action = OutlierAction::reject;
  std::string flag;  ///< name of the column that says which they are, for `flag`
};

struct Checks {
  Schema schema;  ///< of the rows that are checked
  Schema out;     ///< of the rows that go on: with the flags behind them
  std::vector<Checked> columns;
  std::vector<std::pair<size_t, ColumnRules>> rules;  ///< by column of `columns`
  std::vector<std::pair<size_t, std::shared_ptr<ReferenceValues>>> exists;
  std::shared_ptr<const std::vector<SqlRule>> sql;
  std::vector<UniqueKey> unique;
  std::vector<OutlierCheck> outliers;
  std::shared_ptr<const WholePlan> whole;
  bool same_columns = true;  ///< rows leave with the very columns that they came with

  /// Rows are remembered, or set aside.
  bool remembers() const { return !unique.empty() || !outliers.empty() || whole != nullptr; }
};

/// Reads the settings against the columns that come in. Mistakes go to `problems`; the error is for what the outside
/// did.
Result<std::shared_ptr<const Checks>> bind_checks(const CheckConfig& config, const Node& settings,
                                                  const InputInfo& input, const BindContext& context,
                                                  Problems& problems);

}  // namespace trommel
