// XXH3-128 of all bytes of a file, 32 hex digits: equal files have equal hashes, whatever they are called.
#pragma once

#include <memory>
#include <string>

#include "base/env.h"

namespace trommel {

/// Of bytes that come piece by piece.
class ContentHash {
 public:
  ContentHash();
  ~ContentHash();
  void add(Bytes bytes);
  std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Result<std::string> content_hash(Env& env, const std::string& path);

}  // namespace trommel
