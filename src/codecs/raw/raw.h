// Messages as they are: each is the value of one column, text or binary.
#pragma once

#include "component/message.h"

namespace trommel {

MessageFormat raw_messages();

}  // namespace trommel
