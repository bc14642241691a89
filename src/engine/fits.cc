#include "engine/fits.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>

namespace trommel {
namespace {

constexpr const char* kWaysOut =
    "run it once as it was, start anew with `run --reset`, or give the pipeline another name";

class Fits {
 public:
  Fits(const Plan& plan, const Pipeline& pipeline, Env& env, Problems& problems)
      : plan_(plan), pipeline_(pipeline), env_(env), problems_(problems) {}

  void check(const StateFolder::Saved& saved) {
    for (const Checkpoint& pending : saved.pending) {
      for (const SealedSegment& segment : pending.segments) check(pending.epoch, segment);
    }
    if (!saved.newest) return;
    if (saved.newest->pipeline != pipeline_.name && !saved.newest->pipeline.empty()) {
      problem(file(),
              fmt::format("{} is the state folder of pipeline `{}`, and this is `{}`", pipeline_.settings.state,
                          saved.newest->pipeline, pipeline_.name),
              "give each pipeline a `state:` of its own, or start anew with `run --reset`");
      return;
    }
    for (const OpenInput& input : saved.newest->open) check(input);
    for (const auto& [transform, by] : saved.newest->remembers_by) check(transform, by);
  }

 private:
  void check(Epoch epoch, const SealedSegment& segment) {
    const PlanNode* sink = node(PlanNode::Kind::sink, segment.sink);
    if (sink == nullptr) sink = node(PlanNode::Kind::source, segment.sink);  // its dead letters
    if (sink == nullptr || !sink->sink.store) {
      return problem(place_of(PlanNode::Kind::sink, segment.sink),
                     fmt::format("epoch {} waits to be written to `{}`, {}", epoch, segment.sink,
                                 sink ? "which is no store any more" : "which the pipeline no longer has"));
    }
    const auto columns = segment_schema(env_, segment.path);
    if (!columns) return;  // a damaged one is told when it is read
    const Schema spooled = sink->sink.store->spooled();
    const arrow::Schema& now = spooled ? *spooled : *sink->schema;
    for (const auto& field : (*columns)->fields()) {
      if (now.GetFieldIndex(field->name()) >= 0) continue;
      problem(place_of(PlanNode::Kind::sink, segment.sink),
              fmt::format("epoch {} waits to be written to `{}` with a column `{}`, which its rows no "
                          "longer have",
                          epoch, segment.sink, field->name()));
    }
  }

  void check(const OpenInput& input) {
    if (node(PlanNode::Kind::source, input.split.source) != nullptr) return;
    problem(file(), fmt::format("{} was read by `{}` up to position {}, and the pipeline no longer has that source",
                                input.split.name, input.split.source, input.at));
  }

  void check(const std::string& transform, const std::string& by) {
    const PlanNode* now = node(PlanNode::Kind::transform, transform);
    if (now == nullptr || now->transform.remembers_by == by) return;
    const std::string& by_now = now->transform.remembers_by;
    problem(place_of(PlanNode::Kind::transform, transform),
            fmt::format("`{}` remembers rows of earlier epochs by ({}), {}", transform, by,
                        by_now.empty() ? "and now by nothing" : fmt::format("and would now by ({})", by_now)));
  }

  const PlanNode* node(PlanNode::Kind kind, const std::string& name) const {
    const auto found =
        std::ranges::find_if(plan_.nodes, [&](const PlanNode& node) { return node.kind == kind && node.name == name; });
    return found == plan_.nodes.end() ? nullptr : &*found;
  }

  void problem(const Place& place, std::string what, const std::string& hint = kWaysOut) {
    problems_.add(place, std::move(what), hint);
  }
  Place file() const { return {pipeline_.file, 0, 0}; }
  Place place_of(PlanNode::Kind kind, const std::string& name) const { return place_of_part(pipeline_, kind, name); }

  const Plan& plan_;
  const Pipeline& pipeline_;
  Env& env_;
  Problems& problems_;
};

}  // namespace

std::map<std::string, std::string> remembers_by(const Plan& plan) {
  std::map<std::string, std::string> out;
  for (const PlanNode& node : plan.nodes) {
    if (!node.transform.remembers_by.empty()) out[node.name] = node.transform.remembers_by;
  }
  return out;
}

void check_fits(const StateFolder::Saved& saved, const Plan& plan, const Pipeline& pipeline, Env& env,
                Problems& problems) {
  Fits(plan, pipeline, env, problems).check(saved);
}

}  // namespace trommel
