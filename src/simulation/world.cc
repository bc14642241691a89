#include "simulation/world.h"

#include <fmt/format.h>

#include <algorithm>

namespace trommel {
namespace {

constexpr int64_t kNoNumber = 1000;  // keys from here on are written as text
constexpr int64_t kStart = 1'700'000'000'000'000;

std::string text_of(const SimulatedRow& row) {
  return fmt::format("{},{}{}\n", row.row, row.key >= kNoNumber ? "x" : "", row.key);
}

}  // namespace

Scenario Scenario::drawn(Dice& dice) {
  Scenario s;
  s.watched = !dice.chance(0.15);
  s.after = s.watched ? dice.one_of(std::vector<std::string>{"delete", "delete", "move", "keep"}) : "keep";
  s.whole_file = s.watched && s.after != "keep" && dice.chance(0.3);
  s.dedupe = dice.chance(0.7);
  s.by_input = dice.chance(0.5);
  s.apart = s.watched && dice.chance(0.4);
  s.tells_writers = dice.chance(0.8);
  s.slow_writers = s.tells_writers && s.watched && dice.chance(0.5);
  s.lanes = static_cast<int>(dice.between(1, 4));
  s.commit_rows = dice.between(1, 30);
  s.block_bytes = dice.between(10, 120);
  s.power = dice.chance(0.7);
  s.rots = dice.chance(0.3);
  const double often = dice.one_of(std::vector<double>{0, 0.005, 0.02, 0.05});
  s.faults.crash = often;
  if (s.rots) s.faults.crash_at_commit = 0.2;  // where a damaged checkpoint matters most
  if (dice.chance(0.5)) s.faults.fail = dice.one_of(std::vector<double>{0.001, 0.01});
  if (dice.chance(0.3))
    s.faults.fail_to_publish = 0.5;  // sinks are away for a while, most often in the middle of a run
  if (dice.chance(0.5)) s.faults.fail_after = dice.one_of(std::vector<double>{0.001, 0.01});
  if (dice.chance(0.3)) s.faults.partly = 0.02;
  if (dice.chance(0.3)) s.faults.slow = 0.01;
  if (dice.chance(0.2)) s.faults.full = 0.003;
  if (dice.chance(0.3)) s.faults.clock_jumps = 0.01;
  return s;
}

std::string Scenario::pipeline() const {
  std::string source = "path: \"in/**/*.csv\", header: true, delimiter: \",\"";
  if (watched) source += ", watch: true, after: " + after;
  if (after == "move") source += ", move_to: done";
  if (whole_file) source += ", rejects: { whole_file: refused }";
  const std::string last = dedupe ? "once" : "sieve";
  std::string text = fmt::format("name: job\nlanes: {}\nmax_rejects: 1000000\n", lanes);
  text += fmt::format("commit: {{ rows: {} }}\n", commit_rows);
  text += fmt::format("sources:\n  drops:\n    files: {{ {} }}\n    contract: rows.yaml\n", source);
  if (apart)
    text +=
        "  others:\n    files: { path: \"apart/*.csv\", header: true, delimiter: \",\", watch: true, after: delete }\n"
        "    contract: rows.yaml\n";
  text += "transforms:\n  sieve: { sieve: { from: drops } }\n";
  if (apart) text += "  sift: { sieve: { from: others } }\n";
  if (dedupe) text += "  once: { dedupe: { from: sieve, by: [key], within: 3650d } }\n";
  text += "sinks:\n";
  text += fmt::format("  lines: {{ from: {}, files: {{ path: \"{}\" }} }}\n", last,
                      by_input ? "out/{source_stem}.csv" : "out/all.csv");
  for (const char* store : {"table", "topic"})
    text += fmt::format("  {}: {{ from: {}, store: {} }}\n", store, last, store);
  if (apart) text += "  far: { from: sift, store: far }\n";
  text += "stores:\n  table: \"model:table\"\n  topic: \"model:topic\"\n  far: \"model:far\"\n";
  return text;
}

World::World(uint64_t seed, const std::function<void(const std::string&)>& log)
    : dice(seed), scenario(Scenario::drawn(dice)), env(disk, dice, kStart), to_drop_(dice.between(1, 8)) {
  env.log = log;
  env.tells_writers = scenario.tells_writers;
  // A file that cannot be read is refused where files are refused as a whole, and that is not what is asked here.
  if (scenario.whole_file) env.sound = std::string(kFolder) + "/in/";
  env.on_touch = [this] { goes_on(); };
  disk.make_folders(std::string(kFolder) + "/in/sub");
  disk.make_folders(std::string(kFolder) + "/apart");
  const auto put = [this](const std::string& name, const std::string& text) {
    disk.append(*disk.create(std::string(kFolder) + "/" + name, kStart), text, kStart);
  };
  put("pipeline.yaml", scenario.pipeline());
  put("rows.yaml", "row: BIGINT\nkey: BIGINT\n");
  disk.sync_all();
  if (!scenario.watched) drop();  // with nothing there a bounded run is a mistake of its user
  if (log) log(scenario.pipeline());
}

Fate World::fate(int64_t key) {
  if (key >= kNoNumber) return Fate::no_number;
  if (key % 5 == 0) return Fate::against_the_rule;
  return key % 7 == 0 ? Fate::filtered : Fate::passes;
}

bool World::File::faulty() const {
  return std::any_of(rows.begin(), rows.end(), [](const SimulatedRow& row) {
    return fate(row.key) == Fate::no_number || fate(row.key) == Fate::against_the_rule;
  });
}

void World::goes_on() {
  if (!growing_.empty() && dice.chance(0.2)) grow();
  if (to_drop_ > 0 && dice.chance(0.02)) drop();
}

void World::drop_the_rest() {
  while (!growing_.empty()) grow();
  while (to_drop_ > 0) drop();
  while (!growing_.empty()) grow();
}

void World::drop() {
  const bool apart = scenario.apart && dice.chance(0.4);
  const char* folder = apart ? "/apart/" : dice.chance(0.3) ? "/in/sub/" : "/in/";
  // Names come again once they are free. A file that stays is known by its name, and there no name may.
  const std::string name = scenario.after == "keep" ? fmt::format("f{}", files.size())
                                                    : std::string(1, "abc"[static_cast<size_t>(dice.below(3))]);
  const std::string path = std::string(kFolder) + folder + name + ".csv";
  File file{path, {}, apart};
  for (int i = 2; disk.find(file.path); ++i) file.path = fmt::format("{}{}{}-{}.csv", kFolder, folder, name, i);
  std::string text = "row,key\n";
  const int64_t rows = dice.between(scenario.whole_file && !apart ? 0 : 1, 14);
  const bool clean = scenario.whole_file && dice.chance(0.6);
  for (int64_t i = 0; i < rows; ++i) {
    SimulatedRow row{++next_row_, dice.between(1, 40)};
    if (dice.chance(0.05)) row.key += kNoNumber;
    while (clean && (fate(row.key) == Fate::no_number || fate(row.key) == Fate::against_the_rule))
      row.key = dice.between(1, 40);
    file.rows.push_back(row);
    text += text_of(row);
  }
  if (env.log) env.log(fmt::format("  somebody drops {} with {} rows", file.path, file.rows.size()));
  files.push_back(file);
  --to_drop_;
  size_t now = text.size();
  if (scenario.slow_writers) now = static_cast<size_t>(dice.below(static_cast<int64_t>(text.size()) + 1));
  const auto made = disk.create(file.path, env.now_us());
  disk.append(*made, text.substr(0, now), env.now_us());
  disk.sync(*made);
  disk.sync_folder(folder_of(file.path));
  if (now == text.size()) return;
  env.open_for_writing.insert(file.path);
  growing_.push_back({file.path, text.substr(now)});
}

void World::grow() {
  Growing& one = growing_.front();
  const auto file = disk.find(one.path);
  TROMMEL_CHECK(file != nullptr, one.path + " was taken while it was being written");
  const auto part = static_cast<size_t>(dice.between(1, static_cast<int64_t>(one.rest.size())));
  disk.append(*file, one.rest.substr(0, part), env.now_us());
  disk.sync(*file);
  one.rest.erase(0, part);
  if (!one.rest.empty()) return;
  env.open_for_writing.erase(one.path);
  growing_.erase(growing_.begin());
}

void World::crash(bool while_publishing) {
  if (scenario.power) disk.crash(dice);
  env.restart();
  if (!scenario.rots || !rotted.empty() || !dice.chance(while_publishing ? 1.0 : 0.1)) return;
  std::vector<std::string> checkpoints;  // oldest first
  for (const std::string& path : disk.below(std::string(kFolder) + "/.trommel/job")) {
    if (name_of(path).starts_with("checkpoint-") && path.ends_with(".json")) checkpoints.push_back(path);
  }
  if (checkpoints.empty()) return;
  rotted = checkpoints.back();
  if (checkpoints.size() > 1 && dice.chance(0.3)) rotted = checkpoints[checkpoints.size() - 2];
  auto file = disk.find(rotted);
  if (!file->content.empty()) file->content[file->content.size() / 2] = '~';
  disk.sync(*file);
}

}  // namespace trommel
