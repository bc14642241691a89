// The manual page trommel.1, from the command line's own description and the components' Specs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "spec/spec.h"

namespace trommel::cli {

/// In roff's man macros. `described` are what `describe` knows: kind and Spec.
std::string manual_page(const Command& trommel, const std::vector<std::pair<std::string, const SpecInfo*>>& described,
                        const std::string& version);

}  // namespace trommel::cli
