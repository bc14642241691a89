// Whether a pipeline goes on where its state folder left off. A new sink, a rule, a wider type: it does. What would
// lose rows, or take what is remembered for something else, is a mistake of the pipeline file, with the ways out.
#pragma once

#include <map>
#include <string>

#include "engine/checkpoint.h"
#include "engine/plan.h"

namespace trommel {

/// By what each transform of the plan remembers rows from epoch to epoch.
std::map<std::string, std::string> remembers_by(const Plan& plan);

/// Compares the plan with what was saved; differences go to `problems`, at the part that they are of.
void check_fits(const StateFolder::Saved& saved, const Plan& plan, const Pipeline& pipeline, Env& env,
                Problems& problems);

}  // namespace trommel
