#pragma once

#include "component/component.h"

namespace trommel {

/// Every component there is.
Components all_components();

}  // namespace trommel
