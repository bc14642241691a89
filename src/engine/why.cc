#include "engine/why.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "telemetry/numbers.h"
#include "telemetry/terminal.h"

namespace trommel {
namespace {

constexpr size_t kRawShown = 400;  // bytes of a raw record on the page

std::string place_of(const Reject& reject) {
  if (reject.line > 0) return fmt::format("line {}", reject.line);
  if (reject.position >= 0) return fmt::format("row {}", reject.position + 1);
  return {};
}

std::string fault_of(const Reject& reject) {
  const std::string place = place_of(reject);
  return (place.empty() ? "" : place + ": ") + reason_text(reject.column, printable(reject.reason));
}

int64_t to_blame(const RefusedInput& input) {
  int64_t rows = 0;
  for (const auto& [code, count] : input.reasons) rows += count;
  return rows;
}

}  // namespace

std::string why_in_short(const RefusedInput& input) {
  if (input.rejects.empty()) return "a file of the same archive was refused";
  std::string text = fault_of(input.rejects.front());
  if (const int64_t more = to_blame(input) - 1; more > 0) text += fmt::format(", and {} more", rows_text(more));
  return text;
}

std::string why_page(const std::vector<RefusedInput>& unit, const std::string& name, int64_t now_us) {
  int64_t rows = 0;
  for (const RefusedInput& input : unit) rows += input.rows;
  std::string page =
      fmt::format("{} was refused as a whole at {:%Y-%m-%d %H:%M:%S} UTC: {}.\n", name,
                  fmt::gmtime(static_cast<std::time_t>(now_us / 1'000'000)),
                  rows == 0 ? "nothing of it was taken" : fmt::format("none of its {} was taken", rows_text(rows)));
  int64_t allowed = 0;
  for (const RefusedInput& input : unit) {
    if (input.rejects.empty()) continue;
    const int64_t blamed = to_blame(input);
    allowed += blamed;
    page += fmt::format("\n{}What is wrong:\n", unit.size() > 1 ? input.split->name + "\n" : "");
    for (const Reject& reject : input.rejects) {
      page += "  " + fault_of(reject) + "\n";
      if (!reject.raw.empty()) page += "    " + printable(reject.raw.substr(0, kRawShown)) + "\n";
    }
    if (const auto listed = static_cast<int64_t>(input.rejects.size()); blamed > listed)
      page += fmt::format("  and {} more\n", rows_text(blamed - listed));
  }
  page += "\nCorrect this and drop the file again, under the same name or another.\n";
  if (rows > allowed && allowed > 0) {
    page += fmt::format(
        "To take the good rows of such files instead, leave out `rejects: {{ whole_file: ... }}` in the pipeline file\n"
        "and allow some bad ones: `max_rejects: {}`.\n",
        allowed);
  }
  return page;
}

Reject unreadable(const std::string& pipeline, const Split& split, Error error) {
  Reject reject;
  reject.pipeline = pipeline;
  reject.stage = reject.source = split.source;
  reject.split = split.name;
  reject.code = "unreadable";
  if (error.where == split.name) error.where.clear();
  reject.reason = error.text();
  return reject;
}

}  // namespace trommel
