#include "cli/balance_tables.h"

#include <fmt/format.h>

#include <array>

#include "telemetry/numbers.h"
#include "telemetry/table.h"

namespace trommel::cli {

namespace {

using Align = Table::Align;

struct Heading {
  const char* name;
  int64_t SinkLine::* figure;
};
constexpr std::array<Heading, 9> headings{{{"read", &SinkLine::read},
                                           {"expanded", &SinkLine::expanded},
                                           {"written", &SinkLine::written},
                                           {"held back", &SinkLine::withheld},
                                           {"rejected", &SinkLine::rejected},
                                           {"filtered", &SinkLine::filtered},
                                           {"deduplicated", &SinkLine::deduplicated},
                                           {"late", &SinkLine::late},
                                           {"combined", &SinkLine::combined}}};

bool always_shown(const Heading& heading) {
  return heading.figure == &SinkLine::read || heading.figure == &SinkLine::written ||
         heading.figure == &SinkLine::rejected || heading.figure == &SinkLine::filtered;
}

std::string source_table(const Balance& balance, int width) {
  Table table({{"source"}, {"read", Align::right}, {"rejected", Align::right}, {"handed on", Align::right}});
  for (const NodeBalance& node : balance.nodes) {
    if (node.kind == NodeBalance::Kind::source)
      table.add(
          {node.name, count_text(node.counts.read), count_text(node.counts.rejected), count_text(node.counts.out)});
  }
  return table.text(width);
}

std::string sink_table(const Balance& balance, int width) {
  const std::vector<SinkLine> lines = balance.sinks();
  std::vector<Heading> shown;
  for (const Heading& heading : headings) {
    bool any = always_shown(heading);
    for (const SinkLine& line : lines) any = any || line.*heading.figure != 0;
    if (any) shown.push_back(heading);
  }
  std::vector<Table::Column> columns{{"sink"}};
  for (const Heading& heading : shown) {
    columns.push_back({heading.name, Align::right});
  }
  columns.push_back({"balance"});
  Table table(columns);
  for (const SinkLine& line : lines) {
    std::vector<std::string> cells{line.sink};
    for (const Heading& heading : shown) cells.push_back(count_text(line.*heading.figure));
    cells.push_back(line.balanced() ? "ok" : "BROKEN");
    table.add(std::move(cells));
  }
  return table.text(width);
}

// What became of the rows that did not arrive, part by part.
std::string loss_table(const Balance& balance, int width) {
  Table table({{"at"}, {"what became of them"}, {"rows", Align::right}});
  const auto add = [&](const std::string& name, const std::string& what, int64_t rows) {
    if (rows > 0) table.add({name, what, count_text(rows)});
  };
  for (const NodeBalance& node : balance.nodes) {
    for (const auto& [code, rows] : node.counts.reasons) add(node.name, "rejected: " + code, rows);
    add(node.name, "filtered out", node.counts.filtered);
    add(node.name, "equal to one that was kept", node.counts.deduplicated);
    add(node.name, "too late", node.counts.late);
    add(node.name, fmt::format("combined into {}", count_text(node.counts.combined_out)), node.counts.combined_in);
    add(node.name, "more than came in", node.counts.expanded);
  }
  return table.rows() == 0 ? "" : table.text(width);
}

std::string output_table(const RunReport& report, int width) {
  if (report.outputs.empty()) return {};
  constexpr size_t outputs_shown = 20;
  Table table({{"output"}, {"rows", Align::right}, {"size", Align::right}});
  for (size_t i = 0; i < report.outputs.size() && i < outputs_shown; ++i) {
    const PublishedOutput& output = report.outputs[i];
    table.add({output.name, count_text(output.rows), output.bytes > 0 ? bytes_text(output.bytes) : ""});
  }
  std::string text = table.text(width);
  const int64_t all = static_cast<int64_t>(report.outputs.size()) + report.outputs_unlisted;
  if (all > static_cast<int64_t>(outputs_shown))
    text += fmt::format("… and {} more\n", all - static_cast<int64_t>(outputs_shown));
  return text;
}

}  // namespace

std::string balance_text(const RunReport& report, int width) {
  std::string out = source_table(report.balance, width);
  for (const std::string& part :
       {sink_table(report.balance, width), loss_table(report.balance, width), output_table(report, width)}) {
    if (!part.empty()) out += "\n" + part;
  }
  return out;
}

}  // namespace trommel::cli
