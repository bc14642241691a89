// Answers of DuckDB as texts: what the measurements of a profile are read from. Only for this folder's .cc files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "query/database.h"

namespace trommel::profile {

/// Rows of texts; NULL is nullopt. Every expression of the query must be text.
using Answer = std::vector<std::vector<std::optional<std::string>>>;
Result<Answer> ask(query::Connection& connection, const std::string& sql);

int64_t to_count(const std::optional<std::string>& text);  ///< 0 for NULL
std::optional<double> to_number(const std::optional<std::string>& text);

/// `CAST(a AS VARCHAR), CAST(b AS VARCHAR)`.
std::string as_texts(const std::vector<std::string>& expressions);

}  // namespace trommel::profile
