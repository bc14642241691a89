#include "telemetry/log.h"

#include <fmt/format.h>

#include "telemetry/numbers.h"

namespace trommel {

namespace {

bool needs_quotes(std::string_view value) {
  return value.empty() || value.find_first_of(" =\"\\\n\r\t") != std::string_view::npos;
}

std::string value_for_line(std::string_view value) { return needs_quotes(value) ? json_text(value) : printable(value); }

// Length of the UTF-8 sequence at `at`, 0 when there is none.
size_t sequence_length(std::string_view text, size_t at) {
  const auto first = static_cast<uint8_t>(text[at]);
  const size_t length = first < 0x80                    ? 1
                        : first >= 0xc2 && first < 0xe0 ? 2
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<uint8_t>(text[at + i]) & 0xc0) != 0x80) return 0;
  }
  const auto second = length > 1 ? static_cast<uint8_t>(text[at + 1]) : 0;
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool outside = (first == 0xed && second >= 0xa0) || (first == 0xf4 && second >= 0x90);
  return overlong || outside ? 0 : length;
}

}  // namespace

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_length(text, at);
    const char c = text[at];
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<uint8_t>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<uint8_t>(c));
    } else {
      out += text.substr(at, length);
    }
    at += length == 0 ? 1 : length;
  }
  return out + "\"";
}

void Log::info(std::string_view message, Facts facts) {
  if (!quiet_) line(Level::info, message, facts);
}
void Log::warn(std::string_view message, Facts facts) { line(Level::warn, message, facts); }
void Log::error(std::string_view message, Facts facts) { line(Level::error, message, facts); }

void Log::line(Level level, std::string_view message, const Facts& facts) {
  static constexpr const char* words[] = {"info", "warn", "error"};
  const std::string word = words[static_cast<size_t>(level)];
  const std::string time = time_text(env_.now_us());
  std::string iso = time;
  iso[10] = 'T';
  iso += 'Z';
  std::string out;
  if (format_ == LogFormat::json) {
    out = fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",\"message\":{}", iso, word, json_text(message));
    for (const auto& [name, value] : facts) out += fmt::format(",{}:{}", json_text(name), json_text(value));
    out += '}';
  } else if (format_ == LogFormat::key_value) {
    out = fmt::format("time={} level={} message={}", iso, word, value_for_line(message));
    for (const auto& [name, value] : facts) out += fmt::format(" {}={}", name, value_for_line(value));
  } else {
    out = plain(time, level, message, facts);
  }
  if (!file_) return console_.print(out);
  const auto written = file_->append(out);
  if (written) return;
  if (!told_.exchange(true))
    console_.print("the log file takes no more lines, they follow here: " + written.error().text());
  console_.print(out);
}

std::string Log::plain(const std::string& time, Level level, std::string_view message, const Facts& facts) const {
  static constexpr const char* padded[] = {"INFO ", "WARN ", "ERROR"};
  static constexpr Colour colours[] = {Colour::none, Colour::yellow, Colour::red};
  const auto paint = [&](std::string_view text, Colour colour) {
    return file_ ? std::string(text) : console_.terminal().paint(text, colour);
  };
  std::string out =
      fmt::format("{} {} {}", paint(time, Colour::dim),
                  paint(padded[static_cast<size_t>(level)], colours[static_cast<size_t>(level)]), printable(message));
  for (const auto& [name, value] : facts) out += fmt::format(" {}={}", name, value_for_line(value));
  return out;
}

}  // namespace trommel
