#include "connectors/files/put_away.h"

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/numbered_path.h"

namespace trommel {
namespace {

Result<> copy_durably(Env& env, const std::string& from, const std::string& to) {
  const std::string aside = folder_of(to) + "/." + name_of(to) + ".tmp";
  ASSIGN(auto in, env.open_stream(from));
  ASSIGN(auto out, env.create(aside));
  std::vector<uint8_t> buffer(1 << 20);
  for (;;) {
    ASSIGN(const size_t got, in->read(buffer));
    if (got == 0) break;
    TRY(out->append({buffer.data(), got}));
  }
  TRY(out->sync());
  TRY(out->close());
  TRY(env.rename(aside, to));
  return env.sync_directory(folder_of(to));
}

}  // namespace

Result<> PutAway::remove(const std::string& path) {
  // Also where it is gone: the run that removed it may not have come to syncing that.
  touched_.insert(folder_of(path));
  return env_.exists(path) ? env_.remove(path) : Result<>();
}

/// To `folder`/`name`, or the first `name-2`, ... that nothing has, as the file system says when it is done. `before`
/// hears of each name that is tried.
Result<std::string> PutAway::bring(const std::string& from, const std::string& folder, const std::string& name,
                                   const std::function<Result<>(const std::string&)>& before) {
  for (;;) {
    const std::string to =
        first_numbered(join_path(folder, name), [&](const std::string& path) { return !env_.exists(path); });
    touched_.insert(folder_of(to));
    TRY(env_.make_directories(folder_of(to)));
    TRY(before(to));
    const auto moved = env_.rename_new(from, to);
    if (moved && *moved) return to;
    if (moved) continue;
    if (moved.error().what.find(std::strerror(EXDEV)) == std::string::npos) return tl::unexpected(moved.error());
    TRY(copy_durably(env_, from, to));  // another file system
    TRY(env_.remove(from));
    return to;
  }
}

Result<std::string> PutAway::move(const std::string& path, const std::string& folder, const std::string& name) {
  touched_.insert(folder_of(path));
  if (!env_.exists(path)) return std::string();
  return bring(path, folder, name, [](const std::string&) { return Result<>(); });
}

Result<std::string> PutAway::refuse(const std::string& path, const std::string& folder, const std::string& name,
                                    const std::string& why) {
  touched_.insert(folder_of(path));
  if (!env_.exists(path)) return std::string();
  // The reason first: a refused file without one would leave its owner at a loss.
  return bring(path, folder, name, [&](const std::string& to) { return env_.write_text(to + ".why.txt", why); });
}

Result<> PutAway::sync() {
  // A folder that was removed meanwhile takes its names with it, once the one above it is synced.
  std::set<std::string> left;
  for (std::string folder : std::exchange(touched_, {})) {
    while (!env_.exists(folder) && folder != folder_of(folder)) folder = folder_of(folder);
    left.insert(std::move(folder));
  }
  for (const std::string& folder : left) TRY(env_.sync_directory(folder));
  return {};
}

}  // namespace trommel
