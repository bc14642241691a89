// Commit groups: the connected parts of a pipeline. Each closes, saves and publishes its own epochs, so that none waits
// for a sink of another: two parts are connected by rows that go from one to the other, and by a store that both write
// to, whose commits would wait for each other anyway.
//
// STATE/groups.json       which parts of the pipeline belong to which group, kept so that a group finds its state again
// STATE                   the state of the first group
// STATE/groups/NAME       that of each further one; NAME is that of its first source
//
// A run that has an end publishes everything together, and is one group.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "config/pipeline.h"
#include "engine/plan.h"

namespace trommel {

struct CommitGroup {
  std::string name;
  std::string folder;         ///< of its state
  std::vector<size_t> nodes;  ///< of the plan, ascending
};

/// What STATE/groups.json says. Names stay known when their part has gone: its epochs were in that group.
struct KnownGroups {
  struct Group {
    std::string name, folder;     ///< the latter below STATE; empty: STATE itself
    std::set<std::string> parts;  ///< `source NAME`, `transform NAME`, `sink NAME`
    bool operator==(const Group&) const = default;
  };
  std::vector<Group> groups;
  bool operator==(const KnownGroups&) const = default;
};
Result<KnownGroups> read_known_groups(Env& env, const std::string& state);
Result<> write_known_groups(Env& env, const std::string& state, const KnownGroups& known);

/// The groups of a plan, the first at STATE itself, and `known` with what is new about them. What ran as one group goes
/// on as one: where there are epochs and nothing is known (`has_run`), and where parts of a known group are no longer
/// connected. Parts of two known groups that have become connected are a problem: there is no one epoch to go on from.
std::vector<CommitGroup> commit_groups(const Plan& plan, const Pipeline& pipeline, bool has_run, KnownGroups& known,
                                       Problems& problems);

/// The plan of a group alone. The memory for what is under way is shared between `groups` of them.
Plan plan_of_group(const Plan& plan, const CommitGroup& group, size_t groups);

/// Where a pipeline's state is: a name and a folder for each group, STATE first.
struct GroupFolder {
  std::string name;  ///< empty: of the one group that there is
  std::string folder;
};
std::vector<GroupFolder> group_folders(const KnownGroups& known, const std::string& state);
/// For a look from outside of a run: where groups.json cannot be read, there is STATE.
std::vector<GroupFolder> group_folders(Env& env, const std::string& state);

}  // namespace trommel
