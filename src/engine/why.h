// Why an input was refused as a whole, for the person who dropped it: which rows, what is wrong, how to mend it.
#pragma once

#include <string>
#include <vector>

#include "engine/machines.h"

namespace trommel {

/// One line: `line 17: age: "abc" is no integer, and 2 rows more`.
std::string why_in_short(const RefusedInput& input);

/// The page that is laid beside a refused file. `unit` is all splits of the file: one, or the members of an archive.
std::string why_page(const std::vector<RefusedInput>& unit, const std::string& name, int64_t now_us);

/// The record that stands for an input which could not be read on.
Reject unreadable(const std::string& pipeline, const Split& split, Error error);

}  // namespace trommel
