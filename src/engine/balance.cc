#include "engine/balance.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace trommel {

void Counts::add(const Counts& other) {
  read += other.read;
  in += other.in;
  out += other.out;
  written += other.written;
  withheld += other.withheld;
  rejected += other.rejected;
  filtered += other.filtered;
  deduplicated += other.deduplicated;
  late += other.late;
  expanded += other.expanded;
  combined_in += other.combined_in;
  combined_out += other.combined_out;
  for (const auto& [code, rows] : other.reasons) reasons[code] += rows;
}

std::vector<SinkLine> Balance::sinks() const {
  std::vector<SinkLine> lines;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].kind != NodeBalance::Kind::sink) continue;
    SinkLine line;
    line.sink = nodes[i].name;
    std::set<size_t> way{i};
    for (size_t node = i + 1; node-- > 0;) {  // inputs have smaller indexes
      if (!way.contains(node)) continue;
      way.insert(nodes[node].inputs.begin(), nodes[node].inputs.end());
      const Counts& counts = nodes[node].counts;
      line.read += counts.read;
      line.expanded += counts.expanded;
      line.rejected += counts.rejected;
      line.filtered += counts.filtered;
      line.deduplicated += counts.deduplicated;
      line.late += counts.late;
      line.combined += counts.combined_in - counts.combined_out;
    }
    line.written = nodes[i].counts.written;
    line.withheld = nodes[i].counts.withheld;
    lines.push_back(line);
  }
  return lines;
}

int64_t Balance::read() const {
  int64_t rows = 0;
  for (const auto& node : nodes) rows += node.counts.read;
  return rows;
}

int64_t Balance::rejected() const {
  int64_t rows = 0;
  for (const auto& node : nodes) rows += node.counts.rejected;
  return rows;
}

std::vector<std::string> Balance::mistakes(bool with_written) const {
  std::vector<std::string> wrong;
  for (const auto& node : nodes) {
    const Counts& c = node.counts;
    const int64_t left = c.rejected + c.filtered + c.deduplicated + c.late;
    int64_t came_in = 0;
    for (const size_t input : node.inputs) came_in += nodes[input].counts.out;
    if (node.kind != NodeBalance::Kind::source && c.in != came_in) {
      wrong.push_back(fmt::format("{}: took {} rows, {} were handed to it", node.name, c.in, came_in));
    }
    switch (node.kind) {
      case NodeBalance::Kind::source:
        if (c.read + c.expanded != c.out + left) {
          wrong.push_back(fmt::format(
              "{}: read {} + expanded {} is not handed on {} + rejected {} + filtered {} + deduplicated {} + late {}",
              node.name, c.read, c.expanded, c.out, c.rejected, c.filtered, c.deduplicated, c.late));
        }
        break;
      case NodeBalance::Kind::transform:
        if (c.in + c.expanded + c.combined_out != c.out + left + c.combined_in) {
          wrong.push_back(
              fmt::format("{}: in {} + expanded {} is not handed on {} + rejected {} + filtered {} + deduplicated {} + "
                          "late {} + combined {}",
                          node.name, c.in, c.expanded, c.out, c.rejected, c.filtered, c.deduplicated, c.late,
                          c.combined_in - c.combined_out));
        }
        break;
      case NodeBalance::Kind::sink:
        if (with_written && c.in != c.written + c.withheld + left) {
          wrong.push_back(fmt::format("{}: in {} is not written {} + rejected {} + filtered {} + deduplicated {}",
                                      node.name, c.in, c.written, c.rejected, c.filtered, c.deduplicated));
        }
        break;
    }
  }
  if (rejected() != rejects_logged)
    wrong.push_back(fmt::format("the reject log holds {} records, {} rows were rejected", rejects_logged, rejected()));
  if (with_written) {
    for (const SinkLine& line : sinks()) {
      if (!line.balanced()) {
        wrong.push_back(
            fmt::format("{}: read {} + expanded {} is not written {} + rejected {} + filtered {} + deduplicated {} + "
                        "late {} + combined {}",
                        line.sink, line.read, line.expanded, line.written, line.rejected, line.filtered,
                        line.deduplicated, line.late, line.combined));
      }
    }
  }
  return wrong;
}

}  // namespace trommel
