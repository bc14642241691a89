#include "engine/life.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"

namespace trommel {
namespace {

constexpr std::pair<const char*, int64_t Life::Line::*> kCounts[] = {{"read", &Life::Line::read},
                                                                     {"replayed", &Life::Line::replayed},
                                                                     {"expanded", &Life::Line::expanded},
                                                                     {"written", &Life::Line::written},
                                                                     {"rejected", &Life::Line::rejected},
                                                                     {"filtered", &Life::Line::filtered},
                                                                     {"deduplicated", &Life::Line::deduplicated},
                                                                     {"late", &Life::Line::late},
                                                                     {"combined", &Life::Line::combined}};

}  // namespace

void Life::add(Epoch epoch, const Balance& balance, const std::vector<SealedSegment>& segments, bool replays) {
  if (since == 0) since = epoch;
  until = epoch;
  (replays ? replayed : read) += balance.read();
  rejected += balance.rejected();
  for (const NodeBalance& node : balance.nodes) {
    for (const auto& [code, rows] : node.counts.reasons) reasons[node.name][code] += rows;
  }
  for (const SinkLine& now : balance.sinks()) {
    auto line = std::find_if(sinks.begin(), sinks.end(), [&](const Line& known) { return known.sink == now.sink; });
    if (line == sinks.end()) line = sinks.insert(line, Line{.sink = now.sink});
    (replays ? line->replayed : line->read) += now.read;
    line->expanded += now.expanded;
    line->written += now.written;
    line->rejected += now.rejected;
    line->filtered += now.filtered;
    line->deduplicated += now.deduplicated;
    line->late += now.late;
    line->combined += now.combined;
    for (const SealedSegment& segment : segments) {
      if (segment.sink == now.sink) line->written += segment.rows;
    }
  }
}

std::vector<std::string> Life::mistakes() const {
  std::vector<std::string> wrong;
  for (const Line& line : sinks) {
    if (line.balanced()) continue;
    wrong.push_back(
        fmt::format("{}: since epoch {}: read {} + expanded {} is not written {} + rejected {} - replayed {} + "
                    "filtered {} + deduplicated {} + late {} + combined {}",
                    line.sink, since, line.read, line.expanded, line.written, line.rejected, line.replayed,
                    line.filtered, line.deduplicated, line.late, line.combined));
  }
  return wrong;
}

std::string life_text(const Life& life) {
  Json out = {{"since", life.since},       {"until", life.until},       {"read", life.read},
              {"rejected", life.rejected}, {"replayed", life.replayed}, {"sinks", Json::array()}};
  for (const Life::Line& line : life.sinks) {
    Json one = {{"sink", line.sink}};
    for (const auto& [name, count] : kCounts) one[name] = line.*count;
    out["sinks"].push_back(std::move(one));
  }
  if (!life.reasons.empty()) out["reasons"] = life.reasons;
  return json_line(out);
}

Life parse_life(std::string_view text) {
  Life life;
  const auto in = parse_json(text, "life");
  if (!in || !in->is_object()) return life;
  life.since = in->value("since", Epoch{0});
  life.until = in->value("until", Epoch{0});
  life.read = in->value("read", int64_t{0});
  life.rejected = in->value("rejected", int64_t{0});
  life.replayed = in->value("replayed", int64_t{0});
  if (in->contains("reasons")) in->at("reasons").get_to(life.reasons);
  for (const Json& one : in->value("sinks", Json::array())) {
    Life::Line line;
    line.sink = one.value("sink", "");
    for (const auto& [name, count] : kCounts) line.*count = one.value(name, int64_t{0});
    life.sinks.push_back(std::move(line));
  }
  return life;
}

}  // namespace trommel
