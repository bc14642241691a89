#include "simulation/env.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace trommel {
namespace {

constexpr int64_t kTouchesMax = 50'000;  // of one seed: more is a program that goes round in circles

}  // namespace

Result<> SimulatedEnv::touch(const char* what, const std::string& where) {
  ++touches_;
  ++passed_us_;
  if (touches_ > kTouchesMax) throw NoEnd{fmt::format("{} {}", what, where)};
  if (log) log(fmt::format("{} {}", what, where));
  if (on_touch) on_touch();
  // Most touches look at something; those that change something are the ones to be hit.
  const std::string_view kind = what;
  const bool looks = kind == "open" || kind == "read" || kind == "look at" || kind == "list" || kind == "sleep";
  const bool commits = kind == "commit to store";
  const double aimed = commits ? faults.crash_at_commit : 0;
  const bool publishes = commits || (kind == "rename" && where.find(".tmp -> ") != std::string::npos);
  if (dice_.chance(aimed + (looks ? faults.crash / 5 : faults.crash))) {
    if (log) log("  the power goes");
    throw Crash{fmt::format("{} {}", what, where)};
  }
  if (dice_.chance(faults.slow)) passed_us_ += dice_.between(1, 5'000'000);
  if (dice_.chance(faults.clock_jumps)) wall_us_ += dice_.between(-3'600'000'000, 3'600'000'000);
  if (dice_.chance(faults.full)) full_until_ = touches_ + dice_.between(1, 200);
  const bool spared = !sound.empty() && where.starts_with(sound);
  if (dice_.chance(faults.fail + (publishes ? faults.fail_to_publish : 0)) && !spared) {
    ++faults_told_;
    if (log) log("  fails");
    return external_error(where, fmt::format("cannot {}: simulated failure", what));
  }
  return {};
}

Result<> SimulatedEnv::touched(const char* what, const std::string& where) {
  if (dice_.chance(faults.crash)) {
    if (log) log("  done, and the power goes");
    throw Crash{fmt::format("after {} {}", what, where)};
  }
  if (dice_.chance(faults.fail_after)) {
    ++faults_told_;
    if (log) log("  done, and fails");
    return external_error(where, fmt::format("cannot {}: simulated failure, after the effect", what));
  }
  return {};
}

void SimulatedEnv::restart() {
  locks_.clear();
  full_until_ = 0;
  ++process_;
}

Result<> SimulatedEnv::no_such(const std::string& path) const {
  return external_error(path, "cannot be opened: No such file or directory");
}

Result<> SimulatedEnv::may_grow(const std::string& path) {
  if (touches_ >= full_until_) return {};
  ++faults_told_;
  if (log) log("  no space");
  return external_error(path, "cannot be written: No space left on device");
}

// ---- reading ---------------------------------------------------------------------------------------------------

/// What was opened stays readable when its name goes.
class SimulatedEnv::Random final : public RandomFile {
 public:
  explicit Random(SimulatedDisk::FilePtr file) : file_(std::move(file)) {}
  Result<size_t> read_at(int64_t offset, std::span<uint8_t> into) const override {
    const std::string& content = file_->content;
    const auto from = std::min(static_cast<size_t>(offset), content.size());
    const size_t count = std::min(into.size(), content.size() - from);
    if (count > 0) std::memcpy(into.data(), content.data() + from, count);
    return count;
  }
  int64_t size() const override { return static_cast<int64_t>(file_->content.size()); }

 private:
  SimulatedDisk::FilePtr file_;
};

class SimulatedEnv::Input final : public InputStream {
 public:
  Input(SimulatedEnv& env, std::string path, SimulatedDisk::FilePtr file)
      : env_(env), path_(std::move(path)), file_(std::move(file)) {}
  Result<size_t> read(std::span<uint8_t> into) override {
    TRY(env_.touch("read", path_));
    ASSIGN(const size_t count, file_.read_at(at_, into));
    at_ += static_cast<int64_t>(count);
    return count;
  }

 private:
  SimulatedEnv& env_;
  std::string path_;
  Random file_;
  int64_t at_ = 0;
};

Result<std::unique_ptr<RandomFile>> SimulatedEnv::open_random(const std::string& path) {
  TRY(touch("open", path));
  auto file = disk_.find(path);
  if (!file) TRY(no_such(path));
  return std::make_unique<Random>(std::move(file));
}

Result<std::unique_ptr<InputStream>> SimulatedEnv::open_stream(const std::string& path) {
  TRY(touch("open", path));
  auto file = disk_.find(path);
  if (!file) TRY(no_such(path));
  return std::make_unique<Input>(*this, path, std::move(file));
}

Result<FileInfo> SimulatedEnv::info(const std::string& path) {
  TRY(touch("look at", path));
  const auto file = disk_.find(path);
  if (!file && !disk_.is_folder(path)) TRY(no_such(path));
  if (!file) return FileInfo{path, 0, 0, true};
  return FileInfo{path, static_cast<int64_t>(file->content.size()), file->modified_us, false};
}

Result<std::vector<FileInfo>> SimulatedEnv::list(const std::string& directory) {
  TRY(touch("list", directory));
  if (!disk_.is_folder(directory)) TRY(no_such(directory));
  return disk_.list(directory);
}

std::optional<bool> SimulatedEnv::being_written(const std::string& path) {
  if (!tells_writers) return std::nullopt;
  return open_for_writing.contains(path);
}

