// The bytes of one zip member, unpacked and tested.
#pragma once

#include <memory>
#include <string>

#include "base/env.h"

namespace trommel {

struct Checked {
  int64_t size = 0;
  uint32_t crc = 0;  ///< CRC-32 of ISO 3309, as gzip and zip use it
};

/// `packed` ends where the member ends; `at` is its first byte's place in the archive, for errors.
std::unique_ptr<InputStream> unpack_member(std::unique_ptr<InputStream> packed, int64_t at, bool deflated,
                                           Checked expected, std::string name);

}  // namespace trommel
