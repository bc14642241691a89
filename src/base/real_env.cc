// The Env that is the operating system (Linux).
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/env.h"

namespace trommel {
namespace {

/// What the system said about `path`, with a hint where there is an obvious one.
tl::unexpected<Error> system_error(const std::string& path, const std::string& doing, int code) {
  std::string hint;
  if (code == ENOSPC) hint = "free some space on that disk";
  if (code == EMFILE) hint = "raise the limit of open files: ulimit -n 4096";
  return external_error(path, fmt::format("{}: {}", doing, std::strerror(code)), hint);
}

class Descriptor {
 public:
  Descriptor(int fd, bool owned) : fd_(fd), owned_(owned) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  int get() const { return fd_; }
  int close() {
    const int result = owned_ && fd_ >= 0 ? ::close(fd_) : 0;
    fd_ = -1;
    return result;
  }

 private:
  int fd_;
  bool owned_;
};

class RealRandomFile final : public RandomFile {
 public:
  RealRandomFile(std::string path, int fd, int64_t size) : path_(std::move(path)), fd_(fd, true), size_(size) {}
  Result<size_t> read_at(int64_t offset, std::span<uint8_t> into) const override {
    size_t done = 0;
    while (done < into.size()) {
      const ssize_t got =
          ::pread(fd_.get(), into.data() + done, into.size() - done, offset + static_cast<int64_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error(path_, "cannot read", errno);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }
  int64_t size() const override { return size_; }

 private:
  std::string path_;
  Descriptor fd_;
  int64_t size_;
};

class RealInputStream final : public InputStream {
 public:
  RealInputStream(std::string path, int fd, bool owned) : path_(std::move(path)), fd_(fd, owned) {}
  Result<size_t> read(std::span<uint8_t> into) override {
    for (;;) {
      const ssize_t got = ::read(fd_.get(), into.data(), into.size());
      if (got >= 0) return static_cast<size_t>(got);
      if (errno != EINTR) return system_error(path_, "cannot read", errno);
    }
  }

 private:
  std::string path_;
  Descriptor fd_;
};

class RealOutputStream final : public OutputStream {
 public:
  RealOutputStream(std::string path, int fd, bool owned) : path_(std::move(path)), fd_(fd, owned), owned_(owned) {}
  Result<> append(Bytes bytes) override {
    while (!bytes.empty()) {
      const ssize_t put = ::write(fd_.get(), bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return system_error(path_, "cannot write", errno);
      bytes = bytes.subspan(static_cast<size_t>(put));
    }
    return {};
  }
  Result<> sync() override {
    if (owned_ && ::fsync(fd_.get()) != 0) return system_error(path_, "cannot sync", errno);
    return {};
  }
  Result<> close() override {
    if (fd_.close() != 0) return system_error(path_, "cannot close", errno);
    return {};
  }

 private:
  std::string path_;
  Descriptor fd_;
  bool owned_;
};

class RealFileLock final : public FileLock {
 public:
  explicit RealFileLock(int fd) : fd_(fd, true) {}

 private:
  Descriptor fd_;
};

class RealThread final : public Thread {
 public:
  RealThread(std::string name, std::function<void(std::stop_token)> body)
      : thread_([name = std::move(name), body = std::move(body)](std::stop_token stop) {
          ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
          body(stop);
        }) {}
  void request_stop() override { thread_.request_stop(); }
  void join() override {
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::jthread thread_;
};

FileInfo info_of(std::string path, const struct stat& st) {
  FileInfo info;
  info.path = std::move(path);
  info.size = st.st_size;
  info.modified_us = int64_t{st.st_mtim.tv_sec} * 1'000'000 + st.st_mtim.tv_nsec / 1000;
  info.is_directory = S_ISDIR(st.st_mode);
  return info;
}

class RealEnv final : public Env {
 public:
  Result<std::unique_ptr<RandomFile>> open_random(const std::string& path) override {
    ASSIGN(const int fd, open_file(path, O_RDONLY, "cannot open"));
    struct stat st{};
    if (::fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
      const int code = S_ISDIR(st.st_mode) ? EISDIR : errno;
      ::close(fd);
      return system_error(path, "cannot open", code);
    }
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return std::make_unique<RealRandomFile>(path, fd, st.st_size);
  }
  Result<std::unique_ptr<InputStream>> open_stream(const std::string& path) override {
    if (path == "-") return std::make_unique<RealInputStream>("standard input", STDIN_FILENO, false);
    ASSIGN(const int fd, open_file(path, O_RDONLY, "cannot open"));
    return std::make_unique<RealInputStream>(path, fd, true);
  }
  Result<std::unique_ptr<OutputStream>> create(const std::string& path) override {
    if (path == "-") return std::make_unique<RealOutputStream>("standard output", STDOUT_FILENO, false);
    ASSIGN(const int fd, open_file(path, O_WRONLY | O_CREAT | O_TRUNC, "cannot create"));
    return std::make_unique<RealOutputStream>(path, fd, true);
  }
  Result<std::unique_ptr<OutputStream>> append_to(const std::string& path) override {
    ASSIGN(const int fd, open_file(path, O_WRONLY | O_CREAT | O_APPEND, "cannot open for appending"));
    return std::make_unique<RealOutputStream>(path, fd, true);
  }
  Result<FileInfo> info(const std::string& path) override {
    struct stat st{};
    if (::stat(path.c_str(), &st) != 0) return system_error(path, "cannot look at it", errno);
    return info_of(path, st);
  }
  bool exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  Result<std::vector<FileInfo>> list(const std::string& directory) override {
    DIR* dir = ::opendir(directory.c_str());
    if (dir == nullptr) return system_error(directory, "cannot list", errno);
    std::vector<FileInfo> out;
    while (const dirent* entry = ::readdir(dir)) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat st{};
      std::string path = directory == "/" ? "/" + std::string(name) : directory + "/" + std::string(name);
      if (::stat(path.c_str(), &st) == 0)
        out.push_back(info_of(std::move(path), st));  // gone in between, or a dangling link: not there
    }
    ::closedir(dir);
    std::sort(out.begin(), out.end(), [](const FileInfo& a, const FileInfo& b) { return a.path < b.path; });
    return out;
  }
  Result<> make_directories(const std::string& path) override {
    std::error_code code;
    std::filesystem::create_directories(path, code);
    if (code) return system_error(path, "cannot make the folder", code.value());
    return {};
  }
  Result<> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_error(from, "cannot rename to " + to, errno);
    return {};
  }
  Result<bool> rename_new(const std::string& from, const std::string& to) override {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
    if (errno == EEXIST) return false;
    if (errno != EINVAL && errno != ENOSYS) return system_error(from, "cannot rename to " + to, errno);
    if (exists(to)) return false;  // a file system without that flag
    TRY(rename(from, to));
    return true;
  }
  Result<> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error(path, "cannot remove", errno);
    return {};
  }
  Result<> remove_tree(const std::string& path) override {
    std::error_code code;
    std::filesystem::remove_all(path, code);
    if (code) return system_error(path, "cannot remove", code.value());
    return {};
  }
  Result<> remove_folder(const std::string& path) override {
    if (::rmdir(path.c_str()) != 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT)
      return system_error(path, "cannot remove the folder", errno);
    return {};
  }
  Result<> sync_filesystem(const std::string& path) override {
    ASSIGN(const int fd, open_file(path, O_RDONLY, "cannot open"));
    const int result = ::syncfs(fd);
    const int code = errno;
    ::close(fd);
    if (result != 0) return system_error(path, "cannot sync its file system", code);
    return {};
  }
  /// A read lease is given only while nobody has the file open for writing (fcntl(2), F_SETLEASE). It is let go at
  /// once; a writer who comes in between makes the system send SIGIO, which would end the process.
  std::optional<bool> being_written(const std::string& path) override {
    static const auto ignored = ::signal(SIGIO, SIG_IGN);
    (void)ignored;
    const auto fd = open_file(path, O_RDONLY | O_NONBLOCK, "cannot open");
    if (!fd) return std::nullopt;
    std::optional<bool> written;
    if (::fcntl(*fd, F_SETLEASE, F_RDLCK) == 0) {
      written = false;
      ::fcntl(*fd, F_SETLEASE, F_UNLCK);
    } else if (errno == EAGAIN) {
      written = true;
    }
    ::close(*fd);
    return written;
  }
  Result<> sync_directory(const std::string& path) override {
    ASSIGN(const int fd, open_file(path, O_RDONLY | O_DIRECTORY, "cannot open"));
    const int result = ::fsync(fd);
    const int code = errno;
    ::close(fd);
    if (result != 0 && code != EINVAL) return system_error(path, "cannot sync", code);
    return {};
  }
  Result<int64_t> free_space(const std::string& path) override {
    struct statvfs st{};
    if (::statvfs(path.c_str(), &st) != 0) return system_error(path, "cannot look at its disk", errno);
    return static_cast<int64_t>(st.f_bavail) * static_cast<int64_t>(st.f_frsize);
  }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, const std::string& holder) override {
    ASSIGN(const int fd, open_file(path, O_RDWR | O_CREAT, "cannot open the lock"));
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      char text[256];
      const ssize_t got = ::pread(fd, text, sizeof text, 0);
      ::close(fd);
      return external_error(
          path,
          fmt::format("is held by {}", got > 0 ? std::string_view(text, static_cast<size_t>(got)) : "another process"),
          "wait for it to end");
    }
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, holder.data(), holder.size(), 0) < 0) {
      const int code = errno;
      ::close(fd);
      return system_error(path, "cannot write the lock", code);
    }
    return std::make_unique<RealFileLock>(fd);
  }

  int64_t now_us() override {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  int64_t steady_us() override {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  void sleep_us(int64_t us) override { std::this_thread::sleep_for(std::chrono::microseconds(us)); }

  std::unique_ptr<Thread> start_thread(std::string name, std::function<void(std::stop_token)> body) override {
    return std::make_unique<RealThread>(std::move(name), std::move(body));
  }
  int64_t memory_bytes() override {
    int64_t bytes = int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE);
    if (const auto limit = read_text("/sys/fs/cgroup/memory.max"); limit && !limit->empty() && limit->front() != 'm') {
      bytes = std::min(bytes, static_cast<int64_t>(std::strtoll(limit->c_str(), nullptr, 10)));
    }
    return bytes;
  }
  ProcessUse process() override {
    struct rusage use{};
    ::getrusage(RUSAGE_SELF, &use);
    const auto us = [](const timeval& time) { return int64_t{time.tv_sec} * 1'000'000 + time.tv_usec; };
    return {.id = ::getpid(),
            .cpu_us = us(use.ru_utime) + us(use.ru_stime),
            .peak_memory_bytes = int64_t{use.ru_maxrss} * 1024};
  }
  int cores() override { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

 private:
  static Result<int> open_file(const std::string& path, int flags, const char* doing) {
    for (;;) {
      const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
      if (fd >= 0) return fd;
      if (errno != EINTR) return system_error(path, doing, errno);
    }
  }
};

}  // namespace

Env& real_env() {
  static RealEnv env;
  return env;
}

}  // namespace trommel
