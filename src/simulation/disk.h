// A disk in memory that forgets what POSIX allows it to forget when the power goes.
//
// Content lasts once its file was synced; until then a crash may leave the old content, a part of the new, or rubbish.
// Names last once their folder was synced; until then each change (made, renamed, removed) may be undone, but changes
// of one folder are undone from the last to the first, and a rename as a whole. New folders always last.
// (What file systems really do: Pillai et al., All File Systems Are Not Created Equal, OSDI 2014.)
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "simulation/random.h"

namespace trommel {

class SimulatedDisk {
 public:
  struct File {
    std::string content;
    std::string durable;  ///< what a crash leaves for sure
    bool synced = false;  ///< `durable` is all of it
    int64_t modified_us = 0;
  };
  using FilePtr = std::shared_ptr<File>;

  FilePtr find(const std::string& path) const;
  bool is_folder(const std::string& path) const;
  bool exists(const std::string& path) const { return find(path) || is_folder(path); }
  std::vector<FileInfo> list(const std::string& folder) const;
  /// Every file below a folder, by path.
  std::vector<std::string> below(const std::string& folder) const;
  bool is_empty(const std::string& folder) const;

  FilePtr create(const std::string& path, int64_t now_us);  ///< emptied when it is there
  void append(File& file, std::string_view bytes, int64_t now_us);
  void rename(const std::string& from, const std::string& to);
  void remove(const std::string& path);
  void make_folders(const std::string& path);
  void remove_folder(const std::string& path);

  void sync(File& file);
  void sync_folder(const std::string& path);
  void sync_all();

  /// The power goes: what was not synced survives or not, as the dice fall.
  void crash(Dice& dice);

 private:
  struct Change {
    std::string from, to;  ///< of a rename both; a new name has no `from`, a removed one no `to`
    FilePtr file;
    std::vector<std::string> folders;  ///< whose entries it changes
    bool touches(const std::string& folder) const;
  };
  void change(const std::string& from, const std::string& to, FilePtr file);
  void apply(const Change& change);

  std::map<std::string, FilePtr> live_, durable_;
  std::set<std::string> folders_;
  std::vector<Change> changes_;  ///< of names, since they were synced
};

}  // namespace trommel
