// SELECT texts of a pipeline file for ClickHouse. A text is the server's own SQL; so that one file does for every
// store, a few words that the others know are put as ClickHouse has them:
//
//   date_trunc('hour', x)        on engines before 20.8: toStartOfHour(x)
//   TRY_CAST(x AS TIMESTAMP)     parseDateTime64BestEffortOrNull(toString(x), 6); likewise DATE, numbers and VARCHAR
//   $name                        a parameter
//
// Everything else goes to the server as it stands. Comments, texts in quotes and quoted names are passed over.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/clickhouse/client.h"

namespace trommel::clickhouse {

/// The settings of a SELECT that make names, NULL and times mean what they mean elsewhere.
Settings standard_settings(const Engine& engine);

/// The text with all but its parameters as ClickHouse has it.
std::string to_clickhouse(std::string_view sql, const Engine& engine);

/// The names behind `$`, each once, in the order of the text.
std::vector<std::string> parameters_in(std::string_view sql);
/// The text with each `$name` replaced by what `written` makes of the name.
std::string with_parameters(std::string_view sql, const std::function<std::string(std::string_view name)>& written);

/// The SELECT with `subselect` in place of the table that it reads, under the name that the table has there. Nothing
/// where it does not read `table` in the only FROM of its own.
std::optional<std::string> reading(std::string_view sql, std::string_view table, std::string_view subselect);

/// Whether two names are the same but for the case of letters.
bool same_name(std::string_view a, std::string_view b);
/// Whether a name stands in the text, in any case and with or without quotes of its own; not in texts or comments.
bool names_in(std::string_view sql, std::string_view name);
/// Whether a text in quotes has a backslash, which ClickHouse reads as the begin of an escape and others do not.
bool has_escapes(std::string_view sql);

}  // namespace trommel::clickhouse
