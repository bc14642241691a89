#include "spec/describe.h"

#include <algorithm>

namespace trommel {

namespace {

/// Letters as they take up room on a terminal, nearly: UTF-8 sequences count as one.
size_t width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::vector<std::string> wrapped(std::string_view text, size_t columns) {
  std::vector<std::string> lines(1);
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find_first_of(" \n", at), text.size());
    const std::string_view word = text.substr(at, end - at);
    if (!lines.back().empty() && width(lines.back()) + 1 + width(word) > columns) lines.emplace_back();
    if (!lines.back().empty() && !word.empty()) lines.back() += ' ';
    lines.back() += word;
    if (end < text.size() && text[end] == '\n') lines.emplace_back();
    at = end + 1;
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::string indented(std::string_view text, size_t blanks) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) out += std::string(blanks, ' ') + std::string(text.substr(at, end - at));
    out += '\n';
    at = end + 1;
  }
  return out;
}

struct Row {
  std::string name, type, doc;
};

std::string facts_of(const FieldInfo& field) {
  if (field.required) return "required";
  if (!field.default_text.empty()) return "default " + field.default_text;
  return {};
}

std::vector<Row> rows_of(const SpecInfo& info) {
  std::vector<Row> rows;
  const auto add = [&](const std::string& name, const std::string& type, std::string doc, const std::string& facts,
                       const std::string& example) {
    if (!facts.empty()) doc += " (" + facts + ")";
    if (!example.empty()) doc += "; such as " + example;
    rows.push_back({name, type, doc});
  };
  for (const FieldInfo& field : info.fields) add(field.name, field.type, field.doc, facts_of(field), field.example);
  if (info.open && !info.open_name.empty()) add(info.open_name, info.open_type, info.open_doc, "", "");
  return rows;
}

std::string table(const std::vector<Row>& rows, size_t columns) {
  constexpr size_t type_width_max = 26;
  size_t name_width = 0, type_width = 0;
  for (const Row& row : rows) {
    name_width = std::max(name_width, width(row.name));
    type_width = std::max(type_width, std::min(width(row.type), type_width_max));
  }
  const size_t left = 2 + name_width + 3 + type_width + 3;
  const size_t doc_width = columns > left + 30 ? columns - left : 30;
  std::string out;
  for (const Row& row : rows) {
    const auto types = wrapped(row.type, type_width);
    const auto docs = wrapped(row.doc, doc_width);
    for (size_t i = 0; i < std::max({types.size(), docs.size(), size_t{1}}); ++i) {
      const std::string name = i == 0 ? row.name : "";
      const std::string type = i < types.size() ? types[i] : "";
      std::string line = "  " + name + std::string(name_width - width(name) + 3, ' ') + type;
      if (i < docs.size())
        line += std::string(width(type) < type_width ? type_width - width(type) + 3 : 3, ' ') + docs[i];
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    }
  }
  return out;
}

/// Each spec behind a field of `info`, with the path of keys that leads to it; a spec is named once.
struct Inner {
  std::string path;
  const SpecInfo* info;
};
void collect_inner(const SpecInfo& info, const std::string& path, std::vector<Inner>& found) {
  const auto add = [&](const std::string& name, const SpecInfo* inner) {
    if (inner == nullptr) return;
    const bool known = std::any_of(found.begin(), found.end(), [&](const Inner& other) { return other.info == inner; });
    if (known) return;
    const std::string inner_path = path.empty() ? name : path + "." + name;
    found.push_back({inner_path, inner});
    collect_inner(*inner, inner_path, found);
  };
  for (const FieldInfo& field : info.fields) add(field.name, field.inner);
  if (info.open) add(info.open_name, info.open_inner);
}

std::vector<Inner> inner_specs(const SpecInfo& info) {
  std::vector<Inner> found;
  collect_inner(info, "", found);
  return found;
}

std::string markdown_cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string code(const std::string& text) {
  return text.empty() ? "" : (text.find('`') == std::string::npos ? "`" + text + "`" : "`` " + text + " ``");
}

