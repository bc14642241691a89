#include "config/yaml_text.h"

#include <algorithm>
#include <cstdio>

namespace trommel {

namespace {

bool is_plain(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  for (const char* nothing : {"~", "null", "Null", "NULL"}) {
    if (text == nothing) return false;
  }
  // A first letter, then nothing that YAML or ${...} could take for its own.
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
  };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!letter(text[0]) && !digit(text[0])) {
    const bool signed_number = (text[0] == '-' || text[0] == '.') && text.size() > 1 && digit(text[1]);
    if (!signed_number) return false;
  }
  return std::all_of(text.begin(), text.end(),
                     [&](char c) {
                       return letter(c) || digit(c) ||
                              std::string_view(" ._-+/()=<>;").find(c) != std::string_view::npos;
                     }) &&
         static_cast<unsigned char>(text[0]) != 0xEF;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\x%02X", static_cast<unsigned>(c));
      out += escaped;
    } else if (text.substr(i).starts_with("${")) {
      out += "$$";  // the brace follows as the next character
    } else {
      out += c;
    }
  }
  return out + "\"";
}

void write(const Node& node, size_t depth, std::string& out);

void write_below(const Node& node, size_t depth, std::string& out) {
  const bool block = (node.is_list() && !node.items.empty()) || (node.is_map() && !node.entries.empty());
  if (block) {
    out += '\n';
    write(node, depth + 1, out);
  } else {
    out += ' ';
    write(node, depth, out);
  }
}

void write(const Node& node, size_t depth, std::string& out) {
  const std::string indent(depth * 2, ' ');
  switch (node.kind) {
    case Node::Kind::null:
      out += "null\n";
      break;
    case Node::Kind::scalar:
      out += (node.quoted ? quoted(node.scalar) : yaml_scalar(node.scalar)) + "\n";
      break;
    case Node::Kind::list:
      if (node.items.empty()) out += "[]\n";
      for (const Node& item : node.items) {
        out += indent + "-";
        write_below(item, depth, out);
      }
      break;
    case Node::Kind::map:
      if (node.entries.empty()) out += "{}\n";
      for (const Node::Entry& entry : node.entries) {
        out += indent + yaml_scalar(entry.name) + ":";
        write_below(entry.value, depth, out);
      }
      break;
  }
}

}  // namespace

std::string yaml_scalar(std::string_view text) { return is_plain(text) ? std::string(text) : quoted(text); }

std::string yaml_text(const Node& node) {
  std::string out;
  write(node, 0, out);
  return out;
}

}  // namespace trommel
