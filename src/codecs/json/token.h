// JSON text (RFC 8259), checked and taken apart; and where records begin and end in a file of them.
//
// More than the RFC allows: NaN, Infinity and -Infinity are numbers, since many programs write them. Less: a NUL in a
// string and half a surrogate pair are refused, since no text column could hold them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace trommel::json {

/// Bytes behind a text that may be read (never used).
inline constexpr size_t kPadding = 64;
/// Values nested deeper than this are refused.
inline constexpr int kDepthMax = 256;

enum class Kind : uint8_t { null, boolean, number, string, object, array };

struct Token {
  Kind kind = Kind::null;
  bool escaped = false;  ///< a string that holds a backslash
  uint32_t begin = 0;    ///< of a string: without its quotes
  uint32_t end = 0;

  std::string_view in(const char* data) const { return {data + begin, end - begin}; }
};

/// Walks over a text: `member` and `item` take one value after the other, checked down to its last byte.
class Cursor {
 public:
  /// The bytes from `at` to `end` of `data`, with kPadding readable ones behind.
  Cursor(const char* data, size_t at, size_t end) : data_(data), at_(at), end_(end) {}

  /// The next value. False when it is none: `problem` says why.
  bool value(Token& out) { return value(out, 0); }
  /// Into an object (`{`) or array (`[`).
  bool enter(char open);
  /// The next name and value of the object; false behind the last, or where something is wrong.
  bool member(Token& name, Token& value);
  /// The next value of the array.
  bool item(Token& value);

  bool failed() const { return problem_ != nullptr; }
  const char* problem() const { return problem_ == nullptr ? "" : problem_; }
  const char* code() const { return code_; }  ///< of a reject: json, nul, encoding
  size_t at() const { return at_; }
  void skip_space();

 private:
  bool value(Token& out, int depth);
  bool string(Token& out);
  bool escape();
  bool number(Token& out);
  bool word(Token& out);
  bool container(Token& out, int depth);
  bool more(char close);
  bool fail(const char* problem, const char* code = "json");

  const char* data_;
  size_t at_;
  size_t end_;
  bool first_ = true;  ///< no comma is due
  const char* problem_ = nullptr;
  const char* code_ = "json";
};

/// Takes the escapes of a string's content back; `out` may be where it stands. Returns the number of bytes.
size_t unescape(const char* at, size_t size, char* out);
/// Leaves out blanks between tokens; `out` may be where it stands. Returns the number of bytes.
size_t minify(const char* at, size_t size, char* out);

/// Finds the records of a file that does not hold one a line: objects in an array, or one after the other, however they
/// are laid out. Looks at each byte once, in pieces of any size. What stands between objects and is neither blank nor
/// `,`, `[` or `]` is a record too, a broken one. A string ends at a line feed, which none may hold: so a quote that is
/// missing breaks one record.
class Borders {
 public:
  enum class State : uint8_t { between, object, string, escape, stray, stray_string };

  /// Goes on at `at`; true when a record ended, `at` is then behind it. False: the bytes are used up.
  bool next(const char* data, size_t& at, size_t size);
  State state() const { return state_; }
  bool between() const { return state_ == State::between; }
  int64_t begin() const { return begin_; }  ///< of the record at hand, counted from the first byte that was looked at
  int64_t open_arrays() const { return open_arrays_; }
  void assume_in_array() { open_arrays_ = 1; }

 private:
  bool in_object(const char* data, size_t& at, size_t size);

  State state_ = State::between;
  int64_t depth_ = 0;
  int64_t begin_ = 0;
  int64_t seen_ = 0;  ///< bytes looked at
  int64_t open_arrays_ = 0;
};

}  // namespace trommel::json
