// Standard input, or another file that can be read only once, made readable again.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/env.h"

namespace trommel {

/// Keeps what it has read: the head in memory, what follows in a file below `folder`, removed again at the end.
/// Once it was told that nobody will come back (`forget`), only the head is kept.
class Pipe : public std::enable_shared_from_this<Pipe> {
 public:
  Pipe(Env& env, std::string path, std::string folder)
      : env_(env), path_(std::move(path)), folder_(std::move(folder)) {}
  ~Pipe();

  /// Reads from the beginning. Several can be open, one after the other.
  std::unique_ptr<InputStream> stream();
  /// Reads the pipe to its end and gives all of it.
  Result<std::shared_ptr<RandomFile>> whole();
  void forget();

 private:
  friend class PipeStream;
  static constexpr int64_t head_bytes_max = 8 << 20;

  Result<size_t> read_at(int64_t offset, std::span<uint8_t> into);
  Result<size_t> read_more(std::span<uint8_t> into);
  Result<> keep(Bytes bytes);

  Env& env_;
  const std::string path_;
  const std::string folder_;
  std::mutex mutex_;
  std::unique_ptr<InputStream> in_;
  bool ended_ = false;
  bool forgotten_ = false;
  bool head_full_ = false;
  int64_t read_ = 0;  ///< bytes taken out of the pipe so far
  std::vector<uint8_t> head_;
  std::string spool_path_;
  std::unique_ptr<OutputStream> spool_;
  std::unique_ptr<RandomFile> spooled_;
};

}  // namespace trommel
