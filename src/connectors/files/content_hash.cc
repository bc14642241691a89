#include "connectors/files/content_hash.h"

#include <fmt/format.h>

#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace trommel {

struct ContentHash::State {
  XXH3_state_t hash;
};

ContentHash::ContentHash() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->hash); }
ContentHash::~ContentHash() = default;

void ContentHash::add(Bytes bytes) { XXH3_128bits_update(&state_->hash, bytes.data(), bytes.size()); }

std::string ContentHash::text() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(&state_->hash);
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

Result<std::string> content_hash(Env& env, const std::string& path) {
  ASSIGN(const auto file, env.open_random(path));
  ContentHash hash;
  std::vector<uint8_t> buffer(1 << 20);
  for (int64_t at = 0;;) {
    ASSIGN(const size_t got, file->read_at(at, buffer));
    if (got == 0) return hash.text();
    hash.add(Bytes(buffer).first(got));
    at += static_cast<int64_t>(got);
  }
}

}  // namespace trommel
