// Who holds a lock of Env::lock, asked without taking it: a look must not keep a run out.
#pragma once

#include <optional>
#include <string>

namespace trommel {

/// What the holder wrote about itself; nothing when nobody holds it. Locks of other machines on a network file system
/// are not seen.
std::optional<std::string> lock_holder(const std::string& path);

}  // namespace trommel
