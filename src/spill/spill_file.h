// Bytes set aside for a while: in memory as long as they are few, then in a file that nobody else sees.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/env.h"

namespace trommel {

/// A file in `folder` to write, and then to read. It has no name any more once it is written, so that it is gone with
/// its reader, or with the process.
class SpillFile {
 public:
  static Result<SpillFile> create(Env& env, const std::string& folder);
  SpillFile(SpillFile&&) noexcept = default;
  SpillFile& operator=(SpillFile&&) noexcept = default;

  OutputStream& stream() { return *stream_; }
  /// Ends writing.
  Result<std::unique_ptr<RandomFile>> read();

 private:
  SpillFile() = default;
  Env* env_ = nullptr;
  std::string path_;
  std::unique_ptr<OutputStream> stream_;
};

/// Bytes one after the other: appended first, read at any place after `finish`.
class SpillBytes {
 public:
  SpillBytes(Env& env, std::string folder, int64_t memory) : env_(env), folder_(std::move(folder)), memory_(memory) {}
  Result<> append(Bytes bytes);
  Result<> finish();
  Result<> read(int64_t offset, std::span<uint8_t> into) const;  ///< all of `into`
  int64_t size() const { return size_; }

 private:
  Env& env_;
  std::string folder_;
  int64_t memory_;
  int64_t size_ = 0;
  std::vector<uint8_t> held_;
  std::unique_ptr<SpillFile> file_;
  std::unique_ptr<RandomFile> reader_;
};

}  // namespace trommel
