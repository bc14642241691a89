#include "base/lasting_folder.h"

#include <vector>

namespace trommel {

Result<> make_lasting_directories(Env& env, const std::string& path) {
  std::vector<std::string> changed;  // folders that get a name
  for (std::string folder = path; !env.exists(folder) && folder != folder_of(folder); folder = folder_of(folder))
    changed.push_back(folder_of(folder));
  TRY(env.make_directories(path));
  for (const std::string& folder : changed) TRY(env.sync_directory(folder));
  return {};
}

}  // namespace trommel
