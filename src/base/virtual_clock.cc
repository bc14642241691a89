#include "base/virtual_clock.h"

#include <algorithm>

namespace trommel {
namespace {

class VirtualClockEnv final : public Env {
 public:
  VirtualClockEnv(Env& files, int64_t start_us) : files_(files), start_us_(start_us) {}

  Result<std::unique_ptr<RandomFile>> open_random(const std::string& path) override { return files_.open_random(path); }
  Result<std::unique_ptr<InputStream>> open_stream(const std::string& path) override {
    return files_.open_stream(path);
  }
  Result<std::unique_ptr<OutputStream>> create(const std::string& path) override { return files_.create(path); }
  Result<std::unique_ptr<OutputStream>> append_to(const std::string& path) override { return files_.append_to(path); }
  Result<FileInfo> info(const std::string& path) override { return files_.info(path); }
  bool exists(const std::string& path) override { return files_.exists(path); }
  Result<std::vector<FileInfo>> list(const std::string& directory) override { return files_.list(directory); }
  Result<> make_directories(const std::string& path) override { return files_.make_directories(path); }
  Result<> rename(const std::string& from, const std::string& to) override { return files_.rename(from, to); }
  Result<bool> rename_new(const std::string& from, const std::string& to) override {
    return files_.rename_new(from, to);
  }
  Result<> remove(const std::string& path) override { return files_.remove(path); }
  Result<> remove_tree(const std::string& path) override { return files_.remove_tree(path); }
  Result<> remove_folder(const std::string& path) override { return files_.remove_folder(path); }
  Result<> sync_directory(const std::string& path) override { return files_.sync_directory(path); }
  Result<> sync_filesystem(const std::string& path) override { return files_.sync_filesystem(path); }
  std::optional<bool> being_written(const std::string& path) override { return files_.being_written(path); }
  Result<int64_t> free_space(const std::string& path) override { return files_.free_space(path); }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, const std::string& holder) override {
    return files_.lock(path, holder);
  }

  int64_t now_us() override { return start_us_ + steady_us(); }
  int64_t steady_us() override { return ++passed_us_; }
  void sleep_us(int64_t us) override { passed_us_ += std::max<int64_t>(us, 0); }

  std::unique_ptr<Thread> start_thread(std::string name, std::function<void(std::stop_token)>) override {
    TROMMEL_CHECK(false, "a thread under a virtual clock: " + name);
    return nullptr;
  }
  int cores() override { return files_.cores(); }
  int64_t memory_bytes() override { return files_.memory_bytes(); }
  ProcessUse process() override { return files_.process(); }

 private:
  Env& files_;
  const int64_t start_us_;
  int64_t passed_us_ = 0;
};

}  // namespace

std::unique_ptr<Env> virtual_clock_env(Env& files, int64_t start_us) {
  return std::make_unique<VirtualClockEnv>(files, start_us);
}

}  // namespace trommel
