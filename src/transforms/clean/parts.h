// One column of text into several, and several into one.
#pragma once

#include <string>
#include <vector>

#include "transforms/clean/values.h"

namespace trommel {

/// Cut at each `by`, into so many columns: parts that are missing are NULL, too many stay in the last. Blanks around a
/// part go. NULL gives NULLs.
Result<std::vector<ArrayPtr>> split_text(const ArrayPtr& texts, const std::string& by, size_t parts);

/// The values as text with `by` between them, NULLs left out; NULL where all are.
Result<ArrayPtr> merge_text(const std::vector<ArrayPtr>& columns, const std::string& by);

}  // namespace trommel
