#include "telemetry/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace trommel {

namespace {

struct CodePoint {
  uint32_t value;
  int bytes;  // 1 and value >= 0x80: not UTF-8
};

CodePoint code_point_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(at);
  if (first < 0x80) return {first, 1};
  const int length = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
  if (length == 1 || first >= 0xf5 || at + static_cast<size_t>(length) > text.size()) return {first, 1};
  uint32_t value = first & (0xffU >> (length + 1));
  for (int i = 1; i < length; ++i) {
    const uint8_t next = byte(at + static_cast<size_t>(i));
    if ((next & 0xc0) != 0x80) return {first, 1};
    value = value << 6 | (next & 0x3f);
  }
  static constexpr std::array<uint32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  if (value < smallest[static_cast<size_t>(length)] || value > 0x10ffff || surrogate) return {first, 1};
  return {value, length};
}

struct Range {
  uint32_t from, to;
};

template <size_t N>
bool lies_in(const std::array<Range, N>& ranges, uint32_t value) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Range& range) { return value >= range.from && value <= range.to; });
}

// Blocks whose letters are wide or that take no room (Unicode 15, East Asian Width and general categories Mn, Me, Cf),
// by whole blocks where that is close enough.
constexpr std::array<Range, 15> wide{{{0x1100, 0x115f},
                                      {0x231a, 0x231b},
                                      {0x23e9, 0x23ec},
                                      {0x2614, 0x2615},
                                      {0x2705, 0x2705},
                                      {0x274c, 0x274c},
                                      {0x2e80, 0x303e},
                                      {0x3041, 0xa4cf},
                                      {0xac00, 0xd7a3},
                                      {0xf900, 0xfaff},
                                      {0xfe30, 0xfe6f},
                                      {0xff00, 0xff60},
                                      {0xffe0, 0xffe6},
                                      {0x1f300, 0x1faff},
                                      {0x20000, 0x3fffd}}};
constexpr std::array<Range, 12> narrowest{{{0x0, 0x1f},
                                           {0x7f, 0x9f},
                                           {0x300, 0x36f},
                                           {0x483, 0x489},
                                           {0x591, 0x5bd},
                                           {0x610, 0x61a},
                                           {0x64b, 0x65f},
                                           {0x1ab0, 0x1aff},
                                           {0x200b, 0x200f},
                                           {0x202a, 0x202e},
                                           {0x20d0, 0x20ff},
                                           {0xfe00, 0xfe0f}}};

int width_of(const CodePoint& point) {
  if (point.value < 0x300 && point.value >= 0x20 && point.value != 0x7f) return 1;
  if (point.bytes == 1 && point.value >= 0x80) return 1;
  if (lies_in(narrowest, point.value)) return 0;
  return lies_in(wide, point.value) ? 2 : 1;
}

const char* colour_code(Colour colour) {
  switch (colour) {
    case Colour::none:
      return "";
    case Colour::red:
      return "\x1b[1;31m";
    case Colour::green:
      return "\x1b[32m";
    case Colour::yellow:
      return "\x1b[33m";
    case Colour::cyan:
      return "\x1b[36m";
    case Colour::bold:
      return "\x1b[1m";
    case Colour::dim:
      return "\x1b[2m";
  }
  return "";
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != 0;
}

}  // namespace

std::string Terminal::paint(std::string_view text, Colour wanted) const {
  if (!colour || wanted == Colour::none || text.empty()) return std::string(text);
  return fmt::format("{}{}\x1b[0m", colour_code(wanted), text);
}

Terminal terminal_of(int fd) {
  Terminal terminal;
  terminal.fd = fd;
  terminal.is_terminal = isatty(fd) == 1;
  if (!terminal.is_terminal) return terminal;
  const char* kind = std::getenv("TERM");
  terminal.colour = !is_set("NO_COLOR") && kind != nullptr && std::string_view(kind) != "dumb";
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) terminal.width = size.ws_col;
  if (const char* columns = std::getenv("COLUMNS"); terminal.width == 0 && columns != nullptr)
    terminal.width = std::atoi(columns);
  if (terminal.width <= 0) terminal.width = 80;
  return terminal;
}

int display_width(std::string_view text) {
  int width = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    width += width_of(point);
    at += static_cast<size_t>(point.bytes);
  }
  return width;
}

std::string cut_to_width(std::string_view text, int width) {
  if (width <= 0 || display_width(text) <= width) return std::string(text);
  int used = 0;
  size_t at = 0;
  while (at < text.size()) {
    const CodePoint point = code_point_at(text, at);
    if (used + width_of(point) > width - 1) break;
    used += width_of(point);
    at += static_cast<size_t>(point.bytes);
  }
  return std::string(text.substr(0, at)) + "…";
}

std::string cut_front_to_width(std::string_view text, int width) {
  int left = display_width(text);
  if (width <= 0 || left <= width) return std::string(text);
  size_t at = 0;
  while (at < text.size() && left > width - 1) {
    const CodePoint point = code_point_at(text, at);
    left -= width_of(point);
    at += static_cast<size_t>(point.bytes);
  }
  return "…" + std::string(text.substr(at));
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    const bool broken = point.bytes == 1 && point.value >= 0x80;
    const bool control = point.value < 0x20 || (point.value >= 0x7f && point.value < 0xa0);
    if (point.value == '\n') {
      out += "\\n";
    } else if (point.value == '\r') {
      out += "\\r";
    } else if (point.value == '\t') {
      out += "\\t";
    } else if (broken || (control && point.bytes == 1)) {
      out += fmt::format("\\x{:02x}", point.value);
    } else if (control || (point.value >= 0x202a && point.value <= 0x202e)) {
      out += fmt::format("\\u{:04x}", point.value);
    } else {
      out += text.substr(at, static_cast<size_t>(point.bytes));
    }
    at += static_cast<size_t>(point.bytes);
  }
  return out;
}

void Console::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(terminal_.fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // whoever read it is gone; what was to be said has no other way out
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void Console::print(std::string_view lines) {
  const std::lock_guard lock(mutex_);
  std::string text = live_.empty() ? "" : "\r\x1b[K";
  text += lines;
  if (!lines.ends_with('\n')) text += '\n';
  text += live_;
  write(text);
}

void Console::live(std::string_view line) {
  if (!terminal_.is_terminal) return;
  const std::lock_guard lock(mutex_);
  live_ = cut_to_width(line, terminal_.width > 1 ? terminal_.width - 1 : 0);
  write("\r\x1b[K" + live_);
}

void Console::end_live() {
  const std::lock_guard lock(mutex_);
  if (live_.empty()) return;
  live_.clear();
  write("\r\x1b[K");
}

}  // namespace trommel
