// JSON values for small things: checkpoints, reports, reject records. Rows never pass through here. Include from .cc
// files only: the header is heavy.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "nlohmann/json.hpp"

namespace trommel {

using Json = nlohmann::ordered_json;

/// `where` names the file or value in the error.
Result<Json> parse_json(std::string_view text, const std::string& where);
/// One line; text that is not UTF-8 has its bad bytes replaced by U+FFFD.
std::string json_line(const Json& value);

}  // namespace trommel
