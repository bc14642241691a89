#include "codecs/csv/settings.h"

#include "batch/types.h"
#include "codecs/text/encoding.h"

namespace trommel::csv {

namespace {

void check_read(const ReadSettings& settings, const Node& node, Problems& problems) {
  check_byte(settings.delimiter, "delimiter", false, node, problems);
  check_byte(settings.quote, "quote", true, node, problems);
  check_byte(settings.escape, "escape", true, node, problems);
  if (settings.delimiter && settings.quote && *settings.delimiter == *settings.quote) {
    problems.add(node.place, "delimiter and quote are the same: " + *settings.quote);
  }
  if (settings.skip < 0) problems.add(node.place, "skip: must not be negative: " + std::to_string(settings.skip));
  if (settings.max_row.bytes < 1 || settings.max_row.bytes > (1 << 29)) {
    problems.add(node.find("max_row") != nullptr ? node.find("max_row")->place : node.place,
                 "max_row: must lie between 1 byte and 512MiB: " + byte_size_text(settings.max_row));
  }
  text::check_encoding(settings.encoding, node, problems);
  for (const auto& type : settings.types) {
    if (const auto parsed = parse_type(type.value); !parsed)
      problems.add(type.place, "types: " + parsed.error().what, parsed.error().hint);
  }
}

}  // namespace

void check_byte(const std::optional<std::string>& text, const char* name, bool none_allowed, const Node& node,
                Problems& problems) {
  if (!text) return;
  const Node* place = node.find(name);
  const auto byte = parse_byte(*text);
  const bool wrong = !byte || *byte == '\n' || *byte == '\r' || static_cast<unsigned char>(*byte) >= 0x80 ||
                     (*byte == 0 && !none_allowed);
  if (wrong) {
    problems.add(place != nullptr ? place->place : node.place,
                 std::string(name) + ": must be one ASCII character" + (none_allowed ? " or none" : "") + ": " + *text,
                 "tab and space can be written as words");
  }
}

std::optional<char> parse_byte(std::string_view text) {
  if (text.size() == 1) return text[0];
  if (text == "tab" || text == "\\t") return '\t';
  if (text == "space") return ' ';
  if (text == "none" || text.empty()) return '\0';
  return std::nullopt;
}

DialectHints ReadSettings::hints() const {
  DialectHints hints;
  if (delimiter) hints.delimiter = parse_byte(*delimiter);
  if (quote) hints.quote = parse_byte(*quote);
  if (escape) hints.escape = parse_byte(*escape);
  // The quote itself as escape is what doubling means.
  if (hints.escape && hints.escape == hints.quote.value_or('"')) hints.escape = '\0';
  return hints;
}

Dialect ReadSettings::base() const {
  Dialect dialect;
  dialect.pad = ragged == Ragged::pad;
  dialect.max_row = max_row.bytes;
  return dialect;
}

const Spec<ReadSettings>& read_spec() {
  static const auto spec =
      Spec<ReadSettings>("csv", "Reads separated values; what is not set is found from the bytes and shown by `plan`")
          .field("delimiter", &ReadSettings::delimiter, "what stands between fields: one character, `tab` or `space`",
                 {.example = "\";\""})
          .field("quote", &ReadSettings::quote, "what fields are quoted with: one character or `none`",
                 {.example = "\"'\""})
          .field("escape", &ReadSettings::escape,
                 "makes the character behind it text, within quotes; doubled quotes always work",
                 {.example = "\"\\\\\""})
          .field("header", &ReadSettings::header,
                 "whether the first row holds names, or the names of a file that has none", {.example = "[id, name]"})
          .field("nulls", &ReadSettings::nulls, "texts that mean NULL in every column, besides the empty one",
                 {.example = "[NA, \"-\"]"})
          .field("types", &ReadSettings::types, "types of columns, by name; the others are guessed",
                 {.example = "{ zip: string }"})
          .field("skip", &ReadSettings::skip, "lines before the header that are passed over")
          .field("ragged", &ReadSettings::ragged,
                 "what becomes of rows with too few fields: `pad` fills them up with NULL")
          .field("max_row", &ReadSettings::max_row, "a longer row is a reject")
          .field("encoding", &ReadSettings::encoding, std::string(text::encoding_doc), {.example = "windows-1252"})
          .check(check_read);
  return spec;
}

const Spec<WriteSettings>& write_spec() {
  static const auto spec =
      Spec<WriteSettings>("csv", "Writes separated values that read back equal")
          .field("delimiter", &WriteSettings::delimiter, "what stands between fields: one character, `tab` or `space`")
          .field("header", &WriteSettings::header, "whether the first row holds the names")
          .check([](const WriteSettings& settings, const Node& node, Problems& problems) {
            check_byte(settings.delimiter, "delimiter", false, node, problems);
            if (settings.delimiter == "\"") problems.add(node.place, "delimiter: must not be the quote");
          });
  return spec;
}

}  // namespace trommel::csv
