#include "codecs/csv/recall.h"

#include "base/json.h"

namespace trommel::csv {

namespace {

std::string byte_text(char byte) { return byte == 0 ? "" : std::string(1, byte); }
char byte_of(const Json& in, const char* name) {
  const std::string text = in.value(name, "");
  return text.empty() ? '\0' : text[0];
}

}  // namespace

std::string recalled_text(const Recalled& recalled) {
  Json out = {{"format", recalled.format}};
  if (recalled.format == "csv") {
    out["delimiter"] = byte_text(recalled.dialect.delimiter);
    out["quote"] = byte_text(recalled.dialect.quote);
    if (recalled.dialect.escape != 0) out["escape"] = byte_text(recalled.dialect.escape);
    if (recalled.dialect.lone_cr) out["lone_cr"] = true;
  }
  if (!recalled.lines) out["lines"] = false;
  if (recalled.encoding != "UTF-8") out["encoding"] = recalled.encoding;
  if (!recalled.nulls.empty()) out["nulls"] = recalled.nulls;
  out["columns"] = Json::array();
  for (const RecalledColumn& column : recalled.columns) {
    Json one = {{"name", column.name}};
    if (!column.layout.iso()) {
      one["date_order"] = static_cast<int>(column.layout.order);
      one["date_separator"] = byte_text(column.layout.separator);
    }
    out["columns"].push_back(std::move(one));
  }
  return json_line(out);
}

Result<Recalled> parse_recalled(const std::string& text) {
  ASSIGN(const Json in, parse_json(text, "what is known of the file of a reject"));
  Recalled out;
  out.format = in.value("format", "");
  out.lines = in.value("lines", true);
  out.dialect.delimiter = byte_of(in, "delimiter");
  out.dialect.quote = byte_of(in, "quote");
  out.dialect.escape = byte_of(in, "escape");
  out.dialect.lone_cr = in.value("lone_cr", false);
  out.encoding = in.value("encoding", "UTF-8");
  out.nulls = in.value("nulls", std::vector<std::string>());
  for (const Json& column : in.value("columns", Json::array())) {
    RecalledColumn one{column.value("name", ""), {}};
    if (column.contains("date_order")) {
      one.layout.order = static_cast<DateLayout::Order>(column.value("date_order", 0));
      one.layout.separator = byte_of(column, "date_separator");
    }
    out.columns.push_back(std::move(one));
  }
  return out;
}

std::string record_of(const std::vector<std::optional<std::string>>& fields, const Dialect& dialect) {
  std::string out;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out += dialect.delimiter;
    if (!fields[i]) continue;
    const std::string& text = *fields[i];
    const std::string special = {dialect.delimiter, dialect.quote, '\r', '\n'};
    if (dialect.quote == 0 || (!text.empty() && text.find_first_of(special) == std::string::npos)) {
      out += text;
      continue;
    }
    out += dialect.quote;
    for (const char c : text) {
      if (c == dialect.quote) out += c;
      if (c == dialect.escape && c != 0) out += c;
      out += c;
    }
    out += dialect.quote;
  }
  return out;
}

}  // namespace trommel::csv
