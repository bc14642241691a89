#include "connectors/files/pipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace trommel {

class PipeStream : public InputStream {
 public:
  explicit PipeStream(std::shared_ptr<Pipe> pipe) : pipe_(std::move(pipe)) {}
  Result<size_t> read(std::span<uint8_t> into) override {
    ASSIGN(const size_t got, pipe_->read_at(at_, into));
    at_ += static_cast<int64_t>(got);
    return got;
  }

 private:
  std::shared_ptr<Pipe> pipe_;
  int64_t at_ = 0;
};

namespace {

class WholePipe : public RandomFile {
 public:
  WholePipe(std::shared_ptr<Pipe> pipe, std::vector<uint8_t> head, std::unique_ptr<RandomFile> rest)
      : pipe_(std::move(pipe)), head_(std::move(head)), rest_(std::move(rest)) {}

  Result<size_t> read_at(int64_t offset, std::span<uint8_t> into) const override {
    const auto head_size = static_cast<int64_t>(head_.size());
    size_t done = 0;
    if (offset < head_size) {
      done = std::min(into.size(), static_cast<size_t>(head_size - offset));
      std::memcpy(into.data(), head_.data() + offset, done);
    }
    if (done == into.size() || !rest_) return done;
    ASSIGN(const size_t more, rest_->read_at(std::max<int64_t>(offset - head_size, 0), into.subspan(done)));
    return done + more;
  }
  int64_t size() const override { return static_cast<int64_t>(head_.size()) + (rest_ ? rest_->size() : 0); }

 private:
  std::shared_ptr<Pipe> pipe_;  ///< owns the file
  std::vector<uint8_t> head_;
  std::unique_ptr<RandomFile> rest_;
};

}  // namespace

Pipe::~Pipe() {
  if (spool_) (void)spool_->close();
  if (!spool_path_.empty()) (void)env_.remove(spool_path_);
}

std::unique_ptr<InputStream> Pipe::stream() { return std::make_unique<PipeStream>(shared_from_this()); }

void Pipe::forget() {
  const std::lock_guard lock(mutex_);
  forgotten_ = true;
}

Result<std::shared_ptr<RandomFile>> Pipe::whole() {
  const std::lock_guard lock(mutex_);
  std::vector<uint8_t> block(1 << 20);
  while (!ended_) TRY(read_more(block));
  std::unique_ptr<RandomFile> rest;
  if (!spool_path_.empty()) {
    ASSIGN(rest, env_.open_random(spool_path_));
  }
  return std::make_shared<WholePipe>(shared_from_this(), head_, std::move(rest));
}

Result<size_t> Pipe::read_at(int64_t offset, std::span<uint8_t> into) {
  const std::lock_guard lock(mutex_);
  const auto head_size = static_cast<int64_t>(head_.size());
  if (offset < head_size) {
    const size_t some = std::min(into.size(), static_cast<size_t>(head_size - offset));
    std::memcpy(into.data(), head_.data() + offset, some);
    return some;
  }
  if (offset == read_) return read_more(into);
  if (spool_path_.empty()) return internal_error(path_, fmt::format("byte {} was read already and not kept", offset));
  // A file grows under its reader, which knows only the size that it was opened with.
  if (!spooled_ || offset - head_size >= spooled_->size()) {
    ASSIGN(spooled_, env_.open_random(spool_path_));
  }
  ASSIGN(const size_t got, spooled_->read_at(offset - head_size, into));
  if (got == 0) return external_error(spool_path_, "it is shorter than what was written to it");
  return got;
}

Result<size_t> Pipe::read_more(std::span<uint8_t> into) {
  if (ended_) return 0;
  if (!in_) {
    ASSIGN(in_, env_.open_stream(path_));
  }
  ASSIGN(const size_t got, in_->read(into));
  ended_ = got == 0;
  TRY(keep(Bytes(into).first(got)));
  read_ += static_cast<int64_t>(got);
  return got;
}

Result<> Pipe::keep(Bytes bytes) {
  head_full_ |= static_cast<int64_t>(head_.size() + bytes.size()) > head_bytes_max;
  if (!head_full_) {
    head_.insert(head_.end(), bytes.begin(), bytes.end());
    return {};
  }
  if (forgotten_ || bytes.empty()) return {};
  if (!spool_) {
    TRY(env_.make_directories(folder_));
    spool_path_ = fmt::format("{}/input-{}-{}", folder_, env_.now_us(), reinterpret_cast<uintptr_t>(this));
    ASSIGN(spool_, env_.create(spool_path_));
  }
  return spool_->append(bytes);
}

}  // namespace trommel
