// Env: the one door to files, time and threads. The real one talks to the operating system; a simulated one can stand
// in its place, with a virtual clock and faults. Nothing else in trommel opens a file, reads a clock or starts a thread
// (libraries that open their own files, such as DuckDB, live behind their owner folder).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace trommel {

using Bytes = std::span<const uint8_t>;

inline Bytes as_bytes(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }
inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// A file read at any place. Safe to use from several threads at once.
class RandomFile {
 public:
  virtual ~RandomFile() = default;
  /// Reads up to `into.size()` bytes at `offset`; fewer only at the end of the file.
  virtual Result<size_t> read_at(int64_t offset, std::span<uint8_t> into) const = 0;
  virtual int64_t size() const = 0;
};

/// Bytes in order: a file, a pipe, standard input, the inside of an archive. One thread at a time.
class InputStream {
 public:
  virtual ~InputStream() = default;
  /// Reads up to `into.size()` bytes; 0 means the end. May return less than asked for before the end.
  virtual Result<size_t> read(std::span<uint8_t> into) = 0;
};

/// A file being written from its start. One thread at a time. What was not synced may be gone after a crash.
class OutputStream {
 public:
  virtual ~OutputStream() = default;
  virtual Result<> append(Bytes bytes) = 0;
  virtual Result<> sync() = 0;
  /// Flushes and closes; must be called once, appending afterwards is an error.
  virtual Result<> close() = 0;
};

struct FileInfo {
  std::string path;
  int64_t size = 0;
  int64_t modified_us = 0;  ///< microseconds since 1970 in UTC
  bool is_directory = false;
};

/// Held as long as it lives; released by the operating system when the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

/// Joined on destruction, after its stop token was set.
class Thread {
 public:
  virtual ~Thread() = default;
  virtual void request_stop() = 0;
  virtual void join() = 0;
};

/// This process, and what it has used since it began.
struct ProcessUse {
  int64_t id = 0;
  int64_t cpu_us = 0;             ///< of all its threads, in user and system
  int64_t peak_memory_bytes = 0;  ///< resident
};

class Env {
 public:
  virtual ~Env() = default;

  // Files. Paths are plain UTF-8; errors name the path and what the system said.
  virtual Result<std::unique_ptr<RandomFile>> open_random(const std::string& path) = 0;
  virtual Result<std::unique_ptr<InputStream>> open_stream(const std::string& path) = 0;  ///< `-` is standard input
  virtual Result<std::unique_ptr<OutputStream>> create(
      const std::string& path) = 0;  ///< truncates; `-` is standard output
  virtual Result<std::unique_ptr<OutputStream>> append_to(const std::string& path) = 0;  ///< creates when missing
  virtual Result<FileInfo> info(const std::string& path) = 0;                            ///< of what a link points to
  virtual bool exists(const std::string& path) = 0;
  virtual Result<std::vector<FileInfo>> list(const std::string& directory) = 0;  ///< its entries, by name
  virtual Result<> make_directories(const std::string& path) = 0;
  virtual Result<> rename(const std::string& from, const std::string& to) = 0;  ///< atomic; replaces what is there
  /// False: something is called `to` already, and nothing was done. Where the file system cannot promise that, a file
  /// that came there within the same microseconds is replaced.
  virtual Result<bool> rename_new(const std::string& from, const std::string& to) = 0;
  virtual Result<> remove(const std::string& path) = 0;  ///< a file that is gone already is no error
  virtual Result<> remove_tree(const std::string& path) = 0;
  virtual Result<> remove_folder(const std::string& path) = 0;  ///< if it is empty; else it stays, and that is no error
  virtual Result<> sync_directory(const std::string& path) = 0;
  /// Everything written so far on the file system that holds `path`: one call in place of many when many files of one
  /// epoch have to last.
  virtual Result<> sync_filesystem(const std::string& path) = 0;
  /// Whether somebody has the file open for writing; nothing where the system does not tell (network file systems,
  /// files of other users).
  virtual std::optional<bool> being_written(const std::string& path) = 0;
  virtual Result<int64_t> free_space(const std::string& path) = 0;  ///< bytes
  /// Refuses with `external` when somebody else holds it; the message carries what the holder wrote into the file.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path, const std::string& holder) = 0;

  // Time.
  virtual int64_t now_us() = 0;     ///< wall clock, microseconds since 1970 in UTC; may jump
  virtual int64_t steady_us() = 0;  ///< never goes back
  virtual void sleep_us(int64_t us) = 0;

  // Threads.
  virtual std::unique_ptr<Thread> start_thread(std::string name, std::function<void(std::stop_token)> body) = 0;
  virtual int cores() = 0;
  virtual int64_t
  memory_bytes() = 0;  ///< what this process may use at most: the machine's, or its control group's limit
  virtual ProcessUse process() { return {}; }

  // Conveniences over the above.
  Result<std::string> read_text(const std::string& path, int64_t limit = 64 << 20);
  Result<> write_text(const std::string& path, std::string_view text);     ///< no sync
  Result<> write_durably(const std::string& path, std::string_view text);  ///< aside, synced, renamed, folder synced
};

/// The operating system itself.
Env& real_env();

/// The folder part of a path (`.` when there is none), the last part, and that without its last extension.
std::string folder_of(std::string_view path);
std::string name_of(std::string_view path);
std::string stem_of(std::string_view path);
/// `path` if it is absolute or `-`, else under `folder`; `.` and `..` are taken out as text.
std::string join_path(std::string_view folder, std::string_view path);

}  // namespace trommel
