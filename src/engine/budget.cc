#include "engine/budget.h"

#include <fmt/format.h>

namespace trommel {
namespace {

constexpr int64_t kShareFrom = 1000;  // rows of an endless run's epoch

/// A budget and what counts against it: a source's own, or the pipeline's for all sources without one.
struct Judged {
  std::string name;  ///< of the source; empty: the pipeline
  RejectBudget budget;
  int64_t read = 0, rejected = 0;
  bool over(bool endless) const {
    if (budget.share >= 0 && endless && read < kShareFrom) return false;
    return is_over(budget, read, rejected);
  }
};

std::vector<Judged> judge(const Plan& plan, const Judgement& judgement) {
  std::vector<Judged> judged{{"", plan.max_rejects, 0, 0}};
  int64_t own = 0;
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    const PlanNode& node = plan.nodes[i];
    if (node.kind != PlanNode::Kind::source) continue;
    const int64_t read = judgement.balance.nodes[i].counts.read;
    int64_t rejected = 0;
    for (const auto& [source, rows] : judgement.rejects_by_source) {
      if (source == node.name) rejected += rows;
    }
    if (node.source->refuses_whole()) {
      own += rejected;
    } else if (node.max_rejects) {
      own += rejected;
      judged.push_back({node.name, *node.max_rejects, read, rejected});
    } else {
      judged[0].read += read;
    }
  }
  judged[0].rejected = judgement.balance.rejected() - own;
  return judged;
}

}  // namespace

bool is_over(const RejectBudget& budget, int64_t read, int64_t rejected) {
  if (budget.share < 0) return rejected > budget.rows;
  return static_cast<double>(rejected) > budget.share * static_cast<double>(read);
}

std::string over_budget(const Plan& plan, const Judgement& judgement) {
  for (const Judged& judged : judge(plan, judgement)) {
    if (!judged.over(judgement.endless)) continue;
    const std::string of = judged.name.empty() ? "" : fmt::format(" of source `{}`", judged.name);
    std::string message = fmt::format("{} of {} rows{} were rejected and max_rejects is {}: nothing was published",
                                      judged.rejected, judged.read, of, judged.budget.text());
    const auto& first = judgement.first_rejects;
    for (const Reject& reject : first) {
      message += fmt::format("\n  {}: {}", reject.place(), reason_text(reject.column, reject.reason));
    }
    if (judged.rejected > static_cast<int64_t>(first.size()))
      message += fmt::format("\n  and {} more", judged.rejected - static_cast<int64_t>(first.size()));
    message += fmt::format(
        "\nTo publish the other rows, write `max_rejects: {}`{} or run with --max-rejects {}", judged.rejected,
        judged.name.empty() ? " in the pipeline file," : fmt::format(" in source `{}`,", judged.name), judged.rejected);
    return message;
  }
  return {};
}

}  // namespace trommel
