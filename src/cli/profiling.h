// Profiling what the command line names: a data file through the components' own reader, or a table of a store.
#pragma once

#include <string>

#include "cli/data_file.h"
#include "profile/profile.h"

namespace trommel::cli {

struct ProfileOptions {
  std::string table;  ///< of a store; empty: its only one
  FileOptions reading;
  int64_t memory_bytes = 0;  ///< 0: a share of the machine's
};

/// Whether `from` names a DuckDB store: `duckdb:FILE`, or a file with an extension of one.
bool is_store(const std::string& from);

/// Rows of a file are put into a database of their own in a scratch folder first, so that memory stays bounded.
Result<profile::Profile> profile_of(Session& session, const std::string& from, const ProfileOptions& options,
                                    Problems& problems);

}  // namespace trommel::cli
