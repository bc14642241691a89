#include "engine/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/env.h"

namespace trommel {
namespace {

std::string quoted_list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "`" : ", `") + name + "`";
  return text;
}

class Resolver {
 public:
  Resolver(const Pipeline& pipeline, const Components& components, const BindContext& context, Problems& problems)
      : pipeline_(pipeline), components_(components), context_(context), problems_(problems) {
    for (const Part& part : pipeline.sources) streams_.push_back(part.name);
    for (const Part& part : pipeline.transforms) streams_.push_back(part.name);
  }

  Graph resolve() {
    graph_.transform_inputs.resize(pipeline_.transforms.size());
    graph_.sink_inputs.resize(pipeline_.sinks.size());
    for (size_t i = 0; i < pipeline_.transforms.size(); ++i)
      graph_.transform_inputs[i] = named_inputs(pipeline_.transforms[i]);
    for (size_t i = 0; i < pipeline_.sinks.size(); ++i)
      graph_.sink_inputs[i] = checked(pipeline_.sinks[i].from, pipeline_.sinks[i]);
    find_left_out();
    order_transforms();
    check_unread();
    check_targets();
    return std::move(graph_);
  }

 private:
  /// Inputs that are written down: in `from`, or in the settings themselves (SQL).
  std::vector<std::string> named_inputs(const Part& part) {
    const TransformKind* kind = find_transform_kind(components_, part.component);
    if (kind == nullptr || !kind->inputs) return checked(part.from, part);
    std::vector<std::string> candidates = part.from.empty() ? streams_ : checked(part.from, part);
    std::erase(candidates, part.name);
    auto inputs = kind->inputs(part.settings, candidates, context_, problems_);
    if (!inputs) {
      problems_.add(part.settings.place, inputs.error().what, inputs.error().hint);
      broken_.insert(part.name);
      return {};
    }
    if (inputs->empty()) broken_.insert(part.name);  // the kind has said why, or reads no stream: nothing to guess
    return *inputs;
  }

  std::vector<std::string> checked(const std::vector<std::string>& from, const Part& part) {
    std::vector<std::string> known;
    for (const std::string& name : from) {
      if (std::find(streams_.begin(), streams_.end(), name) != streams_.end()) {
        known.push_back(name);
        continue;
      }
      const std::string near = did_you_mean(name, streams_);
      problems_.add(part.from_place,
                    fmt::format("`{}` reads from `{}`, which is neither a source nor a transform", part.name, name),
                    near.empty() ? "there are " + quoted_list(streams_) : "did you mean `" + near + "`?");
      broken_.insert(part.name);
    }
    return known;
  }

  /// A part without `from` reads the one stream before it that nobody else reads.
  void find_left_out() {
    for (size_t i = 0; i < pipeline_.transforms.size(); ++i) {
      if (!graph_.transform_inputs[i].empty() || broken_.contains(pipeline_.transforms[i].name)) continue;
      std::vector<std::string> before(streams_.begin(),
                                      streams_.begin() + static_cast<ptrdiff_t>(pipeline_.sources.size() + i));
      graph_.transform_inputs[i] = only_one_left(before, pipeline_.transforms[i]);
    }
    const std::vector<std::string> ends = unread(streams_);
    for (size_t i = 0; i < pipeline_.sinks.size(); ++i) {
      if (!graph_.sink_inputs[i].empty() || broken_.contains(pipeline_.sinks[i].name)) continue;
      graph_.sink_inputs[i] = only_one_left(ends.empty() ? streams_ : ends, pipeline_.sinks[i]);
    }
  }

  std::vector<std::string> unread(const std::vector<std::string>& names) const {
    std::set<std::string> read;
    for (const auto& inputs : graph_.transform_inputs) read.insert(inputs.begin(), inputs.end());
    std::vector<std::string> left;
    for (const std::string& name : names) {
      if (!read.contains(name)) left.push_back(name);
    }
    return left;
  }

