// The steps of a profile. Only for this folder's .cc files.
#pragma once

#include "profile/answer.h"
#include "profile/profile.h"

namespace trommel::profile {

/// The temporary table of one column's values, `value` and `n` rows each, that the steps below read.
inline constexpr const char* column_values = "trommel_column_values";

/// `value` of that table as a number: times as seconds since 1970.
std::string number_of(const Column& column, const std::string& expression);

/// Quantiles (from `table`), histogram and far values of numbers and times.
Result<> measure_order(query::Connection& connection, const std::string& table, Column& column);
/// Shapes and odd values of text.
Result<> measure_text(query::Connection& connection, Column& column);
/// What the figures suggest; last, since it reads them.
Result<> suggest_rules(query::Connection& connection, int64_t rows, Column& column);

/// Texts that people write where they mean nothing, in lower case.
std::string marker_list();

}  // namespace trommel::profile
