// The files of a source that come and go: found in watched folders, and put away once their rows are safe.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "component/source.h"
#include "connectors/files/drop_folder.h"
#include "connectors/files/put_away.h"
#include "connectors/files/source_config.h"

namespace trommel {

class Drops {
 public:
  struct Where {
    Env* env = nullptr;
    std::string folder;  ///< of the pipeline
    std::string owner;   ///< the pipeline's name
    uint64_t run = 1;    ///< see DropFolder::Options
  };
  Drops(const FilesConfig& config, Where where);

  /// Complete files of the watched folders. Asked too soon it gives what it gave last. An error once looks have failed
  /// several times in a row; until then `news` tells of each.
  Result<std::vector<InputFile>> look();
  bool expects_more() const;
  std::vector<std::string> news();

  using Find = std::function<const InputFile*(const std::string& split_id)>;
  /// Deletes, moves or keeps what was taken, and brings what was refused to its folder. `find` gives what is known of a
  /// split.
  Result<> durable(std::span<const Delivered> delivered, const Find& find);
  void release(std::span<const Split> splits, const Find& find);

 private:
  struct Unit {
    std::string path, name;
    Delivered::How how = Delivered::How::taken;
    std::string why;
    bool whole = true;  ///< all its splits have ended, and it is still the file that was read
  };
  Result<std::vector<InputFile>> inputs_of(DropFolder& folder, const DropFolder::Drop& drop);
  Unit& unit_of(const Split& split, const InputFile* known, std::map<std::string, Unit>& units);
  Result<> put_away(const Unit& unit);
  DropFolder* owner_of(const std::string& path);
  std::string name_below(const std::string& path);

  const FilesConfig config_;
  const Where where_;
  Env& env_;
  PutAway put_away_;
  std::vector<DropFolder> folders_;                     ///< one a pattern
  std::map<std::string, std::vector<InputFile>> seen_;  ///< by path: what was given out and is not put away yet
  int64_t next_look_us_ = 0;
  int failures_ = 0;  ///< looks since the last one that went well
  std::vector<std::string> news_;
};

}  // namespace trommel
