// The formats of messages that a source or sink was given, and the one that its settings name.
#pragma once

#include <string>
#include <vector>

#include "component/message.h"

namespace trommel::kafka {

/// Null: there is none of that name, which `problems` tells.
const MessageFormat* find_format(const std::vector<MessageFormat>& formats, const std::string& name, const Node& node,
                                 Problems& problems);

/// `own` with the settings of the formats beside it.
SpecInfo spec_with(const SpecInfo& own, const std::vector<MessageFormat>& formats);

}  // namespace trommel::kafka
