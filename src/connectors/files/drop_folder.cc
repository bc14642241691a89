#include "connectors/files/drop_folder.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/planted.h"

#include "connectors/files/glob.h"

namespace trommel {
namespace {

/// The folder above the first part of a path that holds a wildcard; of a plain path the folder of its file.
std::string base_of(Env& env, const std::string& pattern) {
  if (const auto info = env.exists(pattern) ? env.info(pattern) : Result<FileInfo>(FileInfo{});
      info && info->is_directory)
    return pattern;
  std::string folder = folder_of(pattern);
  for (std::string at = pattern; at != "/" && at != "."; at = folder_of(at)) {
    if (is_pattern(name_of(at))) folder = folder_of(at);
  }
  return folder;
}

}  // namespace

DropFolder::DropFolder(Env& env, Options options)
    : env_(env),
      options_(std::move(options)),
      base_(base_of(env, options_.pattern)),
      claims_(base_ + "/.trommel-" + options_.owner) {}

std::vector<std::string> DropFolder::news() { return std::exchange(news_, {}); }

Result<std::vector<DropFolder::Drop>> DropFolder::look(size_t most) {
  std::vector<Drop> drops;
  if (const bool there = env_.exists(base_); there != there_) {
    there_ = there;
    news_.push_back(base_ + (there ? " is there again" : " is not there: waiting for it"));
  }
  if (!there_) return drops;
  if (options_.after != After::keep && env_.exists(claims_)) TRY(claims_of_old(drops, claims_));
  auto files = find_files(env_, options_.pattern);
  if (!files) return there_ && env_.exists(base_) ? Result<std::vector<Drop>>(tl::unexpected(files.error())) : drops;
  std::map<std::string, Seen> seen;
  for (FileInfo& file : *files) {
    const bool ours = std::any_of(options_.not_in.begin(), options_.not_in.end(),
                                  [&](const std::string& folder) { return file.path.starts_with(folder + "/"); });
    if (ours || left_alone(file) || !complete(file, seen)) continue;
    if (drops.size() >= most) break;
    Drop drop{std::move(file), {}};
    drop.name = drop.file.path.substr(base_.size() + 1);
    const std::string path = drop.file.path;
    ASSIGN(const bool taken, take(drop));
    if (taken) {
      drops.push_back(std::move(drop));
    } else if (env_.exists(path)) {
      seen[path].complete = false;  // it waits for its name
    }
  }
  seen_ = std::move(seen);
  return drops;
}

Result<> DropFolder::sync_claims() {
  for (const std::string& folder : unsynced_) {
    if (env_.exists(folder)) TRY(env_.sync_directory(folder));
  }
  unsynced_.clear();
  return {};
}

/// Files that an earlier run claimed, or this one and did not put away yet.
Result<> DropFolder::claims_of_old(std::vector<Drop>& drops, const std::string& folder) {
  // The run that claimed them may not have come to syncing that, and nothing may rest on what a crash would undo.
  if (lasting_.insert(folder).second) {
    unsynced_.insert({base_, folder});
    const size_t run = folder.size() > claims_.size() ? folder.find('/', claims_.size() + 1) : std::string::npos;
    if (run != std::string::npos && env_.exists(base_ + folder.substr(run)))
      unsynced_.insert(base_ + folder.substr(run));
  }
  ASSIGN(const auto entries, env_.list(folder));
  for (const FileInfo& entry : entries) {
    if (entry.is_directory) {
      TRY(claims_of_old(drops, entry.path));
      continue;
    }
    const std::string below = entry.path.substr(claims_.size() + 1);
    const size_t slash = below.find('/');
    if (slash == std::string::npos) continue;
    const std::string name = below.substr(slash + 1);
    const bool wanted = path_matches(options_.pattern, base_ + "/" + name) || base_ == options_.pattern ||
                        options_.pattern == base_ + "/" + name;
    if (wanted) drops.push_back({entry, name});
  }
  // A run that died while it claimed or put away leaves folders with nothing in them.
  const bool files =
      std::any_of(entries.begin(), entries.end(), [](const FileInfo& entry) { return !entry.is_directory; });
  return files ? Result<>() : env_.remove_folder(folder);
}

bool DropFolder::left_alone(const FileInfo& file) const {
  const auto found = given_back_.find(file.path);
  return found != given_back_.end() && found->second.size == file.size && found->second.modified_us == file.modified_us;
}

bool DropFolder::expects_more() const {
  return std::any_of(seen_.begin(), seen_.end(), [](const auto& entry) { return !entry.second.complete; });
}

bool DropFolder::complete(const FileInfo& file, std::map<std::string, Seen>& seen) {
  const int64_t now = env_.steady_us();
  const auto before = seen_.find(file.path);
  const bool still =
      before != seen_.end() && before->second.size == file.size && before->second.modified_us == file.modified_us;
  Seen own{file.size, file.modified_us, still ? before->second.since_us : now, still && before->second.complete};
  if (!own.complete) {
    const auto written = env_.being_written(file.path);
    const bool settled = still && now - own.since_us >= options_.settle_us;
    // An empty file may have been made just now, by somebody who opens it again to fill it.
    const bool free = written && !*written && file.size > 0 && !options_.settle_always;
    own.complete = settled ? !written.value_or(false) : free;
  }
  seen[file.path] = own;
  if (own.complete) given_back_.erase(file.path);
  return own.complete;
}

/// False: it went away meanwhile. Its size is asked for once more, for until it was found complete it may have grown.
Result<bool> DropFolder::take(Drop& drop) {
  if (options_.after != After::keep && !planted(Mistake::claim_by_name)) {
    ASSIGN(const bool claimed, claim(drop));
    if (!claimed) return false;
  }
  auto now = env_.info(drop.file.path);
  if (now && planted(Mistake::claim_with_the_size_seen_before)) now->size = drop.file.size;
  if (!now && !env_.exists(drop.file.path)) return false;
  if (!now) return tl::unexpected(now.error());
  drop.file = std::move(*now);
  return true;
}

/// False: it went away meanwhile, or its name is taken by one that is not put away yet.
Result<bool> DropFolder::claim(Drop& drop) {
  std::string to;
  for (uint64_t tries = 0; tries < 2; ++tries) {
    to = fmt::format("{}/{}-{}/{}", claims_, options_.run, number_, drop.name);
    if (planted(Mistake::claim_numbers_come_again)) to = fmt::format("{}/1-0/{}", claims_, drop.name);
    if (!env_.exists(to)) break;
    ++number_;
  }
  if (env_.exists(to) && !planted(Mistake::claim_numbers_come_again)) return false;
  if (!env_.exists(folder_of(to))) {
    TRY(env_.make_directories(folder_of(to)));
    for (std::string folder = folder_of(to); folder != base_; folder = folder_of(folder)) {
      unsynced_.insert(folder);
      lasting_.insert(folder);
    }
    unsynced_.insert(base_);
  }
  unsynced_.insert(folder_of(to));
  unsynced_.insert(folder_of(drop.file.path));
  if (auto moved = env_.rename(drop.file.path, to); !moved) {
    if (!env_.exists(drop.file.path)) return false;
    return tl::unexpected(moved.error());
  }
  drop.file.path = to;
  return true;
}

Result<> DropFolder::give_back(const Drop& drop) {
  const std::string to = origin(drop);
  ASSIGN(const FileInfo now, env_.info(drop.file.path));
  given_back_[to] = {now.size, now.modified_us, 0};
  if (!is_claim(drop.file.path)) return {};
  TRY(env_.make_directories(folder_of(to)));
  ASSIGN(const bool back, env_.rename_new(drop.file.path, to));
  if (!back) return {};
  return tidy(drop.file.path);
}

Result<> DropFolder::tidy(const std::string& path) {
  if (!is_claim(path)) return {};
  ++number_;
  for (std::string folder = folder_of(path); folder.starts_with(claims_); folder = folder_of(folder)) {
    TRY(env_.remove_folder(folder));
    if (!env_.exists(folder)) lasting_.erase(folder);
  }
  return {};
}

}  // namespace trommel
