// The engine's half of a file sink: temporaries, their checksums, and the renames that make them appear.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/env.h"
#include "component/sink.h"

namespace trommel {

/// A file as it lies ready: closed (and synced, unless the run keeps no state) under its temporary name, final name
/// decided.
struct PreparedFile {
  std::string sink, temporary, final_path;
  int64_t size = 0, rows = 0;
  std::string checksum;  ///< XXH3-64 of its bytes, 16 hex digits
};

/// Files of one sink in one epoch. Temporaries lie in the deepest folder of the final path that exists already, so that
/// a run which publishes nothing leaves no empty folders; their names are written to a list first, so that a dead run's
/// can be swept.
class TemporaryFiles final : public OutputFiles {
 public:
  struct Options {
    std::string sink, pipeline;
    std::string state_folder;  ///< keeps what goes to standard output
    Epoch epoch = 1;
    IfExists if_exists = IfExists::number;
    bool sync = true;
  };
  TemporaryFiles(Env& env, Options options) : env_(env), options_(std::move(options)) {}

  Result<std::unique_ptr<OutputFile>> create(const std::string& path) override;
  Epoch epoch() const override { return options_.epoch; }

  /// Decides the final names. Every file must be closed.
  Result<std::vector<PreparedFile>> prepare();

 private:
  class File;
  Result<> sync_closed();
  Env& env_;
  Options options_;
  std::vector<PreparedFile> closed_;
  int64_t made_ = 0, open_ = 0;
};

/// Renames what is not renamed yet, and accepts what is: may be repeated after a crash at any place. `replaced`: names
/// that files of later epochs may have taken by now.
Result<> commit_files(Env& env, const std::vector<PreparedFile>& files, bool sync,
                      const std::set<std::string>& replaced = {});

/// Temporaries that were made since the last sweep, there or not.
Result<std::vector<std::string>> listed_temporaries(Env& env, const std::string& state_folder);
/// Removes temporaries of runs that died, named in the list, except those that `keep` names.
Result<> sweep_temporaries(Env& env, const std::string& state_folder, const std::vector<PreparedFile>& keep);

}  // namespace trommel
