// What happened, a line each, for people and for programs. Values from the outside never break a line; secrets do not
// come here: who logs a setting takes Node::shown().
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/env.h"
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

  Log(Env& env, Console& console, LogFormat format = LogFormat::plain, bool quiet = false)
      : env_(env), console_(console), format_(format), quiet_(quiet) {}

  void info(std::string_view message, Facts facts = {});   ///< not shown when quiet
  void warn(std::string_view message, Facts facts = {});   ///< went on, but somebody should know
  void error(std::string_view message, Facts facts = {});  ///< did not go on

 private:
  enum class Level { info, warn, error };
  void line(Level level, std::string_view message, const Facts& facts);

  Env& env_;
  Console& console_;
  LogFormat format_;
  bool quiet_;
};

/// `"text"` as JSON, bytes that are not UTF-8 as U+FFFD.
std::string json_text(std::string_view text);

}  // namespace trommel
