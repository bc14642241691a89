// A `tables:` entry: a source that is read whole, for lookups.
#pragma once

#include <memory>
#include <string>

#include "component/component.h"

namespace trommel {

/// Reads all of it once, to settle guessed types and to find rows that cannot be read: a lookup with holes would make
/// wrong rows, so one bad row is an error.
Result<ReferenceTable> make_reference_table(const std::string& name, std::shared_ptr<Source> source);

}  // namespace trommel
