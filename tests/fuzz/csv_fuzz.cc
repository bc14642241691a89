// Any bytes as a CSV file: never a crash, every record is a row, a reject or a misfit, and blocks of any size say the
// same. The first byte chooses the settings.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "codecs/csv/testing.h"

namespace {

using namespace trommel;

void require(bool held) {
  if (!held) std::abort();
}

csv::ReadOptions options_for(uint8_t choice) {
  csv::ReadOptions options;
  options.settings.kind = Node::Kind::map;
  const auto set = [&](const char* name, const char* value) {
    options.settings.entries.push_back(csv::setting(name, value).entries[0]);
  };
  if ((choice & 1) != 0) set("max_row", "30");
  if ((choice & 2) != 0) set("ragged", "pad");
  if ((choice & 4) != 0) set("escape", "\\");
  if ((choice & 8) != 0) set("header", "false");
  if ((choice & 16) != 0) set("delimiter", ",");
  if ((choice & 32) != 0) options.sample = 40;
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  csv::ReadOptions options = options_for(data[0]);
  csv::ReadText whole(text, options);
  if (!whole.error.empty()) return 0;
  const auto& out = whole.out;
  require(out.records == static_cast<int64_t>(out.rows.size() + out.rejects.size() + out.misfits.size()));
  options.block_bytes = 1 + data[1];
  options.step = 1 + data[1] % 7;
  csv::ReadText parts(text, options);
  require(parts.out.rows == out.rows && parts.out.records == out.records);
  auto a = out.rejects, b = parts.out.rejects;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  require(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    // Where line ends are mixed, a block may not know its line.
    if (a[i].line == 0 || b[i].line == 0) a[i].line = b[i].line = 0;
    require(a[i] == b[i]);
  }
  if (out.misfits.empty()) return 0;
  // What was guessed from the beginning alone is right once all of it was seen.
  require(whole.file->widen(std::make_unique<csv::TextStream>(text)).has_value());
  std::vector<int> columns;
  const Schema schema = whole.file->schema();
  for (int i = 0; i < schema->num_fields(); ++i) columns.push_back(i);
  require(whole.file->target(schema, columns, {}, true).has_value());
  whole.read_all(text, options);
  require(whole.out.misfits.empty());
  return 0;
}
