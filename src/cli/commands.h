// The command line as data, read from CLI11's own description of it: what completion scripts and the manual page are
// written from, so that they cannot say anything else than `--help`.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace trommel::cli {

/// What may stand in a place, as far as a shell can help.
enum class Fills { nothing, files, folders, pipelines, components, choices };

/// An option, or an argument that goes by its place.
struct Word {
  std::vector<std::string> names;  ///< `-q`, `--quiet`; of an argument its one name, `FILE`
  std::string value;               ///< what an option takes, `FORMAT`; empty: nothing
  std::string doc, default_text;
  bool required = false, repeated = false;
  Fills fills = Fills::nothing;
  std::vector<std::string> choices;
};

struct Command {
  std::string name;     ///< the whole of it: `rejects list`; empty for trommel itself
  std::string summary;  ///< one line
  std::string footer;   ///< as it stands below the help, examples first
  std::vector<Word> arguments, options;
  std::vector<Command> verbs;
};

Command command_of(const CLI::App& app);

/// The scripts. `components` are the names that `describe` knows.
std::string bash_completion(const Command& trommel, const std::vector<std::string>& components);
std::string zsh_completion(const Command& trommel, const std::vector<std::string>& components);
std::string fish_completion(const Command& trommel, const std::vector<std::string>& components);

}  // namespace trommel::cli
