// A log kept in a file: lines are appended across runs, and the file is put aside by size. FILE.1 is the file before,
// FILE.2 the one before that, and so on.
//
// No line is lost: each is one write to the end of the file, so that a process that dies leaves whole lines; files are
// renamed from the oldest on, and a rotation that was cut off leaves a gap in the numbers that the next one fills. A
// machine that loses its power may lose what it had not yet put on disk since the file was opened or put aside. Several
// processes may write to one file, but two that put it aside in the same moment may drop one that was put aside before:
// give each pipeline its own.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/env.h"

namespace trommel {

class LogFile {
 public:
  struct Options {
    std::string path;
    int64_t max_bytes = 10'000'000;  ///< a line that would make the file larger goes to a new one
    int64_t keep = 5;                ///< how many files put aside stay; the oldest goes
  };

  /// Makes the file and its folder where they are missing. A line that an earlier process did not finish is ended.
  static Result<std::unique_ptr<LogFile>> open(Env& env, Options options);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  /// Adds the line and its end. Safe to use from several threads. A file that cannot be put aside goes on growing; the
  /// error is of the line itself.
  Result<> append(std::string_view line);

 private:
  LogFile(Env& env, Options options) : env_(env), options_(std::move(options)) {}
  std::string aside(int64_t number) const { return options_.path + "." + std::to_string(number); }
  Result<> open_end();
  Result<> rotate();

  Env& env_;
  const Options options_;
  std::mutex mutex_;
  std::unique_ptr<OutputStream> stream_;
  int64_t size_ = 0;
};

}  // namespace trommel
