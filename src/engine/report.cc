// The run report as JSON and as one line.
#include <fmt/format.h>

#include "base/json.h"
#include "engine/run.h"

namespace trommel {
const char* outcome_text(RunReport::Outcome outcome) {
  switch (outcome) {
    case RunReport::Outcome::published:
      return "published";
    case RunReport::Outcome::nothing_new:
      return "nothing_new";
    case RunReport::Outcome::refused:
      return "refused";
    case RunReport::Outcome::stopped:
      return "stopped";
  }
  return "";
}

namespace {

const char* kind_text(NodeBalance::Kind kind) {
  switch (kind) {
    case NodeBalance::Kind::source:
      return "source";
    case NodeBalance::Kind::transform:
      return "transform";
    case NodeBalance::Kind::sink:
      return "sink";
  }
  return "";
}

Json counts_json(const Counts& counts) {
  Json out = {{"read", counts.read},
              {"in", counts.in},
              {"out", counts.out},
              {"written", counts.written},
              {"withheld", counts.withheld},
              {"rejected", counts.rejected},
              {"filtered", counts.filtered},
              {"deduplicated", counts.deduplicated},
              {"late", counts.late},
              {"expanded", counts.expanded},
              {"combined_in", counts.combined_in},
              {"combined_out", counts.combined_out}};
  Json reasons = Json::object();
  for (const auto& [code, rows] : counts.reasons) reasons[code] = rows;
  out["reject_codes"] = reasons;
  return out;
}

Json line_json(const SinkLine& line) {
  return {{"sink", line.sink},          {"read", line.read},
          {"expanded", line.expanded},  {"written", line.written},
          {"withheld", line.withheld},  {"rejected", line.rejected},
          {"filtered", line.filtered},  {"deduplicated", line.deduplicated},
          {"late", line.late},          {"combined", line.combined},
          {"balanced", line.balanced()}};
}

}  // namespace

std::string report_json(const RunReport& report) {
  Json out = {{"pipeline", report.pipeline},
              {"outcome", outcome_text(report.outcome)},
              {"epoch", report.epoch},
              {"message", report.message},
              {"inputs", report.inputs},
              {"inputs_refused", report.inputs_refused},
              {"retries", report.retries},
              {"outputs_unlisted", report.outputs_unlisted},
              {"bytes_read", report.bytes_read},
              {"started_us", report.started_us},
              {"elapsed_us", report.elapsed_us},
              {"cpu_us", report.cpu_us},
              {"peak_memory_bytes", report.peak_memory_bytes},
              {"recovered", report.recovered}};
  out["sinks"] = Json::array();
  for (const SinkLine& line : report.balance.sinks()) out["sinks"].push_back(line_json(line));
  out["nodes"] = Json::array();
  for (const NodeBalance& node : report.balance.nodes) {
    out["nodes"].push_back({{"name", node.name},
                            {"kind", kind_text(node.kind)},
                            {"component", node.component},
                            {"counts", counts_json(node.counts)}});
  }
  out["news"] = report.news;
  out["rejects_logged"] = report.balance.rejects_logged;
  out["outputs"] = Json::array();
  for (const PublishedOutput& output : report.outputs) {
    out["outputs"].push_back(
        {{"sink", output.sink}, {"name", output.name}, {"rows", output.rows}, {"bytes", output.bytes}});
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string report_line(const RunReport& report) {
  std::string line =
      fmt::format("pipeline={} outcome={} epoch={} read={} rejected={}", report.pipeline, outcome_text(report.outcome),
                  report.epoch, report.balance.read(), report.balance.rejected());
  for (const SinkLine& sink : report.balance.sinks()) {
    line += fmt::format(" {}.written={} {}.filtered={} {}.deduplicated={}", sink.sink, sink.written, sink.sink,
                        sink.filtered, sink.sink, sink.deduplicated);
  }
  return line + fmt::format(" seconds={:.3f}", static_cast<double>(report.elapsed_us) / 1e6);
}

}  // namespace trommel
