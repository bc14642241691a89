#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.h"

namespace trommel::cli {

namespace {

std::string last_word(const std::string& name) { return name.substr(name.rfind(' ') + 1); }

std::vector<std::string> verb_names(const Command& command) {
  std::vector<std::string> names;
  for (const Command& verb : command.verbs) names.push_back(last_word(verb.name));
  return names;
}

/// Every command below, trommel itself first.
void collect(const Command& command, std::vector<const Command*>& all) {
  all.push_back(&command);
  for (const Command& verb : command.verbs) collect(verb, all);
}

std::vector<const Command*> all_of(const Command& trommel) {
  std::vector<const Command*> all;
  collect(trommel, all);
  return all;
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

std::string in_quotes(const std::string& text) { return "'" + replaced(text, "'", R"('\'')") + "'"; }

// ---- bash ----

std::string bash_fill(const Word& word, const std::vector<std::string>& components) {
  switch (word.fills) {
    case Fills::nothing:
      return "";
    case Fills::files:
      return "_trommel_files -f";
    case Fills::folders:
      return "_trommel_files -d";
    case Fills::pipelines:
      return "_trommel_files -p";
    case Fills::components:
      return fmt::format("_trommel_words {}", in_quotes(fmt::format("{}", fmt::join(components, " "))));
    case Fills::choices:
      return fmt::format("_trommel_words {}", in_quotes(fmt::format("{}", fmt::join(word.choices, " "))));
  }
  return "";
}

/// `'run':'--log'|'run':'-l'`: the keys by which the script looks up an option.
std::string bash_keys(const Command& command, const Word& option) {
  std::vector<std::string> keys;
  for (const std::string& name : option.names) keys.push_back(fmt::format("'{}:{}'", command.name, name));
  return fmt::format("{}", fmt::join(keys, "|"));
}

constexpr const char* bash_head = R"(# Completion of trommel for bash, written by `trommel completion bash`.
# For this shell: source <(trommel completion bash)

_trommel_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word"); }

_trommel_files() {
  compopt -o filenames 2> /dev/null
  if [[ $1 == -p ]]; then
    mapfile -t COMPREPLY < <(compgen -f -X '!*.yaml' -- "$word"; compgen -f -X '!*.yml' -- "$word"; compgen -d -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen "$1" -- "$word")
  fi
}

_trommel() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb= place=0 skip= i
  COMPREPLY=()
  # bash takes --option=value for three words.
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i]} == = ]]; then skip=1; continue; fi
    if [[ -n $skip ]]; then skip=; continue; fi
    case "$verb:${COMP_WORDS[i]}" in
)";

}  // namespace

std::string bash_completion(const Command& trommel, const std::vector<std::string>& components) {
  std::string verbs, takes_value, values, options, places;
  for (const Command* command : all_of(trommel)) {
    for (const Command& verb : command->verbs)
      verbs += fmt::format("      '{}:{}') verb='{}'; place=0; continue ;;\n", command->name, last_word(verb.name),
                           verb.name);
    std::string names;
    for (const Word& option : command->options) {
      for (const std::string& name : option.names) names += (names.empty() ? "" : " ") + name;
      if (option.value.empty()) continue;
      takes_value += fmt::format("      {}) skip=1; continue ;;\n", bash_keys(*command, option));
      values += fmt::format("    {}) {}; return ;;\n", bash_keys(*command, option),
                            option.fills == Fills::nothing ? ":" : bash_fill(option, components));
    }
    options += fmt::format("      '{}') _trommel_words '{}' ;;\n", command->name, names);
    if (!command->verbs.empty())
      places +=
          fmt::format("    '{}:0') _trommel_words '{}' ;;\n", command->name, fmt::join(verb_names(*command), " "));
    for (size_t i = 0; i < command->arguments.size(); ++i) {
      const Word& argument = command->arguments[i];
      if (argument.fills == Fills::nothing) continue;
      places += argument.repeated
                    ? fmt::format("    '{}:'*) {} ;;\n", command->name, bash_fill(argument, components))
                    : fmt::format("    '{}:{}') {} ;;\n", command->name, i, bash_fill(argument, components));
    }
  }
  return bash_head + verbs + takes_value +
         "      *:-) ;;\n      *:-*) continue ;;\n    esac\n    ((++place))\n  done\n  case \"$verb:$before\" in\n" +
         values + "  esac\n  if [[ $word == -* ]]; then\n    case \"$verb\" in\n" + options +
         "    esac\n    return\n  fi\n  case \"$verb:$place\" in\n" + places +
         "  esac\n}\n\ncomplete -F _trommel trommel\n";
}

namespace {

// ---- zsh ----

/// Text inside a spec of `_arguments`: brackets and colons have a meaning there.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_fill(const Word& word, const std::vector<std::string>& components) {
  switch (word.fills) {
    case Fills::nothing:
      return " ";
    case Fills::files:
      return "_files";
    case Fills::folders:
      return "_files -/";
    case Fills::pipelines:
      return "_files -g \"*.(yaml|yml)\"";
    case Fills::components:
      return fmt::format("({})", fmt::join(components, " "));
    case Fills::choices:
      return fmt::format("({})", fmt::join(word.choices, " "));
  }
  return " ";
}

