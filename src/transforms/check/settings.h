// What one writes under `check:`.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "spec/spec.h"

namespace trommel {

enum class OutlierMethod { iqr, zscore, mad };
enum class OutlierAction { reject, flag, warn };
enum class WholeRow { row };

template <>
struct EnumNames<OutlierMethod> {
  static constexpr EnumName<OutlierMethod> list[] = {
      {"iqr", OutlierMethod::iqr}, {"zscore", OutlierMethod::zscore}, {"mad", OutlierMethod::mad}};
};
template <>
struct EnumNames<OutlierAction> {
  static constexpr EnumName<OutlierAction> list[] = {
      {"reject", OutlierAction::reject}, {"flag", OutlierAction::flag}, {"warn", OutlierAction::warn}};
};
template <>
struct EnumNames<WholeRow> {
  static constexpr EnumName<WholeRow> list[] = {{"row", WholeRow::row}};
};

/// `outliers:` of a column.
struct OutlierRule {
  OutlierMethod method = OutlierMethod::iqr;
  std::optional<double> factor;
  OutlierAction action = OutlierAction::reject;
  std::string flag;
  static const Spec<OutlierRule>& spec();
};

/// `exists_in:`.
struct ExistsRule {
  std::string table, column;
  static const Spec<ExistsRule>& spec();
};

/// Rules as they are written, for one column or in a list.
struct Rule {
  std::string column, name;
  std::optional<std::string> type, min, max, pattern, sql;
  bool required = false;
  std::optional<int64_t> min_length, max_length;
  std::vector<std::string> allowed;
  std::optional<ExistsRule> exists_in;
  std::variant<bool, WholeRow, std::vector<std::string>> unique = false;
  std::optional<Duration> within;
  std::optional<OutlierRule> outliers;

  static const Spec<Rule>& spec();
  bool is_unique() const { return !std::holds_alternative<bool>(unique) || std::get<bool>(unique); }
  bool is_of_column() const {
    const bool unique_column = std::holds_alternative<bool>(unique) && std::get<bool>(unique);
    return type || min || max || pattern || required || min_length || max_length || !allowed.empty() || exists_in ||
           outliers || unique_column;
  }
};

/// What a figure of the whole input may be.
struct FigureBound {
  std::optional<std::string> min, max, change;
  static const Spec<FigureBound>& spec();
};

/// `whole: columns: COLUMN:`.
struct ColumnExpectation {
  std::optional<FigureBound> nulls, distinct, min, max, mean;
  std::optional<Duration> freshness;
  static const Spec<ColumnExpectation>& spec();
};

/// `whole:`.
struct WholeExpectation {
  std::optional<FigureBound> row_count;
  Pairs<ColumnExpectation> columns;
  static const Spec<WholeExpectation>& spec();
};

struct CheckConfig {
  std::optional<std::variant<Path, Pairs<Node>>> contract;
  std::variant<Pairs<Rule>, std::vector<Rule>> rules;
  std::optional<WholeExpectation> whole;
  std::optional<ByteSize> memory;
};
const Spec<CheckConfig>& check_spec();

}  // namespace trommel
