#include "connectors/files/streams.h"

#include <fmt/format.h>

#include <algorithm>

namespace trommel {
namespace {

class FromRandom : public InputStream {
 public:
  FromRandom(std::shared_ptr<RandomFile> file, int64_t at) : file_(std::move(file)), at_(at) {}
  Result<size_t> read(std::span<uint8_t> into) override {
    ASSIGN(const size_t got, file_->read_at(at_, into));
    at_ += static_cast<int64_t>(got);
    return got;
  }

 private:
  std::shared_ptr<RandomFile> file_;
  int64_t at_;
};

}  // namespace

std::unique_ptr<InputStream> stream_from(std::shared_ptr<RandomFile> file, int64_t at) {
  return std::make_unique<FromRandom>(std::move(file), at);
}

Result<> skip(InputStream& stream, int64_t bytes, const std::string& name) {
  std::vector<uint8_t> dropped(static_cast<size_t>(std::clamp<int64_t>(bytes, 0, 1 << 20)));
  for (int64_t left = bytes; left > 0;) {
    ASSIGN(const size_t got, stream.read({dropped.data(), static_cast<size_t>(std::min<int64_t>(left, 1 << 20))}));
    if (got == 0)
      return external_error(name, fmt::format("it ends at byte {}, before byte {}", bytes - left, bytes),
                            "was it replaced?");
    left -= static_cast<int64_t>(got);
  }
  return {};
}

Result<std::string> read_up_to(InputStream& stream, size_t bytes) {
  std::string out;
  constexpr size_t block = 256 << 10;
  while (out.size() < bytes) {
    const size_t before = out.size();
    out.resize(before + std::min(bytes - before, block));
    ASSIGN(const size_t got, stream.read({reinterpret_cast<uint8_t*>(out.data()) + before, out.size() - before}));
    out.resize(before + got);
    if (got == 0) break;
  }
  return out;
}

}  // namespace trommel
