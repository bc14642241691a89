// Base64 in the alphabet for addresses, without padding (RFC 4648, section 5).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace trommel::endpoints {

std::string to_base64url(std::string_view bytes);
/// Nothing where the text is not one that `to_base64url` gives.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace trommel::endpoints
