#include "transforms/check/faults.h"

#include <fmt/format.h>

namespace trommel {

namespace {
constexpr int reasons_shown = 3;
}

void Faults::add(int64_t row, const std::string& code, const std::string& column, std::string value,
                 std::string reason) {
  const auto [there, fresh] = rows_.try_emplace(row);
  Fault& fault = there->second;
  if (fresh) {
    fault.refusal = Refusal{row, code, column, std::move(value), std::move(reason)};
    return;
  }
  ++fault.more;
  if (fault.more < reasons_shown) fault.refusal.reason += "; " + (column.empty() ? reason : column + ": " + reason);
}

std::vector<Refusal> Faults::refusals() const {
  std::vector<Refusal> out;
  out.reserve(rows_.size());
  for (const auto& [row, fault] : rows_) {
    out.push_back(fault.refusal);
    if (fault.more >= reasons_shown) out.back().reason += fmt::format("; and {} more", fault.more - reasons_shown + 1);
  }
  return out;
}

}  // namespace trommel