std::string markdown_table(const SpecInfo& info) {
  std::string out = "| field | type | default | what it does |\n|---|---|---|---|\n";
  const auto row = [&](const std::string& name, const std::string& type, const std::string& standard,
                       const std::string& doc, const std::string& example) {
    out += "| " + code(name) + " | " + markdown_cell(type) + " | " + markdown_cell(standard) + " | " +
           markdown_cell(doc) + (example.empty() ? "" : "; such as " + markdown_cell(code(example))) + " |\n";
  };
  for (const FieldInfo& field : info.fields) {
    row(field.name, field.type, field.required ? "required" : code(field.default_text), field.doc, field.example);
  }
  if (info.open && !info.open_name.empty()) row(info.open_name, info.open_type, "", info.open_doc, "");
  return out;
}

std::string field_json(const FieldInfo& field) {
  std::string out = R"({"name":)" + json_quoted(field.name) + R"(,"type":)" + json_quoted(field.type) +
                    R"(,"required":)" + (field.required ? "true" : "false");
  if (!field.default_text.empty()) out += R"(,"default":)" + json_quoted(field.default_text);
  if (!field.example.empty()) out += R"(,"example":)" + json_quoted(field.example);
  if (field.secret) out += R"(,"secret":true)";
  return out + R"(,"doc":)" + json_quoted(field.doc) + "}";
}

std::string bare_note(const SpecInfo& info) {
  if (info.scalar_field.empty()) return {};
  return "`" + info.name + ": VALUE` is short for `" + info.name + ": { " + info.scalar_field + ": VALUE }`.";
}

}  // namespace

std::string describe_text(const SpecInfo& info, int columns) {
  const size_t wide = static_cast<size_t>(std::clamp(columns, 60, 140));
  std::string out = info.name + ": " + info.summary + "\n";
  const auto paragraph = [&](const std::string& text) {
    if (text.empty()) return;
    out += "\n";
    for (const std::string& line : wrapped(text, wide)) out += line + "\n";
  };
  paragraph(info.description);
  paragraph(bare_note(info));
  if (!rows_of(info).empty()) out += "\nFields\n" + table(rows_of(info), wide);
  for (const Inner& inner : inner_specs(info))
    out += "\nFields of " + inner.path + "\n" + table(rows_of(*inner.info), wide);
  if (!info.example.empty()) out += "\nExample\n" + indented(info.example, 2);
  return out;
}

std::string describe_markdown(const SpecInfo& info, const std::string& section) {
  std::string out = "# " + info.name + (section.empty() ? "" : " (" + section + ")") + "\n\n" + info.summary + ".\n";
  if (!info.description.empty()) out += "\n" + info.description + (info.description.ends_with('\n') ? "" : "\n");
  if (!bare_note(info).empty()) out += "\n" + bare_note(info) + "\n";
  if (!rows_of(info).empty()) out += "\n## Fields\n\n" + markdown_table(info);
  for (const Inner& inner : inner_specs(info)) {
    out += "\n### `" + inner.path + "`\n\n" + (inner.info->summary.empty() ? "" : inner.info->summary + ".\n\n") +
           markdown_table(*inner.info);
  }
  if (!info.example.empty())
    out += "\n## Example\n\n```yaml\n" + info.example + (info.example.ends_with('\n') ? "" : "\n") + "```\n";
  return out;
}

std::string describe_json(const SpecInfo& info) {
  std::vector<std::string> fields;
  for (const FieldInfo& field : info.fields) fields.push_back(field_json(field));
  return R"({"name":)" + json_quoted(info.name) + R"(,"summary":)" + json_quoted(info.summary) + R"(,"description":)" +
         json_quoted(info.description) + R"(,"example":)" + json_quoted(info.example) + R"(,"fields":[)" +
         joined(fields, ",") + R"(],"schema":)" + spec_json_schema(info) + "}";
}

}  // namespace trommel
