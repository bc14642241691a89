#include "engine/news.h"

#include <fmt/format.h>

#include "telemetry/numbers.h"

namespace trommel {

std::vector<std::string> news_of(const Checkpoint& checkpoint, const Plan& plan, Ledger& ledger,
                                 const std::string& folder, bool inputs) {
  const auto shown = [&](const std::string& path) {
    return path.starts_with(folder + "/") ? path.substr(folder.size() + 1) : path;
  };
  std::vector<std::string> lines;
  for (const TakenInput& input : checkpoint.taken) {
    if (inputs && input.how == Delivered::How::taken)
      lines.push_back(fmt::format("took {}: {}", input.split.name, rows_text(ledger.input_rows(input.split))));
  }
  for (const PreparedFile& file : checkpoint.files) {
    if (file.sink == "rejects") continue;
    lines.push_back(
        fmt::format("wrote {}: {}, {}", shown(file.final_path), rows_text(file.rows), bytes_text(file.size)));
  }
  for (const PlanNode& node : plan.nodes) {
    for (const SealedSegment& sealed : checkpoint.segments) {
      if (sealed.sink == node.name)
        lines.push_back(fmt::format("wrote {}: {}", node.sink.target, rows_text(sealed.rows)));
    }
  }
  return lines;
}

}  // namespace trommel
