// Bytes on their way into an unpacker.
#pragma once

#include <memory>
#include <vector>

#include "base/env.h"

namespace trommel {

/// Packed bytes, and how many of them were used: the place that an error names.
class PackedBytes {
 public:
  /// `at` is the place of the stream's first byte.
  PackedBytes(std::unique_ptr<InputStream> in, int64_t at) : in_(std::move(in)), buffer_(block_bytes), before_(at) {}

  /// Makes sure that there are bytes, unless the stream has ended.
  Result<> fill() {
    if (at_ < end_ || ended_) return {};
    before_ += static_cast<int64_t>(end_);
    at_ = end_ = 0;
    ASSIGN(end_, in_->read(buffer_));
    ended_ = end_ == 0;
    return {};
  }
  Bytes bytes() const { return {buffer_.data() + at_, end_ - at_}; }
  void used(size_t count) { at_ += count; }
  bool ended() const { return ended_ && at_ == end_; }
  int64_t position() const { return before_ + static_cast<int64_t>(at_); }

 private:
  static constexpr size_t block_bytes = 256 << 10;
  std::unique_ptr<InputStream> in_;
  std::vector<uint8_t> buffer_;
  size_t at_ = 0;
  size_t end_ = 0;
  int64_t before_;
  bool ended_ = false;
};

}  // namespace trommel
