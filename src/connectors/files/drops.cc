#include "connectors/files/drops.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "connectors/files/content_hash.h"

namespace trommel {
namespace {

constexpr size_t kAtOnce = 5000;            // files claimed and not put away yet
constexpr int64_t kShortestPause = 50'000;  // microseconds between two looks
constexpr int64_t kPauseForEachLook = 20;   // of what a look takes: looking costs a twentieth at most
constexpr int64_t kSettle = 2'000'000;
constexpr int kFailuresMax = 5;                  // looks that fail one after the other
constexpr int64_t kFirstFailurePause = 100'000;  // microseconds; doubles with each

/// A file that cannot even be looked at: whoever opens it hears why.
InputFile broken_input(const FileInfo& file, Error error) {
  InputFile input;
  input.file = file;
  input.broken = std::move(error);
  input.split.size = file.size;
  return input;
}

}  // namespace

Drops::Drops(const FilesConfig& config, Where where)
    : config_(config), where_(std::move(where)), env_(*where_.env), put_away_(env_) {
  for (const std::string& path : config.path) {
    if (path == "-") continue;
    DropFolder::Options options;
    options.pattern = join_path(where_.folder, path);
    options.owner = where_.owner;
    options.run = where_.run;
    options.after = config.after;
    options.settle_us = config.settle ? config.settle->us : kSettle;
    options.settle_always = config.settle.has_value();
    for (const auto& own : {config.move_to, config.rejects.whole_file}) {
      if (own) options.not_in.push_back(join_path(where_.folder, own->text));
    }
    folders_.emplace_back(env_, std::move(options));
  }
}

Result<std::vector<InputFile>> Drops::look() {
  const int64_t started = env_.steady_us();
  std::vector<InputFile> found;
  if (started < next_look_us_) {
    for (const auto& [path, inputs] : seen_) found.insert(found.end(), inputs.begin(), inputs.end());
    return found;
  }
  std::map<std::string, std::vector<InputFile>> seen;
  for (DropFolder& folder : folders_) {
    auto drops = folder.look(kAtOnce - std::min(kAtOnce, found.size()));
    if (!drops) {
      if (++failures_ == kFailuresMax) return tl::unexpected(drops.error());
      news_.push_back("cannot look for files: " + drops.error().text());
      next_look_us_ = started + (kFirstFailurePause << failures_);
      return found;
    }
    TRY(folder.sync_claims());
    for (const DropFolder::Drop& drop : *drops) {
      ASSIGN(auto inputs, inputs_of(folder, drop));
      found.insert(found.end(), inputs.begin(), inputs.end());
      seen[drop.file.path] = std::move(inputs);
    }
  }
  seen_ = std::move(seen);
  failures_ = 0;
  const int64_t now = env_.steady_us();
  next_look_us_ = now + std::max(kShortestPause, kPauseForEachLook * (now - started));
  return found;
}

/// Ids are the claimed paths, which are never used again; people see the path that the file was dropped under.
Result<std::vector<InputFile>> Drops::inputs_of(DropFolder& folder, const DropFolder::Drop& drop) {
  const bool claimed = folder.is_claim(drop.file.path);
  if (const auto known = seen_.find(drop.file.path); known != seen_.end()) {
    const FileInfo& before = known->second.front().file;
    if (before.size == drop.file.size && before.modified_us == drop.file.modified_us) return known->second;
  }
  std::map<std::string, std::vector<InputFile>> no_pipes;
  auto inputs = look_into({&env_, where_.folder, "", config_.packing(), &no_pipes}, drop.file);
  if (!inputs) inputs = std::vector{broken_input(drop.file, std::move(inputs).error())};
  std::string content;
  if (config_.same_content == SameContent::skip) {
    if (auto hash = content_hash(env_, drop.file.path)) content = *hash;
  }
  const std::string unit = shown_path(drop.file.path, where_.folder);
  const std::string name = shown_path(folder.origin(drop), where_.folder);
  for (InputFile& input : *inputs) {
    const std::string member = input.member ? "!" + input.member->name : "";
    if (claimed) input.split.id = unit + member;
    if (input.split.id.empty()) input.split.id = fmt::format("{}#{}-{}", unit, drop.file.size, drop.file.modified_us);
    input.split.name = name + member;
    input.split.unit = unit;
    input.split.remember = !claimed;
    if (!content.empty()) input.split.content = content + member;
  }
  return std::move(*inputs);
}

bool Drops::expects_more() const {
  return failures_ > 0 ||
         std::any_of(folders_.begin(), folders_.end(), [](const DropFolder& folder) { return folder.expects_more(); });
}

std::vector<std::string> Drops::news() {
  std::vector<std::string> all = std::exchange(news_, {});
  for (DropFolder& folder : folders_) {
    auto own = folder.news();
    std::move(own.begin(), own.end(), std::back_inserter(all));
  }
  return all;
}

DropFolder* Drops::owner_of(const std::string& path) {
  for (DropFolder& folder : folders_) {
    if (path.starts_with(folder.base() + "/")) return &folder;
  }
  return nullptr;
}

/// What the file was called below the folder that is watched.
std::string Drops::name_below(const std::string& path) {
  const DropFolder* folder = owner_of(path);
  if (folder == nullptr) return name_of(path);
  const std::string below = path.substr(folder->base().size() + 1);
  if (!folder->is_claim(path)) return below;
  size_t slash = below.find('/');      // .trommel-NAME
  slash = below.find('/', slash + 1);  // RUN-N
  return below.substr(slash + 1);
}

Drops::Unit& Drops::unit_of(const Split& split, const InputFile* known, std::map<std::string, Unit>& units) {
  Unit& unit = units[split.unit_id()];
  if (unit.path.empty()) {
    unit.path = join_path(where_.folder, split.unit_id());
    unit.name = name_below(unit.path);
    const DropFolder* folder = owner_of(unit.path);
    const bool claimed = folder != nullptr && folder->is_claim(unit.path);
    // What lies at its old place may be another file by now: only the one that was read is put away.
    if (!claimed) unit.whole = known != nullptr && check_unchanged(env_, *known);
  }
  return unit;
}

Result<> Drops::durable(std::span<const Delivered> delivered, const Find& find) {
  std::map<std::string, Unit> units;
  for (const Delivered& one : delivered) {
    if (one.split.unit.empty()) continue;  // a pipe
    Unit& unit = unit_of(one.split, find(one.split.id), units);
    if (!one.ended) unit.whole = false;
    if (one.how == Delivered::How::refused) {
      unit.how = one.how;
      unit.why = one.why;
    }
  }
  for (const auto& [id, unit] : units) {
    if (unit.whole) TRY(put_away(unit));
  }
  return put_away_.sync();
}

Result<> Drops::put_away(const Unit& unit) {
  if (unit.how == Delivered::How::refused && config_.rejects.whole_file) {
    const std::string folder = join_path(where_.folder, config_.rejects.whole_file->text);
    TRY(put_away_.refuse(unit.path, folder, unit.name, unit.why));
  } else if (config_.after == After::remove) {
    TRY(put_away_.remove(unit.path));
  } else if (config_.after == After::move) {
    TRY(put_away_.move(unit.path, join_path(where_.folder, config_.move_to->text), unit.name));
  } else {
    return {};
  }
  seen_.erase(unit.path);
  if (DropFolder* folder = owner_of(unit.path)) TRY(folder->tidy(unit.path));
  return {};
}

void Drops::release(std::span<const Split> splits, const Find& find) {
  for (const Split& split : splits) {
    const InputFile* known = find(split.id);
    DropFolder* folder = known == nullptr ? nullptr : owner_of(known->file.path);
    if (folder == nullptr || !env_.exists(known->file.path)) continue;
    const DropFolder::Drop drop{known->file, name_below(known->file.path)};
    if (auto back = folder->give_back(drop); !back) news_.push_back(back.error().text());
    seen_.erase(drop.file.path);
  }
}

}  // namespace trommel