  std::vector<std::string> only_one_left(const std::vector<std::string>& names, const Part& part) {
    std::vector<std::string> left = names.size() > 1 ? unread(names) : names;
    std::erase(left, part.name);
    if (left.size() == 1) return left;
    if (names.empty()) {
      problems_.add(part.place, fmt::format("`{}` has nothing to read from", part.name), "add a source");
    } else {
      problems_.add(part.place, fmt::format("`{}` does not say what it reads", part.name),
                    "write `from:` with one of " + quoted_list(left.empty() ? names : left));
    }
    broken_.insert(part.name);
    return {};
  }

  void order_transforms() {
    std::map<std::string, size_t> place;
    for (size_t i = 0; i < pipeline_.transforms.size(); ++i) place[pipeline_.transforms[i].name] = i;
    std::vector<int> state(pipeline_.transforms.size(), 0);  // 0 new, 1 on the way, 2 done
    std::vector<size_t> way;
    const std::function<void(size_t)> visit = [&](size_t i) {
      if (state[i] == 2) return;
      if (state[i] == 1) {
        const auto from = std::find(way.begin(), way.end(), i);
        std::string circle;
        for (auto at = from; at != way.end(); ++at) circle += pipeline_.transforms[*at].name + " <- ";
        problems_.add(pipeline_.transforms[i].place, "a cycle: " + circle + pipeline_.transforms[i].name,
                      "a part cannot read what is made from it");
        return;
      }
      state[i] = 1;
      way.push_back(i);
      for (const std::string& input : graph_.transform_inputs[i]) {
        if (const auto at = place.find(input); at != place.end()) visit(at->second);
      }
      way.pop_back();
      state[i] = 2;
      graph_.transform_order.push_back(i);
    };
    for (size_t i = 0; i < pipeline_.transforms.size(); ++i) visit(i);
  }

  void check_unread() {
    if (!problems_.empty()) return;  // whoever should read it may be what is wrong
    std::set<std::string> read;
    for (const auto& inputs : graph_.transform_inputs) read.insert(inputs.begin(), inputs.end());
    for (const auto& inputs : graph_.sink_inputs) read.insert(inputs.begin(), inputs.end());
    for (const auto* parts : {&pipeline_.sources, &pipeline_.transforms}) {
      for (const Part& part : *parts) {
        if (!read.contains(part.name))
          problems_.add(part.place, fmt::format("nobody reads `{}`", part.name),
                        "add a sink with `from: " + part.name + "`, or take it out");
      }
    }
  }

  void check_targets() {
    std::map<std::string, const Part*> targets;
    for (const Part& part : pipeline_.sinks) {
      std::string target;
      if (!part.store.empty()) {
        const Node* table = part.settings.find("table");
        target = fmt::format("table `{}` of `{}`", table != nullptr ? table->shown() : "", part.store_name);
      } else {
        const Node* path = part.settings.is_scalar() ? &part.settings : part.settings.find("path");
        if (path == nullptr || !path->is_scalar()) continue;
        target = fmt::format("`{}`", join_path("", path->shown()));
      }
      const auto [first, fresh] = targets.emplace(target, &part);
      if (!fresh) {
        problems_.add(part.place,
                      fmt::format("`{}` writes to {}, and so does `{}`", part.name, target, first->second->name),
                      "give each sink a place of its own");
      }
    }
  }

  const Pipeline& pipeline_;
  const Components& components_;
  const BindContext& context_;
  Problems& problems_;
  std::vector<std::string> streams_;
  std::set<std::string> broken_;  // parts whose inputs could not be found: said already
  Graph graph_;
};

}  // namespace

const SourceKind* find_source_kind(const Components& components, const std::string& name) {
  for (const SourceKind& kind : components.sources) {
    if (kind.spec->name == name) return &kind;
  }
  return nullptr;
}

const TransformKind* find_transform_kind(const Components& components, const std::string& name) {
  for (const TransformKind& kind : components.transforms) {
    if (kind.spec->name == name) return &kind;
  }
  return nullptr;
}

const SinkKind* find_sink_kind(const Components& components, const std::string& name, bool is_store) {
  for (const SinkKind& kind : components.sinks) {
    if (kind.spec->name == name && kind.is_store == is_store) return &kind;
  }
  return nullptr;
}

Graph resolve_graph(const Pipeline& pipeline, const Components& components, const BindContext& context,
                    Problems& problems) {
  return Resolver(pipeline, components, context, problems).resolve();
}

}  // namespace trommel
