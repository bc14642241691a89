#include "cli/profiling.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/scratch.h"

namespace trommel::cli {

namespace {

int64_t memory_for(Session& session, const ProfileOptions& options) {
  return options.memory_bytes > 0 ? options.memory_bytes
                                  : std::min<int64_t>(session.env.memory_bytes() / 2, int64_t{4} << 30);
}

Result<std::string> table_of_store(query::Connection& connection, const std::string& store, const std::string& wanted) {
  ASSIGN(const auto batches,
         connection.all("SELECT table_schema, table_name FROM information_schema.tables "
                        "WHERE table_catalog = current_database() ORDER BY table_schema, table_name"));
  std::vector<std::string> names;
  std::vector<std::string> quoted;
  for (const Rows& rows : batches) {
    for (int64_t row = 0; row < rows->num_rows(); ++row) {
      const std::string schema = value_text(*rows->column(0), row), table = value_text(*rows->column(1), row);
      names.push_back(schema == "main" ? table : schema + "." + table);
      quoted.push_back(query::quote_name(schema) + "." + query::quote_name(table));
    }
  }
  if (names.empty()) return external_error(store, "there is no table in it");
  if (wanted.empty() && names.size() == 1) return quoted.front();
  const auto found = std::find(names.begin(), names.end(), wanted);
  if (found != names.end()) return quoted[static_cast<size_t>(found - names.begin())];
  const std::string near = did_you_mean(wanted, names);
  return external_error(
      store, wanted.empty() ? "which table is meant?" : "there is no table `" + wanted + "`",
      near.empty() ? fmt::format("it holds {}", fmt::join(names, ", ")) : "did you mean `" + near + "`?");
}

Result<profile::Profile> profile_store(Session& session, const std::string& from, const ProfileOptions& options,
                                       const std::string& scratch) {
  query::Options how;
  how.path = from.starts_with("duckdb:") ? from.substr(7) : from;
  if (!session.env.exists(how.path)) return external_error(how.path, "there is no such file");
  how.read_only = true;
  how.memory_bytes = memory_for(session, options);
  how.spill_folder = scratch + "/spill";
  ASSIGN(const auto database, query::Database::open(how));
  ASSIGN(const auto connection, database->connect());
  ASSIGN(const std::string table, table_of_store(*connection, how.path, options.table));
  ASSIGN(auto profile, profile::make_profile(*connection, table));
  profile.name = name_of(how.path) + (options.table.empty() ? "" : " " + options.table);
  return profile;
}

Result<profile::Profile> profile_file(Session& session, const std::string& from, const ProfileOptions& options,
                                      const std::string& scratch, Problems& problems) {
  ASSIGN(const auto source, bind_file(session, from, options.reading, scratch, problems));
  if (!problems.empty()) return profile::Profile();
  query::Options how;
  how.path = scratch + "/rows.duckdb";
  how.memory_bytes = memory_for(session, options);
  how.spill_folder = scratch + "/spill";
  ASSIGN(const auto database, query::Database::open(how));
  ASSIGN(const auto connection, database->connect());
  ASSIGN(const LoadedRows loaded, load_rows(*connection, *source, "rows_read"));
  ASSIGN(auto profile, profile::make_profile(*connection, "rows_read"));
  profile.name = from == "-" ? "standard input" : from;
  profile.guesses = source->notes();
  profile.null_markers = source->null_markers();
  profile.unread = loaded.unread;
  profile.names_changed = loaded.names_changed;
  for (const UnreadRow& row : loaded.first_unread) profile.first_unread.push_back({row.place, row.reason});
  ASSIGN(const auto splits, source->discover());
  profile.bytes = 0;
  for (const Split& split : splits) profile.bytes = split.size < 0 ? -1 : profile.bytes + split.size;
  if (splits.size() == 1) {
    profile.name = name_of(splits.front().name);
    for (std::string& guess : profile.guesses) {
      if (guess.starts_with(splits.front().name + ": ")) guess = guess.substr(splits.front().name.size() + 2);
    }
  }
  return profile;
}

}  // namespace

bool is_store(const std::string& from) {
  return from.starts_with("duckdb:") || from.ends_with(".duckdb") || from.ends_with(".db") || from.ends_with(".ddb");
}

Result<profile::Profile> profile_of(Session& session, const std::string& from, const ProfileOptions& options,
                                    Problems& problems) {
  const ScratchFolder scratch(session.env);
  ASSIGN(const std::string folder, scratch.path());
  if (is_store(from)) return profile_store(session, from, options, folder);
  if (!options.table.empty()) {
    problems.add({on_command_line, 0, 0}, "only a store has tables, and " + from + " is none", "leave TABLE out");
    return profile::Profile();
  }
  return profile_file(session, from, options, folder, problems);
}

}  // namespace trommel::cli