std::string zsh_option(const Word& option, const std::vector<std::string>& components) {
  const std::string doc = "[" + zsh_text(option.doc) + "]";
  const std::string value =
      option.value.empty() ? "" : fmt::format(":{}:{}", zsh_text(option.value), zsh_fill(option, components));
  std::string out;
  for (const std::string& name : option.names) {
    // One name of several rules out the others.
    const std::string others = fmt::format("({})", fmt::join(option.names, " "));
    const std::string sign = option.value.empty() ? "" : name.starts_with("--") ? "=" : "+";
    out += " \\\n      " + in_quotes(others + name + sign + doc + value);
  }
  return out;
}

/// The function for one command; those of its verbs come before it.
std::string zsh_function(const Command& command, const std::vector<std::string>& components) {
  std::string below, calls, verbs;
  for (const Command& verb : command.verbs) {
    below += zsh_function(verb, components);
    const std::string name = last_word(verb.name);
    calls += fmt::format("        {}) _trommel_{} ;;\n", name, replaced(verb.name, " ", "_"));
    verbs += " " + in_quotes(zsh_text(name) + ":" + verb.summary);
  }
  std::string specs;
  for (const Word& option : command.options) specs += zsh_option(option, components);
  for (size_t i = 0; i < command.arguments.size(); ++i) {
    const Word& argument = command.arguments[i];
    specs += " \\\n      " + in_quotes(fmt::format("{}:{}:{}", argument.repeated ? "*" : std::to_string(i + 1),
                                                   zsh_text(argument.names.front()), zsh_fill(argument, components)));
  }
  const std::string name = command.name.empty() ? "_trommel" : "_trommel_" + replaced(command.name, " ", "_");
  if (command.verbs.empty()) return below + fmt::format("{}() {{\n  _arguments -s{}\n}}\n\n", name, specs);
  return below + fmt::format(
                     "{}() {{\n  local state line curcontext=$curcontext\n  typeset -A opt_args\n  local -a verbs\n"
                     "  _arguments -C{} \\\n      '1:verb:->verb' \\\n      '*::argument:->argument'\n"
                     "  case $state in\n    verb) verbs=({}); _describe verb verbs ;;\n    argument)\n"
                     "      case $line[1] in\n{}      esac ;;\n  esac\n}}\n\n",
                     name, specs, verbs, calls);
}

// ---- fish ----

std::string fish_fill(const Word& word, const std::vector<std::string>& components) {
  switch (word.fills) {
    case Fills::nothing:
      return "";
    case Fills::files:
    case Fills::pipelines:
      return " -F";
    case Fills::folders:
      return " -a '(__fish_complete_directories)'";
    case Fills::components:
      return fmt::format(" -a '{}'", fmt::join(components, " "));
    case Fills::choices:
      return fmt::format(" -a '{}'", fmt::join(word.choices, " "));
  }
  return "";
}

std::string fish_quotes(const std::string& text) {
  return "'" + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + "'";
}

/// When the words so far are those of the command, and none of a verb below it.
std::string fish_condition(const Command& command) {
  if (command.name.empty()) return "__fish_use_subcommand";
  std::string out;
  for (size_t at = 0; at < command.name.size();) {
    const size_t end = std::min(command.name.find(' ', at), command.name.size());
    out += (out.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + command.name.substr(at, end - at));
    at = end + 1;
  }
  if (!command.verbs.empty())
    out += fmt::format("; and not __fish_seen_subcommand_from {}", fmt::join(verb_names(command), " "));
  return out;
}

}  // namespace

std::string zsh_completion(const Command& trommel, const std::vector<std::string>& components) {
  return "#compdef trommel\n# Completion of trommel for zsh, written by `trommel completion zsh`.\n"
         "# For this shell: source <(trommel completion zsh)\n\n" +
         zsh_function(trommel, components) +
         "if [[ $funcstack[1] == _trommel ]]; then\n  _trommel \"$@\"\nelse\n  compdef _trommel trommel\nfi\n";
}

std::string fish_completion(const Command& trommel, const std::vector<std::string>& components) {
  std::string out =
      "# Completion of trommel for fish, written by `trommel completion fish`.\n"
      "# For this shell: trommel completion fish | source\n\ncomplete -c trommel -f\n";
  for (const Command* command : all_of(trommel)) {
    const std::string head = fmt::format("complete -c trommel -n '{}'", fish_condition(*command));
    for (const Command& verb : command->verbs)
      out += fmt::format("{} -a {} -d {}\n", head, last_word(verb.name), fish_quotes(verb.summary));
    for (const Word& option : command->options) {
      out += head;
      for (const std::string& name : option.names)
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (!option.value.empty()) out += (option.fills == Fills::files ? " -r" : " -x") + fish_fill(option, components);
      out += fmt::format(" -d {}\n", fish_quotes(option.doc));
    }
    for (const Word& argument : command->arguments) {
      const std::string fill = fish_fill(argument, components);
      if (!fill.empty()) out += head + fill + "\n";
    }
  }
  return out;
}

}  // namespace trommel::cli