// ---- writing ---------------------------------------------------------------------------------------------------

class SimulatedEnv::Output final : public OutputStream {
 public:
  Output(SimulatedEnv& env, std::string path, SimulatedDisk::FilePtr file)
      : env_(env), path_(std::move(path)), file_(std::move(file)) {}
  Result<> append(Bytes bytes) override {
    const std::string_view text = as_text(bytes);
    TRY(env_.touch("append to", path_));
    TRY(env_.may_grow(path_));
    if (env_.dice_.chance(env_.faults.partly)) {
      const auto part = static_cast<size_t>(env_.dice_.below(static_cast<int64_t>(text.size()) + 1));
      env_.disk_.append(*file_, text.substr(0, part), env_.now_us());
      ++env_.faults_told_;
      if (env_.log) env_.log("  in part, and fails");
      return external_error(path_, "cannot be written: simulated failure, in the middle");
    }
    env_.disk_.append(*file_, text, env_.now_us());
    return env_.touched("append to", path_);
  }
  Result<> sync() override {
    TRY(env_.touch("sync", path_));
    env_.disk_.sync(*file_);
    return env_.touched("sync", path_);
  }
  Result<> close() override { return env_.touch("close", path_); }

 private:
  SimulatedEnv& env_;
  std::string path_;
  SimulatedDisk::FilePtr file_;
};

Result<std::unique_ptr<OutputStream>> SimulatedEnv::create(const std::string& path) {
  TRY(touch("create", path));
  TRY(may_grow(path));
  if (!disk_.is_folder(folder_of(path))) TRY(no_such(path));
  auto file = disk_.create(path, now_us());
  TRY(touched("create", path));
  return std::make_unique<Output>(*this, path, std::move(file));
}

Result<std::unique_ptr<OutputStream>> SimulatedEnv::append_to(const std::string& path) {
  TRY(touch("open to append", path));
  if (!disk_.is_folder(folder_of(path))) TRY(no_such(path));
  auto file = disk_.find(path);
  if (!file) {
    TRY(may_grow(path));
    file = disk_.create(path, now_us());
  }
  return std::make_unique<Output>(*this, path, std::move(file));
}

Result<> SimulatedEnv::make_directories(const std::string& path) {
  TRY(touch("make folder", path));
  disk_.make_folders(path);
  return touched("make folder", path);
}

Result<> SimulatedEnv::rename(const std::string& from, const std::string& to) {
  TRY(touch("rename", fmt::format("{} -> {}", from, to)));
  return move(from, to);
}

Result<bool> SimulatedEnv::rename_new(const std::string& from, const std::string& to) {
  TRY(touch("rename", fmt::format("{} -> {}", from, to)));
  if (disk_.exists(to)) return false;
  TRY(move(from, to));
  return true;
}

Result<> SimulatedEnv::move(const std::string& from, const std::string& to) {
  if (!disk_.find(from) || !disk_.is_folder(folder_of(to))) TRY(no_such(from));
  disk_.rename(from, to);
  return touched("rename", fmt::format("{} -> {}", from, to));
}

Result<> SimulatedEnv::remove(const std::string& path) {
  TRY(touch("remove", path));
  if (disk_.find(path)) disk_.remove(path);
  return touched("remove", path);
}

Result<> SimulatedEnv::remove_tree(const std::string& path) {
  TRY(touch("remove all of", path));
  for (const std::string& file : disk_.below(path)) disk_.remove(file);
  if (disk_.find(path)) disk_.remove(path);
  for (const FileInfo& entry : disk_.list(path)) TRY(remove_tree(entry.path));
  disk_.remove_folder(path);
  return touched("remove all of", path);
}

Result<> SimulatedEnv::remove_folder(const std::string& path) {
  TRY(touch("remove folder", path));
  if (disk_.is_empty(path)) disk_.remove_folder(path);
  return touched("remove folder", path);
}

Result<> SimulatedEnv::sync_directory(const std::string& path) {
  TRY(touch("sync folder", path));
  if (!disk_.is_folder(path)) TRY(no_such(path));
  disk_.sync_folder(path);
  return touched("sync folder", path);
}

Result<> SimulatedEnv::sync_filesystem(const std::string& path) {
  TRY(touch("sync file system of", path));
  disk_.sync_all();
  return touched("sync file system of", path);
}

// ---- locks, time, threads --------------------------------------------------------------------------------------

class SimulatedEnv::Lock final : public FileLock {
 public:
  Lock(SimulatedEnv& env, std::string path) : env_(env), path_(std::move(path)) {}
  ~Lock() override { env_.locks_.erase(path_); }

 private:
  SimulatedEnv& env_;
  std::string path_;
};

Result<std::unique_ptr<FileLock>> SimulatedEnv::lock(const std::string& path, const std::string& holder) {
  TRY(touch("lock", path));
  const auto [place, free] = locks_.try_emplace(path, holder);
  if (!free) return external_error(path, "is held by " + place->second);
  return std::make_unique<Lock>(*this, path);
}

void SimulatedEnv::sleep_us(int64_t us) {
  passed_us_ += std::max<int64_t>(us, 0);
  if (!touch("sleep", std::to_string(us))) return;  // an error while sleeping is nobody's
}

std::unique_ptr<Thread> SimulatedEnv::start_thread(std::string name, std::function<void(std::stop_token)>) {
  TROMMEL_CHECK(false, "a thread in a simulation: " + name);
  return nullptr;
}

}  // namespace trommel
