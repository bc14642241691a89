// The reject budget: how many rows may be refused before nothing is published.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/plan.h"
#include "engine/rejects.h"

namespace trommel {

/// Whether so many rejects are too many.
bool is_over(const RejectBudget& budget, int64_t read, int64_t rejected);

/// What counts against `max_rejects`: the rows of a bounded run, or of one epoch of an endless one.
struct Judgement {
  const Balance& balance;
  const std::vector<std::pair<std::string, int64_t>>& rejects_by_source;
  const std::vector<Reject>& first_rejects;
  bool endless = false;  ///< a share is judged from 1,000 rows on only: one bad row of ten says little about a stream
};

/// Empty when the rows may be published; else why not, which rows, and what to write to allow them.
/// Inputs that a source refuses as a whole do not count: they have their own outcome.
std::string over_budget(const Plan& plan, const Judgement& judgement);

}  // namespace trommel
