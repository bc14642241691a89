// A folder into which people drop files: which of them are complete, how each is claimed before it is read, and where
// it goes afterwards.
//
// A file is complete when nobody has it open for writing; where the system does not tell, when its size and time have
// stood still for a while. There is no listening for notices of the operating system: they overflow, are lost over
// networks and say nothing of files that were there before, so a look at the folder now and then would be needed
// anyway.
//
// A claimed file lies in BASE/.trommel-NAME/RUN-N/, under the path it had below BASE (the part of the pattern before
// its first wildcard). That name is never given again, so that a checkpoint may know a file by it for ever; and a new
// file of the old name is a new file.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/env.h"

namespace trommel {

/// `after:` of a files source: what becomes of a file once its rows are safe.
enum class After { keep, remove, move };

class DropFolder {
 public:
  struct Options {
    std::string pattern;  ///< absolute
    std::string owner;    ///< of the claims: the pipeline's name
    uint64_t run = 1;     ///< a number that no earlier run which ended an epoch had
    After after = After::keep;
    int64_t settle_us = 2'000'000;
    bool settle_always = false;       ///< also where the system says that nobody writes
    std::vector<std::string> not_in;  ///< folders of ours that a pattern may reach into
  };
  /// A file to be read.
  struct Drop {
    FileInfo file;     ///< as it lies now
    std::string name;  ///< the path that it had below the base folder
  };

  DropFolder(Env& env, Options options);

  /// Complete files, at most `most`; claimed unless they are kept. Claims of earlier runs come first. Files given out
  /// before come again as long as they are there.
  Result<std::vector<Drop>> look(size_t most);
  /// To be called before claims are read: one that a crash undoes after its rows were published would have the file
  /// read again.
  Result<> sync_claims();
  /// Something is there that is not complete yet.
  bool expects_more() const;
  /// The folder went away, came back; files of which the system does not tell.
  std::vector<std::string> news();

  const std::string& base() const { return base_; }
  /// Where the file of a drop was before it was claimed.
  std::string origin(const Drop& drop) const { return base_ + "/" + drop.name; }
  /// Puts a claimed file back, if its place is free; it is looked at again only once it has changed.
  Result<> give_back(const Drop& drop);
  /// After a claimed file was put away: removes empty folders of claims. Later claims get other names.
  Result<> tidy(const std::string& path);
  bool is_claim(const std::string& path) const { return path.starts_with(claims_ + "/"); }

 private:
  struct Seen {
    int64_t size = 0, modified_us = 0, since_us = 0;
    bool complete = false;  ///< and will be as long as it stands still
  };
  bool complete(const FileInfo& file, std::map<std::string, Seen>& seen);
  Result<bool> take(Drop& drop);
  bool left_alone(const FileInfo& file) const;
  Result<> claims_of_old(std::vector<Drop>& drops, const std::string& folder);
  Result<bool> claim(Drop& drop);

  Env& env_;
  const Options options_;
  std::string base_;    ///< the part of the pattern without wildcards
  std::string claims_;  ///< BASE/.trommel-NAME
  uint64_t number_ = 0;
  std::set<std::string> unsynced_;  ///< folders whose entries changed by claims
  std::set<std::string> lasting_;   ///< folders of claims that are synced, or will be before their files are read
  bool there_ = true;
  std::map<std::string, Seen> seen_;        ///< by path: what lay there at the last look and was waited for
  std::map<std::string, Seen> given_back_;  ///< by path: not to be taken as it is
  std::vector<std::string> news_;
};

}  // namespace trommel
