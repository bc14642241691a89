// The command line: a verb, what it works on, options. One file a verb beside this one.
#pragma once

#include <string>

#include "component/component.h"

namespace trommel {

/// Runs one command and returns the process's exit code: 0 done, 1 the data or the outside said no, 2 a mistake of
/// ours, 64 a wrong command line, 78 a wrong configuration.
int run_command(int argc, char** argv, const Components& components, const std::string& version);

}  // namespace trommel
