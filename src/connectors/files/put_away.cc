#include "connectors/files/put_away.h"

#include <utility>
#include <vector>

#include "base/numbered_path.h"

namespace trommel {
namespace {

std::string free_path(Env& env, const std::string& folder, const std::string& name) {
  return first_numbered(join_path(folder, name), [&](const std::string& path) { return !env.exists(path); });
}

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
  if (!env_.exists(path)) return {};
  touched_.insert(folder_of(path));
  return env_.remove(path);
}

Result<> PutAway::bring(const std::string& from, const std::string& to) {
  touched_.insert(folder_of(from));
  touched_.insert(folder_of(to));
  if (env_.rename(from, to)) return {};
  TRY(copy_durably(env_, from, to));
  return env_.remove(from);
}

Result<std::string> PutAway::move(const std::string& path, const std::string& folder, const std::string& name) {
  if (!env_.exists(path)) return std::string();
  const std::string to = free_path(env_, folder, name);
  TRY(env_.make_directories(folder_of(to)));
  TRY(bring(path, to));
  return to;
}

Result<std::string> PutAway::refuse(const std::string& path, const std::string& folder, const std::string& name,
                                    const std::string& why) {
  if (!env_.exists(path)) return std::string();
  const std::string to = free_path(env_, folder, name);
  TRY(env_.make_directories(folder_of(to)));
  // The reason first: a refused file without one would leave its owner at a loss.
  TRY(env_.write_text(to + ".why.txt", why));
  TRY(bring(path, to));
  return to;
}

Result<> PutAway::sync() {
  for (const std::string& folder : std::exchange(touched_, {})) {
    if (env_.exists(folder)) TRY(env_.sync_directory(folder));
  }
  return {};
}

}  // namespace trommel
