#include "engine/commit_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "base/json.h"

namespace trommel {
namespace {

constexpr int kFormat = 1;

std::string path_in(const std::string& state) { return state + "/groups.json"; }

std::string folder_in(const std::string& state, const KnownGroups::Group& group) {
  return group.folder.empty() ? state : state + "/" + group.folder;
}

std::string part_of(const PlanNode& node) {
  switch (node.kind) {
    case PlanNode::Kind::source:
      return "source " + node.name;
    case PlanNode::Kind::transform:
      return "transform " + node.name;
    case PlanNode::Kind::sink:
      return "sink " + node.name;
  }
  return "";
}

/// Sets of numbers that are joined pair by pair.
class Joined {
 public:
  explicit Joined(size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), 0); }
  size_t of(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(size_t a, size_t b) { parent_[std::max(of(a), of(b))] = std::min(of(a), of(b)); }

 private:
  std::vector<size_t> parent_;
};

class Grouping {
 public:
  Grouping(const Plan& plan, const Pipeline& pipeline, KnownGroups& known, Problems& problems)
      : plan_(plan), pipeline_(pipeline), known_(known), problems_(problems), joined_(plan.nodes.size()) {}

  std::vector<CommitGroup> groups(bool all_in_one) {
    if (all_in_one) {
      for (size_t i = 1; i < plan_.nodes.size(); ++i) joined_.join(0, i);
    }
    join_connected();
    join_known();
    std::map<size_t, CommitGroup> by_first;
    for (size_t i = 0; i < plan_.nodes.size(); ++i) by_first[joined_.of(i)].nodes.push_back(i);
    std::vector<CommitGroup> out;
    for (auto& [first, group] : by_first) {
      if (!place(group)) continue;
      out.push_back(std::move(group));
    }
    const auto at_state = [&](const CommitGroup& group) { return group.folder == plan_.state_folder; };
    std::stable_partition(out.begin(), out.end(), at_state);
    return out;
  }

 private:
  void join_connected() {
    std::map<std::string, size_t> stores;
    for (size_t i = 0; i < plan_.nodes.size(); ++i) {
      for (const size_t input : plan_.nodes[i].inputs) joined_.join(input, i);
      if (const std::string& store = plan_.nodes[i].store; !store.empty())
        joined_.join(stores.try_emplace(store, i).first->second, i);
    }
  }

  /// Parts that one group had stay together: their epochs have one number.
  void join_known() {
    std::map<size_t, size_t> first;  // node, by known group
    for (size_t i = 0; i < plan_.nodes.size(); ++i) {
      if (const auto group = known_group(i)) {
        // Two known groups in one: told by `place`, where they are looked for.
        joined_.join(first.try_emplace(*group, i).first->second, i);
      }
    }
  }

  std::optional<size_t> known_group(size_t node) const {
    for (size_t i = 0; i < known_.groups.size(); ++i) {
      if (known_.groups[i].parts.contains(part_of(plan_.nodes[node]))) return i;
    }
    return std::nullopt;
  }

  /// Finds the group's state, or gives it a place. False: it would need to go on from two.
  bool place(CommitGroup& group) {
    std::map<size_t, size_t> claims;  // a node, by known group
    for (const size_t node : group.nodes) {
      if (const auto known = known_group(node)) claims.try_emplace(*known, node);
    }
    if (claims.size() > 1) {
      tell_merged(claims);
      return false;
    }
    const size_t at = claims.empty() ? add_group(group) : claims.begin()->first;
    KnownGroups::Group& known = known_.groups[at];
    for (const size_t node : group.nodes) known.parts.insert(part_of(plan_.nodes[node]));
    group.name = known.name;
    group.folder = folder_in(plan_.state_folder, known);
    return true;
  }

