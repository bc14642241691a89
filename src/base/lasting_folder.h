// Folders whose names last: what lies in a folder is lost in a power cut with the folder's own name.
#pragma once

#include <string>

#include "base/env.h"

namespace trommel {

/// Makes `path` with all that is missing above it, and syncs every folder that a name was added to.
Result<> make_lasting_directories(Env& env, const std::string& path);

}  // namespace trommel
