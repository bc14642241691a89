// Avro's binary form of single values. Specification: Apache Avro 1.11.1, "Binary Encoding".
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace trommel::avro {

/// Little numbers of either sign become little ones without: 0, -1, 1, -2 are 0, 1, 2, 3.
constexpr uint64_t zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
constexpr int64_t unzigzag(uint64_t bits) { return static_cast<int64_t>(bits >> 1) ^ -static_cast<int64_t>(bits & 1); }

constexpr int long_bytes_max = 10;

/// Writes an `int` or `long`, seven bits a byte, and returns where it ends. `out` has room for `long_bytes_max`.
inline uint8_t* write_long(uint8_t* out, int64_t value) {
  uint64_t bits = zigzag(value);
  while (bits >= 0x80) {
    *out++ = static_cast<uint8_t>(bits | 0x80);
    bits >>= 7;
  }
  *out++ = static_cast<uint8_t>(bits);
  return out;
}

inline void append_long(std::string& out, int64_t value) {
  uint8_t bytes[long_bytes_max];
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(write_long(bytes, value) - bytes));
}

/// Numbers are stored with their lowest byte first.
template <class T>
void append_raw(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

inline void append_sized(std::string& out, std::string_view bytes) {
  append_long(out, static_cast<int64_t>(bytes.size()));
  out.append(bytes);
}

/// Reads a `long` from `at`, never past `end`; null when its bytes are not all there, or are more than a long has.
inline const uint8_t* read_long(const uint8_t* at, const uint8_t* end, int64_t& value) {
  if (at == end) return nullptr;
  uint64_t bits = *at++;
  if (bits < 0x80) {
    value = unzigzag(bits);
    return at;
  }
  bits &= 0x7f;
  for (int shift = 7; shift < 64; shift += 7) {
    if (at == end) return nullptr;
    const uint64_t byte = *at++;
    if (shift == 63 && byte > 1) return nullptr;
    bits |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      value = unzigzag(bits);
      return at;
    }
  }
  return nullptr;
}

}  // namespace trommel::avro
