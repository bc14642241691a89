// What an epoch of an endless run has done, a line an action, as people read it in the log. (A bounded run has its
// balance sheet at the end.)
#pragma once

#include <string>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/ledger.h"
#include "engine/plan.h"

namespace trommel {

/// Paths below `folder` are shown from there on. `inputs`: say which were taken.
std::vector<std::string> news_of(const Checkpoint& checkpoint, const Plan& plan, Ledger& ledger,
                                 const std::string& folder, bool inputs);

}  // namespace trommel
