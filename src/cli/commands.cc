#include "cli/commands.h"

#include <CLI/CLI.hpp>

namespace trommel::cli {

namespace {

/// CLI11 writes checks behind the type, `FORMAT:{plain,json}`: of a set of words, its words.
std::vector<std::string> choices_of(const std::string& type) {
  const size_t open = type.find('{');
  const size_t close = type.find('}', open);
  std::vector<std::string> out;
  if (open == std::string::npos || close == std::string::npos) return out;
  for (size_t at = open + 1; at < close;) {
    const size_t comma = std::min(type.find(',', at), close);
    out.push_back(type.substr(at, comma - at));
    at = comma + 1;
  }
  return out;
}

Fills fills_of(const Word& word, const std::string& what) {
  if (!word.choices.empty()) return Fills::choices;
  if (word.doc.starts_with("Pipeline file")) return Fills::pipelines;
  if (word.doc.starts_with("A component")) return Fills::components;
  if (what == "DIR" || what == "FOLDER") return Fills::folders;
  if (what == "FILE" || what == "IN" || what == "OUT") return Fills::files;
  return Fills::nothing;
}

Word word_of(const CLI::Option& option) {
  Word word;
  word.doc = option.get_description();
  word.default_text = option.get_default_str();
  word.required = option.get_required();
  const std::string type = option.get_type_name();
  word.choices = choices_of(type);
  if (!option.nonpositional()) {
    word.names = {option.get_name(true, false)};
    word.repeated = option.get_items_expected_max() > 1;
    word.fills = fills_of(word, word.names.front());
    return word;
  }
  for (const std::string& name : option.get_snames()) word.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) word.names.push_back("--" + name);
  if (option.get_items_expected_max() == 0) return word;
  word.value = type.substr(0, type.find(':'));
  if (word.value.empty()) word.value = "VALUE";
  word.fills = fills_of(word, word.value);
  return word;
}

Command command_below(const CLI::App& app, const std::string& name) {
  Command out{name, app.get_description(), app.get_footer(), {}, {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // not for users
    (option->nonpositional() ? out.options : out.arguments).push_back(word_of(*option));
  }
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    out.verbs.push_back(command_below(*verb, name.empty() ? verb->get_name() : name + " " + verb->get_name()));
  return out;
}

}  // namespace

Command command_of(const CLI::App& app) { return command_below(app, ""); }

}  // namespace trommel::cli
