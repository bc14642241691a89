#include "transforms/clean/names.h"

#include <fmt/format.h>

#include <cstdint>
#include <set>

namespace trommel {

namespace {

enum class Letter { none, small, capital, digit };

struct Piece {
  std::string_view text;
  std::string lower;
  Letter letter = Letter::none;
};

bool within(uint32_t value, uint32_t from, uint32_t to) { return value >= from && value <= to; }

// Capitals beyond ASCII whose small letter is a fixed step away: Latin-1, Greek, Cyrillic, Armenian, and the
// alternating pairs of Latin Extended. 0 when `value` is no such capital. (A locale would make names depend on the
// machine.)
uint32_t small_of(uint32_t value) {
  if (within(value, 0xc0, 0xde) && value != 0xd7) return value + 0x20;
  if (within(value, 0x391, 0x3a9) && value != 0x3a2) return value + 0x20;
  if (within(value, 0x410, 0x42f)) return value + 0x20;
  if (within(value, 0x400, 0x40f)) return value + 0x50;
  if (within(value, 0x531, 0x556)) return value + 0x30;
  if (value == 0x178) return 0xff;
  const bool even_capitals = within(value, 0x100, 0x12f) || within(value, 0x132, 0x137) ||
                             within(value, 0x14a, 0x177) || within(value, 0x460, 0x481) ||
                             within(value, 0x48a, 0x4bf) || within(value, 0x4d0, 0x52f) ||
                             within(value, 0x1e00, 0x1e95) || within(value, 0x1ea0, 0x1eff);
  if (even_capitals && value % 2 == 0) return value + 1;
  const bool odd_capitals = within(value, 0x139, 0x148) || within(value, 0x179, 0x17e);
  if (odd_capitals && value % 2 == 1) return value + 1;
  return 0;
}

bool is_separator(uint32_t value) {
  return within(value, 0x80, 0xa9) || within(value, 0xab, 0xb4) || within(value, 0xb6, 0xb9) ||
         within(value, 0xbb, 0xbf) || value == 0xd7 || value == 0xf7 || within(value, 0x2000, 0x206f) ||
         within(value, 0x20a0, 0x20cf) || within(value, 0x2190, 0x2bff) || within(value, 0x3000, 0x3003) ||
         within(value, 0x3008, 0x3020) || within(value, 0xfe30, 0xfe4f) || value == 0xfeff || value == 0xfffd ||
         within(value, 0x1f000, 0x1faff);
}

std::string encode(uint32_t value) {
  std::string out;
  if (value < 0x80) {
    out += static_cast<char>(value);
  } else if (value < 0x800) {
    out += static_cast<char>(0xc0 | value >> 6);
    out += static_cast<char>(0x80 | (value & 0x3f));
  } else {
    out += static_cast<char>(0xe0 | value >> 12);
    out += static_cast<char>(0x80 | (value >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (value & 0x3f));
  }
  return out;
}

Piece ascii_piece(std::string_view text) {
  const char c = text.front();
  if (c >= 'a' && c <= 'z') return {text, std::string(text), Letter::small};
  if (c >= 'A' && c <= 'Z') return {text, std::string(1, static_cast<char>(c + 0x20)), Letter::capital};
  if (c >= '0' && c <= '9') return {text, std::string(text), Letter::digit};
  return {text, {}, Letter::none};
}

// Names are valid UTF-8 (decoders refuse others).
std::vector<Piece> pieces_of(std::string_view name) {
  std::vector<Piece> pieces;
  for (size_t at = 0; at < name.size();) {
    const auto first = static_cast<uint8_t>(name[at]);
    size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    length = std::min(length, name.size() - at);
    const std::string_view text = name.substr(at, length);
    at += length;
    if (first < 0x80) {
      pieces.push_back(ascii_piece(text));
      continue;
    }
    uint32_t value = first & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; ++i) value = value << 6 | (static_cast<uint8_t>(text[i]) & 0x3f);
    if (is_separator(value)) {
      pieces.push_back({text, {}, Letter::none});
    } else if (const uint32_t small = small_of(value)) {
      pieces.push_back({text, encode(small), Letter::capital});
    } else {
      pieces.push_back({text, std::string(text), Letter::small});
    }
  }
  return pieces;
}

}  // namespace

std::string snake_case(std::string_view name) {
  const std::vector<Piece> pieces = pieces_of(name);
  std::string out;
  bool gap = false;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    if (piece.letter == Letter::none) {
      // An apostrophe inside a word separates nothing: `driver's` is `drivers`.
      gap = gap || (piece.text != "'" && piece.text != "’");
      continue;
    }
    if (piece.letter == Letter::capital && i > 0) {
      const Letter before = pieces[i - 1].letter;
      const bool word_begins = i + 1 < pieces.size() && pieces[i + 1].letter == Letter::small;
      gap = gap || before == Letter::small || (before == Letter::digit && word_begins) ||
            (before == Letter::capital && word_begins);
    }
    if (gap && !out.empty()) out += '_';
    gap = false;
    out += piece.lower;
  }
  return out;
}

std::string lower_case(std::string_view name) {
  std::string out;
  for (const Piece& piece : pieces_of(name)) out += piece.letter == Letter::capital ? piece.lower : piece.text;
  return out;
}

namespace {

std::vector<std::string> unique_names(const std::vector<std::string>& names, std::string (*written)(std::string_view)) {
  std::vector<std::string> wanted;
  std::set<std::string> reserved;
  for (size_t i = 0; i < names.size(); ++i) {
    std::string name = written(names[i]);
    if (name.empty()) name = fmt::format("column_{}", i + 1);
    reserved.insert(name);
    wanted.push_back(std::move(name));
  }
  std::set<std::string> taken;
  for (std::string& name : wanted) {
    if (taken.insert(name).second) continue;
    int number = 2;
    while (reserved.contains(fmt::format("{}_{}", name, number))) ++number;
    name = fmt::format("{}_{}", name, number);
    reserved.insert(name);
    taken.insert(name);
  }
  return wanted;
}

}  // namespace

std::vector<std::string> snake_case_names(const std::vector<std::string>& names) {
  return unique_names(names, snake_case);
}

std::vector<std::string> lower_case_names(const std::vector<std::string>& names) {
  return unique_names(names, lower_case);
}

}  // namespace trommel
