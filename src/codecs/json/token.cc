#include "codecs/json/token.h"

#include <array>
#include <bit>
#include <cstring>

namespace trommel::json {

namespace {

constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighs = 0x8080808080808080;

/// High bits where a byte is a quote, a backslash or a control character; right up to the lowest of them.
uint64_t string_marks(uint64_t bytes) {
  const uint64_t quotes = bytes ^ kOnes * '"';
  const uint64_t slashes = bytes ^ kOnes * '\\';
  return (((quotes - kOnes) & ~quotes) | ((slashes - kOnes) & ~slashes) | ((bytes - kOnes * 0x20) & ~bytes)) & kHighs;
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// The four hexadecimal digits at `at`; -1 where they are none.
int32_t hex4(const char* at) {
  int32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_digit(at[i]);
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

bool is_high_surrogate(int32_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool is_low_surrogate(int32_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

char* put_utf8(uint32_t point, char* out) {
  const auto put = [&](uint32_t byte) { *out++ = static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | point >> 6);
    put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3f));
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  }
  return out;
}

}  // namespace

bool Cursor::fail(const char* problem, const char* code) {
  problem_ = problem;
  code_ = code;
  return false;
}

void Cursor::skip_space() {
  while (at_ < end_ && is_space(data_[at_])) ++at_;
}

bool Cursor::enter(char open) {
  skip_space();
  if (at_ >= end_ || data_[at_] != open) return fail(open == '{' ? "not a JSON object" : "not a JSON array");
  ++at_;
  first_ = true;
  return true;
}

/// Up to the next value; false behind the last.
bool Cursor::more(char close) {
  if (failed()) return false;
  skip_space();
  if (at_ >= end_) return fail(close == '}' ? "an object is not closed" : "an array is not closed");
  if (data_[at_] == close) {
    ++at_;
    return false;
  }
  if (!first_) {
    if (data_[at_] != ',') return fail("a comma is missing");
    ++at_;
    skip_space();
  }
  first_ = false;
  return true;
}

bool Cursor::member(Token& name, Token& out) {
  if (!more('}')) return false;
  if (at_ >= end_ || data_[at_] != '"') return fail("a name in double quotes is missing");
  if (!string(name)) return false;
  skip_space();
  if (at_ >= end_ || data_[at_] != ':') return fail("a colon is missing");
  ++at_;
  return value(out);
}

bool Cursor::item(Token& out) { return more(']') && value(out); }

bool Cursor::value(Token& out, int depth) {
  skip_space();
  if (at_ >= end_) return fail("a value is missing");
  const char first = data_[at_];
  if (first == '"') return string(out);
  if (first == '{' || first == '[') return container(out, depth);
  if (first == '-' || is_digit(first)) return number(out);
  return word(out);
}

bool Cursor::container(Token& out, int depth) {
  if (depth >= kDepthMax) return fail("nested too deep");
  const bool object = data_[at_] == '{';
  const size_t begin = at_++;
  const bool outer = first_;
  first_ = true;
  Token part;
  while (more(object ? '}' : ']')) {
    if (object) {
      if (at_ >= end_ || data_[at_] != '"') return fail("a name in double quotes is missing");
      if (!string(part)) return false;
      skip_space();
      if (at_ >= end_ || data_[at_] != ':') return fail("a colon is missing");
      ++at_;
    }
    if (!value(part, depth + 1)) return false;
  }
  first_ = outer;
  out = {object ? Kind::object : Kind::array, false, static_cast<uint32_t>(begin), static_cast<uint32_t>(at_)};
  return !failed();
}

bool Cursor::string(Token& out) {
  const size_t begin = ++at_;
  out.escaped = false;
  while (at_ < end_) {
    uint64_t bytes;
    std::memcpy(&bytes, data_ + at_, 8);
    const uint64_t marks = string_marks(bytes);
    if (marks == 0) {
      at_ += 8;
      continue;
    }
    at_ += static_cast<size_t>(std::countr_zero(marks)) / 8;
    if (at_ >= end_) break;
    if (data_[at_] == '"') {
      out.kind = Kind::string;
      out.begin = static_cast<uint32_t>(begin);
      out.end = static_cast<uint32_t>(at_++);
      return true;
    }
    if (data_[at_] != '\\') return fail("a control character in a string");
    out.escaped = true;
    if (!escape()) return false;
  }
  return fail("a string is not closed");
}

bool Cursor::escape() {
  if (at_ + 1 >= end_) return fail("a string is not closed");
  const char what = data_[at_ + 1];
  if (what != 'u') {
    if (std::strchr("\"\\/bfnrt", what) == nullptr || what == 0) return fail("an escape that JSON does not know");
    at_ += 2;
    return true;
  }
  const int32_t unit = at_ + 6 <= end_ ? hex4(data_ + at_ + 2) : -1;
  if (unit < 0) return fail("an escape that JSON does not know");
  if (unit == 0) return fail("a NUL in a string", "nul");
  at_ += 6;
  if (is_low_surrogate(unit)) return fail("half a surrogate pair", "encoding");
  if (!is_high_surrogate(unit)) return true;
  if (at_ + 6 > end_ || data_[at_] != '\\' || data_[at_ + 1] != 'u' || !is_low_surrogate(hex4(data_ + at_ + 2)))
    return fail("half a surrogate pair", "encoding");
  at_ += 6;
  return true;
}

bool Cursor::number(Token& out) {
  const size_t begin = at_;
  if (data_[at_] == '-') ++at_;
  if (at_ < end_ && data_[at_] == 'I') {
    if (!word(out)) return false;
    out.begin = static_cast<uint32_t>(begin);
    return true;
  }
  const auto digits = [&] {
    const size_t from = at_;
    while (at_ < end_ && is_digit(data_[at_])) ++at_;
    return at_ > from;
  };
  const size_t whole = at_;
  if (!digits() || (data_[whole] == '0' && at_ - whole > 1)) return fail("not a JSON number");
  if (at_ < end_ && data_[at_] == '.') {
    ++at_;
    if (!digits()) return fail("not a JSON number");
  }
  if (at_ < end_ && (data_[at_] | 0x20) == 'e') {
    ++at_;
    if (at_ < end_ && (data_[at_] == '+' || data_[at_] == '-')) ++at_;
    if (!digits()) return fail("not a JSON number");
  }
  out = {Kind::number, false, static_cast<uint32_t>(begin), static_cast<uint32_t>(at_)};
  return true;
}

bool Cursor::word(Token& out) {
  const std::string_view rest(data_ + at_, end_ - at_);
  const auto take = [&](std::string_view text, Kind kind) {
    if (!rest.starts_with(text)) return false;
    out = {kind, false, static_cast<uint32_t>(at_), static_cast<uint32_t>(at_ + text.size())};
    at_ += text.size();
    return true;
  };
  if (take("null", Kind::null) || take("true", Kind::boolean) || take("false", Kind::boolean) ||
      take("NaN", Kind::number) || take("Infinity", Kind::number))
    return true;
  return fail("not a JSON value");
}

size_t unescape(const char* at, size_t size, char* out) {
  const char* const end = at + size;
  char* const begin = out;
  while (at < end) {
    const auto* slash = static_cast<const char*>(std::memchr(at, '\\', static_cast<size_t>(end - at)));
    const auto plain = static_cast<size_t>((slash == nullptr ? end : slash) - at);
    if (out != at) std::memmove(out, at, plain);
    out += plain;
    at += plain;
    if (at >= end) break;
    const char what = at[1];
    at += 2;
    switch (what) {
      case 'b':
        *out++ = '\b';
        break;
      case 'f':
        *out++ = '\f';
        break;
      case 'n':
        *out++ = '\n';
        break;
      case 'r':
        *out++ = '\r';
        break;
      case 't':
        *out++ = '\t';
        break;
      case 'u': {
        auto point = static_cast<uint32_t>(hex4(at));
        at += 4;
        if (is_high_surrogate(static_cast<int32_t>(point))) {
          point = 0x10000 + ((point - 0xd800) << 10) + (static_cast<uint32_t>(hex4(at + 2)) - 0xdc00);
          at += 6;
        }
        out = put_utf8(point, out);
        break;
      }
      default:
        *out++ = what;
    }
  }
  return static_cast<size_t>(out - begin);
}

size_t minify(const char* at, size_t size, char* out) {
  const char* const end = at + size;
  char* const begin = out;
  bool in_string = false;
  for (; at < end; ++at) {
    if (in_string && *at == '\\' && at + 1 < end) {
      *out++ = *at++;
    } else if (*at == '"') {
      in_string = !in_string;
    } else if (!in_string && is_space(*at)) {
      continue;
    }
    *out++ = *at;
  }
  return static_cast<size_t>(out - begin);
}

namespace {

/// What matters within an object, outside of strings.
constexpr std::array<uint8_t, 256> kStructural = [] {
  std::array<uint8_t, 256> table{};
  for (const char c : {'"', '{', '}', '[', ']'}) table[static_cast<uint8_t>(c)] = 1;
  return table;
}();

}  // namespace

/// True where the object ended.
bool Borders::in_object(const char* data, size_t& at, size_t size) {
  while (at < size) {
    if (state_ == State::escape) {
      // A line feed ends a string even here.
      state_ = data[at] == '\n' ? State::object : State::string;
      ++at;
    } else if (state_ == State::string) {
      while (at < size && data[at] != '"' && data[at] != '\\' && data[at] != '\n') ++at;
      if (at == size) return false;
      state_ = data[at] == '\\' ? State::escape : State::object;
      ++at;
    } else {
      while (at < size && kStructural[static_cast<uint8_t>(data[at])] == 0) ++at;
      if (at == size) return false;
      const char c = data[at++];
      if (c == '"') {
        state_ = State::string;
      } else {
        depth_ += c == '{' || c == '[' ? 1 : -1;
        if (depth_ > 0) continue;
        // The object is broken; the bracket may be that of the array around it.
        if (c == ']') --at;
        return true;
      }
    }
  }
  return false;
}

bool Borders::next(const char* data, size_t& at, size_t size) {
  const size_t start = at;
  const int64_t before = seen_;
  const auto settle = [&](bool ended) {
    seen_ = before + static_cast<int64_t>(at - start);
    if (ended) state_ = State::between;
    return ended;
  };
  while (at < size) {
    const char c = data[at];
    switch (state_) {
      case State::between:
        if (is_space(c) || c == ',') {
          ++at;
        } else if (c == '[' || c == ']') {
          open_arrays_ += c == '[' ? 1 : open_arrays_ > 0 ? -1 : 0;
          ++at;
        } else {
          begin_ = before + static_cast<int64_t>(at - start);
          state_ = c == '{' ? State::object : c == '"' ? State::stray_string : State::stray;
          depth_ = 1;
          ++at;
        }
        break;
      case State::stray:
        if (c == ',' || c == '[' || c == ']' || c == '{' || is_space(c)) return settle(true);
        ++at;
        break;
      case State::stray_string:
        if (c == '\n') return settle(true);
        ++at;
        if (c == '"') state_ = State::stray;
        break;
      default:
        if (in_object(data, at, size)) return settle(true);
    }
  }
  return settle(false);
}

}  // namespace trommel::json
