// What every verb has at hand: the streams, the components, and one way to say what went wrong.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "component/component.h"
#include "config/pipeline.h"
#include "telemetry/terminal.h"

namespace trommel::cli {

enum ExitCode { done = 0, refused = 1, internal_mistake = 2, wrong_usage = 64, wrong_config = 78 };

/// The file of a Place that is on no file.
inline constexpr const char* on_command_line = "(command line)";

class Session {
 public:
  Session(Env& env, const Components& components, std::string version);

  Env& env;
  const Components& components;
  const std::string version;
  Console err;            ///< messages, progress, logs: everything that is not what was asked for
  Terminal out_terminal;  ///< standard output, for widths and colours

  /// What was asked for, to standard output. Ends the process when nobody reads any more, as `head` makes it.
  void out(std::string_view text);

  /// `error: where: what (hint)` on standard error; the exit code of its kind.
  int fail(const Error& error);
  /// All mistakes, a line each, and how many there were; those of the command line as usage errors.
  int fail(const Problems& problems);
  int wrong(const std::string& what, const std::string& hint = {});
  void note(const std::string& text);
  void warn(const std::string& text);

  /// `NAME=value` from the command line, before those of the environment.
  void set_variables(const std::vector<std::string>& definitions) { definitions_ = definitions; }
  Variables variables() const;

  /// Loads the pipeline file and checks all that can be seen without binding: shape, every part's settings, the graph.
  Pipeline load(const std::string& path, Problems& problems);

  /// What the data itself did wrong, such as a file that is not there yet or columns that break the contract: no
  /// mistake of the pipeline.
  std::optional<Error> missing_data(const Pipeline& pipeline);

 private:
  std::vector<std::string> definitions_;
};

/// The process's own exit code for an error.
int exit_code(const Error& error);

}  // namespace trommel::cli
