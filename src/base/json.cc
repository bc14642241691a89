#include "base/json.h"

namespace trommel {

Result<Json> parse_json(std::string_view text, const std::string& where) {
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return external_error(where, "is not JSON: " + std::string(text.substr(0, 80)));
  return value;
}

std::string json_line(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace trommel
