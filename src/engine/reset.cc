#include "engine/reset.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/lasting_folder.h"
#include "engine/commit_groups.h"
#include "engine/output_files.h"

namespace trommel {
namespace {

constexpr const char* kAside = "before_reset_";

std::string mark_of(const std::string& folder) { return folder + "/reset.json"; }

Result<> write_mark(Env& env, const std::string& folder, const std::string& pipeline, Epoch last, bool moved) {
  const Json mark = {{"epoch", last}, {"pipeline", pipeline}, {"moved", moved}};
  return env.write_durably(mark_of(folder), json_line(mark) + "\n");
}

/// What belongs to the folder and not to the epochs that are in it.
bool stays(const std::string& name) {
  static const std::set<std::string> names = {"lock", "reset.json", "schedule.json", "schedule.lock", "status.json"};
  return names.contains(name) || name.starts_with(kAside);
}

Result<> put_aside(Env& env, const std::string& folder, const std::string& aside) {
  // Before the list of them is out of reach.
  for (const GroupFolder& group : group_folders(env, folder)) TRY(sweep_temporaries(env, group.folder, {}));
  TRY(make_lasting_directories(env, aside));
  ASSIGN(const auto entries, env.list(folder));
  for (const FileInfo& entry : entries) {
    const std::string name = name_of(entry.path);
    if (!stays(name)) TRY(env.rename(entry.path, aside + "/" + name));
  }
  TRY(env.sync_directory(aside));
  return env.sync_directory(folder);
}

}  // namespace

Result<Epoch> last_epoch(Env& env, const std::string& folder) {
  StateFolder state(env, folder);
  if (!env.exists(folder)) return 0;
  ASSIGN(const auto taken, state.taken());
  ASSIGN(const auto saved, state.saved(taken.last_epoch));
  Epoch last = std::max(taken.last_epoch, saved.newest ? saved.newest->epoch : 0);
  for (const auto& damaged : saved.damaged) last = std::max(last, damaged.epoch);
  return last;
}

Result<> reset_state(Env& env, const std::string& folder, const std::string& pipeline, Epoch stores) {
  ASSIGN(const KnownGroups known, read_known_groups(env, folder));
  Epoch last = stores;  // of all groups: each may have other sinks then
  for (const GroupFolder& group : group_folders(known, folder)) {
    ASSIGN(const Epoch own, last_epoch(env, group.folder));
    last = std::max(last, own);
  }
  if (last == 0) return {};  // nothing was published yet
  TRY(write_mark(env, folder, pipeline, last, false));
  ASSIGN(const bool finished, finish_reset(env, folder));
  TROMMEL_CHECK(finished, "a reset whose mark is written");
  return {};
}

Result<bool> finish_reset(Env& env, const std::string& folder) {
  if (!env.exists(mark_of(folder))) {
    const std::string half_written = mark_of(folder) + ".new";
    if (env.exists(half_written)) TRY(env.remove(half_written));
    return false;
  }
  ASSIGN(const std::string text, env.read_text(mark_of(folder)));
  ASSIGN(const Json mark, parse_json(text, mark_of(folder)));
  const Epoch last = mark.value("epoch", Epoch{0});
  const std::string pipeline = mark.value("pipeline", "");
  const std::string aside = fmt::format("{}/{}{:06}", folder, kAside, last);
  if (!mark.value("moved", false)) {
    TRY(put_aside(env, folder, aside));
    TRY(write_mark(env, folder, pipeline, last, true));
  }
  TRY(begin_after(env, folder, pipeline, last));
  ASSIGN(const auto entries, env.list(folder));
  for (const FileInfo& entry : entries) {
    const std::string name = name_of(entry.path);
    if (name.starts_with(kAside) && entry.path != aside) TRY(env.remove_tree(entry.path));
  }
  TRY(env.remove(mark_of(folder)));
  TRY(env.sync_directory(folder));
  return true;
}

Result<> begin_after(Env& env, const std::string& folder, const std::string& pipeline, Epoch last) {
  StateFolder state(env, folder);
  ASSIGN(StateFolder::Taken taken, state.taken());
  if (taken.last_epoch >= last) return {};
  Checkpoint checkpoint;
  checkpoint.pipeline = pipeline;
  checkpoint.epoch = last;
  TRY(state.write(checkpoint, last));
  return state.append_taken(checkpoint, env.now_us(), taken);
}

}  // namespace trommel
