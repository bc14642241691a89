// A folder for what a command must put somewhere while it runs.
#pragma once

#include <string>

#include "base/env.h"

namespace trommel::cli {

/// A folder of its own under $TMPDIR that is gone when the command ends.
class ScratchFolder {
 public:
  explicit ScratchFolder(Env& env);
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  /// Its path, or why there is none.
  Result<std::string> path() const;

 private:
  Env& env_;
  std::string path_;
};

}  // namespace trommel::cli
