#include "spill/spill_file.h"

#include <fmt/format.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <set>

namespace trommel {
namespace {

constexpr int64_t kDeadAfter = int64_t{3600} * 1'000'000;  // without a write

/// What a process left behind that was killed while it wrote. Once a process and folder; what cannot be removed stays.
void sweep_once(Env& env, const std::string& folder) {
  static std::mutex mutex;
  static std::set<std::string> swept;
  const std::lock_guard lock(mutex);
  if (!swept.insert(folder).second) return;
  const auto files = env.list(folder);
  if (!files) return;
  for (const FileInfo& file : *files) {
    if (file.path.ends_with(".spill") && env.now_us() - file.modified_us > kDeadAfter) (void)env.remove(file.path);
  }
}

}  // namespace

Result<SpillFile> SpillFile::create(Env& env, const std::string& folder) {
  static std::atomic<int64_t> number{0};
  TRY(env.make_directories(folder));
  sweep_once(env, folder);
  SpillFile file;
  file.env_ = &env;
  file.path_ = fmt::format("{}/{}-{:06}.spill", folder, env.process().id, ++number);
  ASSIGN(file.stream_, env.create(file.path_));
  return file;
}

Result<std::unique_ptr<RandomFile>> SpillFile::read() {
  TRY(stream_->close());
  stream_.reset();
  ASSIGN(auto file, env_->open_random(path_));
  TRY(env_->remove(path_));
  return file;
}

Result<> SpillBytes::append(Bytes bytes) {
  size_ += static_cast<int64_t>(bytes.size());
  if (!file_ && static_cast<int64_t>(held_.size() + bytes.size()) <= memory_) {
    held_.insert(held_.end(), bytes.begin(), bytes.end());
    return {};
  }
  if (!file_) {
    ASSIGN(auto file, SpillFile::create(env_, folder_));
    file_ = std::make_unique<SpillFile>(std::move(file));
    TRY(file_->stream().append(held_));
    std::vector<uint8_t>().swap(held_);
  }
  return file_->stream().append(bytes);
}

Result<> SpillBytes::finish() {
  if (!file_) return {};
  ASSIGN(reader_, file_->read());
  file_.reset();
  return {};
}

Result<> SpillBytes::read(int64_t offset, std::span<uint8_t> into) const {
  if (!reader_) {
    TROMMEL_CHECK(offset + static_cast<int64_t>(into.size()) <= static_cast<int64_t>(held_.size()), "beyond the end");
    std::memcpy(into.data(), held_.data() + offset, into.size());
    return {};
  }
  ASSIGN(const size_t got, reader_->read_at(offset, into));
  if (got != into.size()) return external_error(folder_, "a spill file is shorter than what was written to it");
  return {};
}

}  // namespace trommel
