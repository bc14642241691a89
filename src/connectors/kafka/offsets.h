// How far a source has come in each of its partitions, in a file of the state folder: every message before these
// offsets is in every sink, or in the reject log.
#pragma once

#include <map>
#include <string>

#include "base/env.h"
#include "connectors/kafka/partitions.h"

namespace trommel::kafka {

using Offsets = std::map<Partition, int64_t>;

/// None where there is no such file yet; a damaged one is an error.
Result<Offsets> read_offsets(Env& env, const std::string& path);
Result<> write_offsets(Env& env, const std::string& path, const Offsets& offsets);

}  // namespace trommel::kafka
