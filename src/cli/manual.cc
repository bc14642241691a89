#include "cli/manual.h"

#include <fmt/format.h>

namespace trommel::cli {

namespace {

/// Text as roff shows it: a backslash, a minus and a dot at a line's start have meanings there.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool line_starts = out.empty() || out.back() == '\n';
    if (line_starts && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '`') {
      out += "\\(ga";
    } else {
      out += c;
    }
  }
  return out;
}

std::string bold(const std::string& text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + roff(text) + "\\fR"; }

std::string option_entry(const Word& word) {
  std::string head;
  for (const std::string& name : word.names) head += (head.empty() ? "" : ", ") + bold(name);
  if (!word.value.empty()) head += " " + italic(word.value);
  std::string out = ".TP\n" + head + "\n" + roff(word.doc);
  if (!word.default_text.empty()) out += " (default " + roff(word.default_text) + ")";
  return out + "\n";
}

std::string argument_entry(const Word& word) {
  return ".TP\n" + italic(word.names.front()) + "\n" + roff(word.doc) + "\n";
}

std::string synopsis(const Command& command) {
  std::string out = bold("trommel " + command.name);
  if (command.options.size() > 1) out += " [" + italic("options") + "]";
  for (const Word& argument : command.arguments)
    out += argument.required ? " " + italic(argument.names.front()) : " [" + italic(argument.names.front()) + "]";
  return out;
}

/// The examples and what stands below them, set apart from running text.
std::string footer(const Command& command) {
  if (command.footer.empty()) return "";
  return ".PP\n.nf\n" + roff(command.footer.substr(command.footer.find_first_not_of('\n'))) + "\n.fi\n";
}

std::string verb_section(const Command& command) {
  std::string out;
  if (command.verbs.empty()) {
    out = ".SS " + synopsis(command) + "\n" + roff(command.summary) + ".\n";
    for (const Word& argument : command.arguments) out += argument_entry(argument);
    for (const Word& option : command.options) {
      if (option.names.back() != "--help") out += option_entry(option);
    }
    return out + footer(command);
  }
  for (const Command& verb : command.verbs) out += verb_section(verb);
  return out;
}

std::string spec_section(const std::string& kind, const SpecInfo& info) {
  std::string out = ".SS " + roff(info.name + " (" + kind + ")") + "\n" + roff(info.summary) + ".\n";
  for (const FieldInfo& field : info.fields) {
    out += ".TP\n" + bold(field.name) + "\n" + roff(field.doc) + roff("; " + field.type);
    if (field.required) out += ", required";
    if (!field.default_text.empty()) out += ", default " + roff(field.default_text);
    out += "\n";
  }
  return out;
}

}  // namespace

std::string manual_page(const Command& trommel, const std::vector<std::pair<std::string, const SpecInfo*>>& described,
                        const std::string& version) {
  std::string out = fmt::format(".TH TROMMEL 1 \"\" \"trommel {}\" \"User Commands\"\n", version);
  out +=
      ".SH NAME\ntrommel \\- takes raw data in, cleans and checks it, and delivers every row or says why not\n.SH "
      "SYNOPSIS\n.nf\n";
  for (const Command& verb : trommel.verbs) out += synopsis(verb) + "\n";
  out += ".fi\n.SH DESCRIPTION\n";
  out += roff(
      "Follows one readable pipeline file (YAML and SQL), or converts, looks at, profiles and queries single files "
      "without one. What was asked for "
      "goes to standard output, everything else to standard error. Every row that is read is written, or rejected with "
      "its reason and place, "
      "or filtered, or counted some other way, and each run ends with the sheet that proves it.\n");
  out += ".SH VERBS\n";
  for (const Command& verb : trommel.verbs) out += verb_section(verb);
  out += ".SH PIPELINE FILES\n" +
         roff("What stands in them, and the settings of every component; `trommel describe NAME` tells more.\n");
  for (const auto& [kind, info] : described) out += spec_section(kind, *info);
  out += ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : {std::pair{"0", "done"},
                                      {"1", "refused by the data or the outside; nothing was published"},
                                      {"2", "a mistake of trommel's own"},
                                      {"64", "the command line is wrong"},
                                      {"78", "the pipeline file is wrong; nothing was run"}})
    out += fmt::format(".TP\n.B {}\n{}\n", code, roff(meaning));
  out += ".SH ENVIRONMENT\n";
  for (const auto& [name, meaning] : {std::pair{"NO_COLOR", "no colours"},
                                      {"COLUMNS", "how wide tables may be"},
                                      {"TMPDIR", "where commands put what they need while they run"}})
    out += fmt::format(".TP\n.B {}\n{}\n", name, roff(meaning));
  out += ".SH FILES\n.TP\n.I .trommel/NAME\n" +
         roff("What a pipeline of that name has taken and published, beside its file: checkpoints, rejects, spools.\n");
  return out;
}

}  // namespace trommel::cli
