// What a person looks at: standard output and standard error, as a terminal or as something that reads lines.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace trommel {

enum class Colour { none, red, green, yellow, cyan, bold, dim };

/// One of the standard streams.
struct Terminal {
  int fd = 2;
  bool is_terminal = false;
  bool colour = false;  ///< a terminal that can, and NO_COLOR (no-color.org) is not set
  int width = 0;        ///< in cells; 0: no terminal, lines may be as long as they like

  std::string paint(std::string_view text, Colour colour) const;
};

/// Asks the operating system and the environment (TERM, NO_COLOR, COLUMNS).
Terminal terminal_of(int fd);

/// Cells that UTF-8 text takes on a terminal: wide East Asian letters and emoji two, combining marks and control
/// characters none. Bytes that are not UTF-8 count one each.
int display_width(std::string_view text);
/// The text if it fits into `width` cells, else its beginning and `…`.
std::string cut_to_width(std::string_view text, int width);
/// The same for text whose end matters most: `…` and its end.
std::string cut_front_to_width(std::string_view text, int width);
/// Control characters and bytes that are not UTF-8 as `\n`, `\t`, `\x1b`: text from outside never moves the cursor or
/// changes a colour.
std::string printable(std::string_view text);

/// Writes whole lines to a stream, and on a terminal keeps one live line below them. Safe to use from several threads.
class Console {
 public:
  explicit Console(Terminal terminal) : terminal_(terminal) {}
  ~Console() { end_live(); }
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  const Terminal& terminal() const { return terminal_; }
  void print(std::string_view lines);  ///< a missing last line end is added
  void live(std::string_view line);    ///< replaces the live line; on anything but a terminal it is not shown
  void end_live();                     ///< takes the live line away

 private:
  void write(std::string_view text);

  const Terminal terminal_;
  std::mutex mutex_;
  std::string live_;
};

}  // namespace trommel
