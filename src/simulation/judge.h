// Says what is wrong with a world in which everything was dropped and a last run ended well.
#pragma once

#include <string>
#include <vector>

#include "simulation/world.h"

namespace trommel {

/// Every row is published once, or rejected once, or filtered, or was left out as a double; the balance says so; and
/// nothing is left over. Empty: all is well.
std::vector<std::string> judge(const World& world);

}  // namespace trommel
