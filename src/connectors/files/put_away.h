// Where a file goes once its rows are safe, or once it was refused. Each may be done again after a crash: a file that
// is gone was put away before.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "base/env.h"

namespace trommel {

class PutAway {
 public:
  explicit PutAway(Env& env) : env_(env) {}

  Result<> remove(const std::string& path);
  /// Into `folder`, under `name` (which may have folders of its own), or `name-2`, ... where that is taken. Copied
  /// where the folder lies on another file system. Returns its new path; empty when the file is gone already.
  Result<std::string> move(const std::string& path, const std::string& folder, const std::string& name);
  /// Moves it likewise, and lays `why` beside it as `NAME.why.txt`.
  Result<std::string> refuse(const std::string& path, const std::string& folder, const std::string& name,
                             const std::string& why);
  /// Everything done so far lasts.
  Result<> sync();

 private:
  Result<std::string> bring(const std::string& from, const std::string& folder, const std::string& name,
                            const std::function<Result<>(const std::string&)>& before);

  Env& env_;
  std::set<std::string> touched_;  ///< folders
};

}  // namespace trommel
