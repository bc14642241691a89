#include "cli/scratch.h"

#include <cstdlib>

namespace trommel::cli {

ScratchFolder::ScratchFolder(Env& env) : env_(env) {
  const char* base = std::getenv("TMPDIR");
  std::string name = std::string(base != nullptr && *base != 0 ? base : "/tmp") + "/trommel-XXXXXX";
  if (mkdtemp(name.data()) != nullptr) path_ = name;
}

ScratchFolder::~ScratchFolder() {
  if (!path_.empty()) (void)env_.remove_tree(path_);
}

Result<std::string> ScratchFolder::path() const {
  if (path_.empty()) return external_error("TMPDIR", "no folder can be made in it");
  return path_;
}

}  // namespace trommel::cli
