#include "segment/checksum.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include "xxhash.h"

namespace trommel {

struct Checksum::State {
  XXH3_state_t hash;
};

Checksum::Checksum() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->hash); }
Checksum::~Checksum() = default;

void Checksum::update(Bytes bytes) { XXH3_64bits_update(&state_->hash, bytes.data(), bytes.size()); }
std::string Checksum::text() const { return fmt::format("{:016x}", XXH3_64bits_digest(&state_->hash)); }

std::string checksum_of(std::string_view bytes) {
  return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

}  // namespace trommel
