#include "simulation/disk.h"

#include <algorithm>

namespace trommel {

SimulatedDisk::FilePtr SimulatedDisk::find(const std::string& path) const {
  const auto found = live_.find(path);
  return found == live_.end() ? nullptr : found->second;
}

bool SimulatedDisk::is_folder(const std::string& path) const { return path == "/" || folders_.contains(path); }

std::vector<std::string> SimulatedDisk::below(const std::string& folder) const {
  const std::string prefix = folder == "/" ? "/" : folder + "/";
  std::vector<std::string> paths;
  for (auto at = live_.lower_bound(prefix); at != live_.end() && at->first.starts_with(prefix); ++at)
    paths.push_back(at->first);
  return paths;
}

std::vector<FileInfo> SimulatedDisk::list(const std::string& folder) const {
  std::vector<FileInfo> entries;
  for (const std::string& path : below(folder)) {
    if (folder_of(path) != folder) continue;
    const FilePtr file = find(path);
    entries.push_back({path, static_cast<int64_t>(file->content.size()), file->modified_us, false});
  }
  const std::string prefix = folder + "/";
  for (auto at = folders_.lower_bound(prefix); at != folders_.end() && at->starts_with(prefix); ++at) {
    if (folder_of(*at) == folder) entries.push_back({*at, 0, 0, true});
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return entries;
}

bool SimulatedDisk::is_empty(const std::string& folder) const { return list(folder).empty(); }

SimulatedDisk::FilePtr SimulatedDisk::create(const std::string& path, int64_t now_us) {
  FilePtr file = find(path);
  if (!file) {
    file = std::make_shared<File>();
    live_[path] = file;
    change("", path, file);
  }
  file->content.clear();
  file->synced = false;
  file->modified_us = now_us;
  return file;
}

void SimulatedDisk::append(File& file, std::string_view bytes, int64_t now_us) {
  file.content += bytes;
  file.synced = false;
  file.modified_us = now_us;
}

void SimulatedDisk::rename(const std::string& from, const std::string& to) {
  FilePtr file = find(from);
  live_.erase(from);
  live_[to] = file;
  change(from, to, std::move(file));
}

void SimulatedDisk::remove(const std::string& path) {
  live_.erase(path);
  change(path, "", nullptr);
}

void SimulatedDisk::change(const std::string& from, const std::string& to, FilePtr file) {
  Change one{from, to, std::move(file), {}};
  for (const std::string& path : {from, to}) {
    if (!path.empty()) one.folders.push_back(folder_of(path));
  }
  changes_.push_back(std::move(one));
}

/// Its going lasts with the folder above it, and so does that of what was in it.
void SimulatedDisk::remove_folder(const std::string& path) {
  if (folders_.erase(path) > 0) changes_.push_back({"", "", nullptr, {path, folder_of(path)}});
}

void SimulatedDisk::make_folders(const std::string& path) {
  for (std::string at = path; at != "/" && at != "."; at = folder_of(at)) folders_.insert(at);
}

void SimulatedDisk::sync(File& file) {
  file.durable = file.content;
  file.synced = true;
}

bool SimulatedDisk::Change::touches(const std::string& folder) const {
  return std::find(folders.begin(), folders.end(), folder) != folders.end();
}

void SimulatedDisk::apply(const Change& change) {
  if (!change.from.empty()) durable_.erase(change.from);
  if (!change.to.empty()) durable_[change.to] = change.file;
}

/// With a change last those that came before it in its folders, and what those rest on.
void SimulatedDisk::sync_folder(const std::string& path) {
  std::set<std::string> wanted = {path};
  std::vector<bool> lasts(changes_.size());
  for (size_t i = changes_.size(); i-- > 0;) {
    const Change& change = changes_[i];
    lasts[i] =
        std::any_of(wanted.begin(), wanted.end(), [&](const std::string& folder) { return change.touches(folder); });
    if (!lasts[i]) continue;
    wanted.insert(change.folders.begin(), change.folders.end());
  }
  std::vector<Change> left;
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (lasts[i]) {
      apply(changes_[i]);
    } else {
      left.push_back(std::move(changes_[i]));
    }
  }
  changes_ = std::move(left);
}

void SimulatedDisk::sync_all() {
  for (auto& [path, file] : live_) sync(*file);
  changes_.clear();
  durable_ = live_;
}

void SimulatedDisk::crash(Dice& dice) {
  const double survives = static_cast<double>(dice.below(3)) / 2;  // none, half or all of them
  std::set<std::string> cut;                                       // folders one of whose changes was lost
  for (const Change& change : changes_) {
    const auto& own = change.folders;
    const bool free = std::none_of(own.begin(), own.end(), [&](const std::string& at) { return cut.contains(at); });
    if (free && dice.chance(survives)) {
      apply(change);
    } else {
      cut.insert(own.begin(), own.end());
    }
  }
  changes_.clear();
  live_ = durable_;
  for (const auto& [path, file] : live_) make_folders(folder_of(path));
  for (auto& [path, file] : live_) {
    if (!file->synced) {
      const int64_t way = dice.below(3);
      std::string& content = file->content;
      if (way == 0) content = file->durable;
      if (way == 1) content.resize(static_cast<size_t>(dice.below(static_cast<int64_t>(content.size()) + 1)));
      if (way == 2 && content.size() > file->durable.size()) {
        const auto size = static_cast<int64_t>(content.size());
        const int64_t from = dice.between(static_cast<int64_t>(file->durable.size()), size - 1);
        std::fill(content.begin() + from, content.end(), '\0');
      }
      // Bytes that were appended behind synced ones do not take those away.
      if (way == 1 && content.size() < file->durable.size()) content = file->durable;
    }
    sync(*file);
  }
}

}  // namespace trommel
