// How a split is called among those of all sources.
#pragma once

#include <string>

#include "batch/batch.h"

namespace trommel {

/// An id (of a split, a unit, a content) is unique within its source only.
inline std::string split_key(const std::string& source, const std::string& id) { return source + "\n" + id; }
inline std::string split_key(const Split& split) { return split_key(split.source, split.id); }
/// Of what it is put away with: a file, which may be an archive of several splits.
inline std::string unit_key(const Split& split) { return split_key(split.source, split.unit_id()); }

}  // namespace trommel
