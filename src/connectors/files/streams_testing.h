// What the tests of unpacking share: a stream in crumbs, and reading one to its end.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/env.h"

namespace trommel {

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  return std::move(*result);
}

/// Gives what it has in pieces of random size.
class Crumbs : public InputStream {
 public:
  Crumbs(std::string bytes, uint64_t seed, size_t most) : bytes_(std::move(bytes)), random_(seed), most_(most) {}
  Result<size_t> read(std::span<uint8_t> into) override {
    const size_t count = std::min({into.size(), bytes_.size() - at_, 1 + random_() % most_});
    std::memcpy(into.data(), bytes_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string bytes_;
  size_t at_ = 0;
  std::mt19937_64 random_;
  size_t most_;
};

inline Result<std::string> read_whole(InputStream& stream, std::mt19937_64& random) {
  std::string out;
  std::vector<uint8_t> room(1 << 16);
  while (true) {
    const size_t wanted = 1 + random() % (random() % 2 == 0 ? 7 : room.size());
    ASSIGN(const size_t got, stream.read({room.data(), wanted}));
    if (got == 0) break;
    out.append(reinterpret_cast<const char*>(room.data()), got);
  }
  ASSIGN(const size_t again, stream.read(room));
  EXPECT_EQ(again, 0U) << "the end is the end";
  return out;
}

inline std::string some_text(std::mt19937_64& random, size_t most) {
  std::string out(random() % (most + 1), '\0');
  const bool noise = random() % 3 == 0;
  for (char& c : out) c = static_cast<char>(noise ? random() : 'a' + random() % 4);
  return out;
}

}  // namespace trommel
