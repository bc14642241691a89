// Settings of two parts in one map: a connector's own and, beside them, those of the format that it reads or writes.
#pragma once

#include <string>
#include <vector>

#include "spec/spec.h"

namespace trommel {

/// One description of `own` and of the formats' settings, for help, checks and the JSON Schema.
SpecInfo merged_spec(const SpecInfo& own, const std::vector<const SpecInfo*>& formats);

/// The entries of `settings` that `spec` knows. A scalar or list stands for the spec's own field of that kind.
Node settings_for(const Node& settings, const SpecInfo& spec);

}  // namespace trommel
