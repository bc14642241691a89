// The checksum of whatever the state folder and the sinks keep: XXH3-64, as 16 hex digits.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/env.h"

namespace trommel {

/// Of bytes that come piece by piece.
class Checksum {
 public:
  Checksum();
  ~Checksum();
  void update(Bytes bytes);
  std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string checksum_of(std::string_view bytes);

}  // namespace trommel
