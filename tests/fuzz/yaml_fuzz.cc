// Any bytes as a YAML file: never a crash, every mistake inside the file, and what was read writes and reads back
// equal.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/pipeline.h"
#include "config/yaml_text.h"

namespace {

using trommel::Node;

void require(bool held) {
  if (!held) std::abort();
}

bool same(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.items.size() != b.items.size() || a.entries.size() != b.entries.size()) return false;
  if (a.is_scalar() && a.scalar != b.scalar) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    if (!same(a.items[i], b.items[i])) return false;
  }
  for (size_t i = 0; i < a.entries.size(); ++i) {
    if (a.entries[i].name != b.entries[i].name || !same(a.entries[i].value, b.entries[i].value)) return false;
  }
  return true;
}

/// Bytes that UTF-8 does not have must not come out of text that was UTF-8.
void require_text(const Node& node) {
  for (const char c : node.scalar) require(static_cast<unsigned char>(c) < 0xF5);
  for (const Node& item : node.items) require_text(item);
  for (const Node::Entry& entry : node.entries) require_text(entry.value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const trommel::Variables variables = [](const std::string& name) -> std::optional<std::string> {
    return name.size() == 1 ? std::optional<std::string>("value of " + name) : std::nullopt;
  };
  trommel::Problems problems;
  const Node node = parse_yaml(text, "f", variables, problems);
  require_text(node);
  int lines = 1;
  for (const char c : text) lines += c == '\n' || c == '\r' ? 1 : 0;
  for (const trommel::Problem& problem : problems.sorted())
    require(problem.place.line <= lines + 1 && problem.place.line >= 0);
  if (!problems.empty()) return 0;
  trommel::Problems again;
  const Node back = parse_yaml(yaml_text(node), "f", nullptr, again);
  require(again.empty() && same(node, back));
  return 0;
}
