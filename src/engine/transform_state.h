// What transforms remember from epoch to epoch, as files in the state folder: each epoch adds one with what changed,
// and now and then all of it is written anew as one. A checkpoint names the files that hold at its epoch.
//
// A file is a row of records: kind (put 1, remove 0), then node, key and value, each with its length as 32 bits, little
// endian. Size and checksum stand in the checkpoint.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "component/sink.h"
#include "component/transform.h"

namespace trommel {

/// Changes of one epoch, in the order in which they were made, as the bytes of a file.
using StateChanges = std::string;

/// Writes down what one node wants remembered.
class StateRecorder final : public State {
 public:
  StateRecorder(const std::string& node, StateChanges& changes) : node_(node), changes_(changes) {}
  void put(std::string_view key, std::string_view value) override;
  void remove(std::string_view key) override;

 private:
  const std::string& node_;
  StateChanges& changes_;
};

struct StateFile {
  std::string path;
  int64_t size = 0;
  std::string checksum;  ///< XXH3-64 of its bytes, 16 hex digits
};

class TransformStates {
 public:
  TransformStates(Env& env, std::string folder) : env_(env), folder_(std::move(folder)) {}

  /// The files that hold from now on, as a checkpoint named them.
  void set(std::vector<StateFile> files) { files_ = std::move(files); }
  const std::vector<StateFile>& files() const { return files_; }

  /// Hands a transform all that it remembers. A file that is not what the checkpoint says is an error.
  Result<> load(const std::string& node, Transform& transform) const;

  /// Writes what changed as a synced file, or everything as a new one when the old files have grown to more than twice
  /// of what they hold. Files that no checkpoint names any more are removed by `sweep`.
  Result<std::vector<StateFile>> write(Epoch epoch, const StateChanges& changes, bool sync) const;
  Result<> sweep(const std::vector<std::vector<StateFile>>& kept) const;

 private:
  using Record = std::function<Result<>(bool put, std::string_view node, std::string_view key, std::string_view value)>;
  Result<> each(const StateFile& file, const Record& record) const;
  Result<StateFile> write_file(const std::string& name, const std::string& bytes, bool sync) const;
  Result<std::string> all_of_it(const StateChanges& changes) const;

  Env& env_;
  std::string folder_;
  std::vector<StateFile> files_;
};

}  // namespace trommel
