// What happened, a line each, for people and for programs. Values from the outside never break a line; secrets do not
// come here: who logs a setting takes Node::shown().
#pragma once

#include <atomic>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/env.h"
#include "telemetry/log_file.h"
#include "telemetry/terminal.h"

namespace trommel {

enum class LogFormat {
  plain,      ///< `2026-11-21 12:00:00 INFO  run ended rows=336776`
  key_value,  ///< `time=2026-11-21T12:00:00Z level=info message="run ended" rows=336776`
  json,       ///< `{"time":"2026-11-21T12:00:00Z","level":"info","message":"run ended","rows":"336776"}`
};

class Log {
 public:
  using Facts = std::initializer_list<std::pair<std::string_view, std::string>>;

  /// To a person. `quiet`: warnings and errors only.
  Log(Env& env, Console& console, LogFormat format = LogFormat::plain, bool quiet = false)
      : env_(env), console_(console), format_(format), quiet_(quiet) {}
  /// To a file. Lines that it does not take, of a full disk, go to the person instead.
  Log(Env& env, Console& console, LogFormat format, std::unique_ptr<LogFile> file)
      : env_(env), console_(console), format_(format), quiet_(false), file_(std::move(file)) {}

  bool to_file() const { return file_ != nullptr; }

  void info(std::string_view message, Facts facts = {});
  void warn(std::string_view message, Facts facts = {});   ///< went on, but somebody should know
  void error(std::string_view message, Facts facts = {});  ///< did not go on

 private:
  enum class Level { info, warn, error };
  void line(Level level, std::string_view message, const Facts& facts);
  std::string plain(const std::string& time, Level level, std::string_view message, const Facts& facts) const;

  Env& env_;
  Console& console_;
  LogFormat format_;
  bool quiet_;
  std::unique_ptr<LogFile> file_;
  std::atomic<bool> told_ = false;  ///< that the file does not take lines
};

/// `"text"` as JSON, bytes that are not UTF-8 as U+FFFD.
std::string json_text(std::string_view text);

}  // namespace trommel