  size_t add_group(const CommitGroup& group) {
    const auto taken = [&](const std::string& name) {
      return std::ranges::find(known_.groups, name, &KnownGroups::Group::name) != known_.groups.end();
    };
    const std::string source = plan_.nodes[group.nodes.front()].name;  // sources come first in a plan
    std::string name = source;
    for (int i = 2; taken(name); ++i) name = fmt::format("{}-{}", source, i);
    known_.groups.push_back({name, known_.groups.empty() ? "" : "groups/" + name, {}});
    return known_.groups.size() - 1;
  }

  void tell_merged(const std::map<size_t, size_t>& claims) {
    const PlanNode& one = plan_.nodes[claims.begin()->second];
    const PlanNode& other = plan_.nodes[std::next(claims.begin())->second];
    problems_.add(
        place_of_part(pipeline_, other.kind, other.name),
        fmt::format("`{}` and `{}` are connected now, and earlier epochs were closed for each by itself", one.name,
                    other.name),
        "keep them apart (another store, or a topic between them), start anew with `run --reset`, or give the "
        "pipeline another name");
  }

  const Plan& plan_;
  const Pipeline& pipeline_;
  KnownGroups& known_;
  Problems& problems_;
  Joined joined_;
};

}  // namespace

Result<KnownGroups> read_known_groups(Env& env, const std::string& state) {
  KnownGroups known;
  const std::string path = path_in(state);
  if (!env.exists(path)) return known;
  ASSIGN(const std::string text, env.read_text(path));
  ASSIGN(const Json json, parse_json(text, path));
  const auto damaged = [&](const std::string& what) {
    return external_error(path, "is damaged: " + what,
                          "restore the state folder from a copy, or start anew under another name");
  };
  try {
    if (json.at("format").get<int>() != kFormat)
      return damaged(fmt::format("format {}, and this version reads {}", json.at("format").dump(), kFormat));
    for (const Json& group : json.at("groups"))
      known.groups.push_back({group.at("name").get<std::string>(), group.at("folder").get<std::string>(),
                              group.at("parts").get<std::set<std::string>>()});
  } catch (const Json::exception& wrong) {
    return damaged(wrong.what());
  }
  return known;
}

Result<> write_known_groups(Env& env, const std::string& state, const KnownGroups& known) {
  Json json = {{"format", kFormat}, {"groups", Json::array()}};
  for (const KnownGroups::Group& group : known.groups)
    json["groups"].push_back({{"name", group.name}, {"folder", group.folder}, {"parts", group.parts}});
  return env.write_durably(path_in(state), json_line(json) + "\n");
}

std::vector<CommitGroup> commit_groups(const Plan& plan, const Pipeline& pipeline, bool has_run, KnownGroups& known,
                                       Problems& problems) {
  const bool ran_as_one = known.groups.empty() && has_run;
  const bool has_end = known.groups.empty() && !plan.endless;
  return Grouping(plan, pipeline, known, problems).groups(ran_as_one || has_end);
}

Plan plan_of_group(const Plan& plan, const CommitGroup& group, size_t groups) {
  Plan out = plan;
  std::map<size_t, size_t> place;
  for (const size_t node : group.nodes) place.emplace(node, place.size());
  out.nodes.clear();
  for (const size_t i : group.nodes) {
    PlanNode node = plan.nodes[i];
    for (size_t& input : node.inputs) input = place.at(input);
    for (size_t& output : node.outputs) output = place.at(output);
    out.nodes.push_back(std::move(node));
  }
  out.memory.queues = std::max(out.memory.queues / static_cast<int64_t>(groups), int64_t{1} << 20);
  return out;
}

std::vector<GroupFolder> group_folders(const KnownGroups& known, const std::string& state) {
  if (known.groups.size() < 2) return {{"", state}};
  std::vector<GroupFolder> out;
  for (const KnownGroups::Group& group : known.groups) out.push_back({group.name, folder_in(state, group)});
  return out;
}

std::vector<GroupFolder> group_folders(Env& env, const std::string& state) {
  return group_folders(read_known_groups(env, state).value_or(KnownGroups{}), state);
}

}  // namespace trommel
