#include "spec/spec.h"

#include <charconv>
#include <cmath>

#include "base/json.h"

namespace trommel {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Without the `_` between digits; nullopt when one stands elsewhere.
std::optional<std::string> without_separators(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
    } else if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) {
      return std::nullopt;
    }
  }
  return out;
}

template <class T>
std::optional<T> from_text(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// How many characters at the front are a plain number such as `10` or `1.5`.
size_t number_length(std::string_view text) {
  size_t length = 0;
  while (length < text.size() && (is_digit(text[length]) || text[length] == '.' || text[length] == '_')) ++length;
  return length;
}

/// number * unit, exact for whole numbers; nullopt when it does not fit or is no whole number of the smallest unit.
std::optional<int64_t> scaled(std::string_view number, int64_t unit) {
  const auto plain = without_separators(number);
  if (!plain || plain->empty() || !is_digit(plain->front())) return std::nullopt;
  if (const auto whole = from_text<int64_t>(*plain)) {
    int64_t product = 0;
    if (__builtin_mul_overflow(*whole, unit, &product)) return std::nullopt;
    return product;
  }
  const auto real = from_text<double>(*plain);
  if (!real) return std::nullopt;
  const double product = *real * static_cast<double>(unit);
  if (!(product >= 0 && product < 9e18)) return std::nullopt;
  return std::llround(product);
}

struct Unit {
  const char* name;
  int64_t size;
};
// The largest first; the first of a size is the one that is written.
constexpr Unit byte_units[] = {{"TiB", int64_t{1} << 40},
                               {"TB", 1'000'000'000'000},
                               {"GiB", int64_t{1} << 30},
                               {"GB", 1'000'000'000},
                               {"MiB", int64_t{1} << 20},
                               {"MB", 1'000'000},
                               {"KiB", int64_t{1} << 10},
                               {"KB", 1'000},
                               {"T", 1'000'000'000'000},
                               {"G", 1'000'000'000},
                               {"M", 1'000'000},
                               {"K", 1'000},
                               {"B", 1}};
constexpr Unit time_units[] = {{"w", int64_t{7} * 86'400'000'000},
                               {"d", int64_t{86'400'000'000}},
                               {"h", int64_t{3'600'000'000}},
                               {"m", 60'000'000},
                               {"s", 1'000'000},
                               {"ms", 1'000},
                               {"us", 1},
                               {"µs", 1}};

std::vector<std::string> field_names(const SpecInfo& info) {
  std::vector<std::string> names;
  for (const FieldInfo& field : info.fields) names.push_back(field.name);
  if (!info.open_name.empty()) names.push_back(info.open_name);
  return names;
}

}  // namespace

std::string json_quoted(std::string_view text) { return json_line(std::string(text)); }

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += between;
    out += parts[i];
  }
  return out;
}

std::optional<bool> parse_bool(std::string_view text) {
  const std::string word = lower(text);
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "no" || word == "off") return false;
  return std::nullopt;
}

std::optional<int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  const auto plain = without_separators(text);
  return plain ? from_text<int64_t>(*plain) : std::nullopt;
}

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  const auto plain = without_separators(text);
  const auto number = plain ? from_text<double>(*plain) : std::nullopt;
  if (number && !std::isfinite(*number)) return std::nullopt;
  return number;
}

std::string number_text(double value) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return error == std::errc() ? std::string(buffer, end) : std::string();
}

std::optional<ByteSize> parse_byte_size(std::string_view text) {
  const size_t digits = number_length(text);
  std::string_view unit = text.substr(digits);
  if (unit.starts_with(' ') && unit.size() > 1) unit.remove_prefix(1);
  if (unit.empty()) {
    const auto bytes = parse_integer(text);
    return bytes && *bytes >= 0 ? std::optional(ByteSize{*bytes}) : std::nullopt;
  }
  for (const Unit& known : byte_units) {
    if (lower(unit) != lower(known.name)) continue;
    const auto bytes = scaled(text.substr(0, digits), known.size);
    return bytes ? std::optional(ByteSize{*bytes}) : std::nullopt;
  }
  return std::nullopt;
}

std::string byte_size_text(ByteSize size) {
  for (const Unit& unit : byte_units) {
    if (size.bytes >= unit.size && size.bytes % unit.size == 0)
      return std::to_string(size.bytes / unit.size) + unit.name;
  }
  return std::to_string(size.bytes);
}

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration{};
  if (text.empty()) return std::nullopt;
  Duration total;
  while (!text.empty()) {
    const size_t digits = number_length(text);
    std::string_view rest = text.substr(digits);
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    size_t letters = 0;
    while (letters < rest.size() && !is_digit(rest[letters]) && rest[letters] != ' ') ++letters;
    const std::string_view name = rest.substr(0, letters);
    std::optional<int64_t> part;
    for (const Unit& unit : time_units) {
      if (name == unit.name) part = scaled(text.substr(0, digits), unit.size);
    }
    if (!part || __builtin_add_overflow(total.us, *part, &total.us)) return std::nullopt;
    text = rest.substr(letters);
    if (text.starts_with(' ') && text.size() > 1) text.remove_prefix(1);
  }
  return total;
}

std::string duration_text(Duration duration) {
  if (duration.us == 0) return "0";
  std::string out;
  int64_t left = duration.us;
  for (const Unit& unit : time_units) {
    if (std::string_view(unit.name) == "w") continue;
    if (const int64_t count = left / unit.size; count > 0) {
      out += std::to_string(count) + unit.name;
      left %= unit.size;
    }
  }
  return out;
}

void wrong_type(const Node& node, std::string_view name, const std::string& wanted, Problems& problems,
                std::string hint) {
  if (node.unknown) return;
  const std::string found = node.is_scalar() ? "`" + node.shown() + "`" : std::string(node.kind_text());
  problems.add(node.place, "`" + std::string(name) + "` must be " + wanted + ", not " + found, std::move(hint));
}

bool spec_has_field(const SpecInfo& info, std::string_view name) {
  for (const FieldInfo& field : info.fields) {
    if (field.name == name) return true;
  }
  return false;
}

bool check_spec_keys(const SpecInfo& info, const Node& node, std::string_view name, Problems& problems) {
  if (!node.is_map() && !node.is_null()) {
    wrong_type(node, name.empty() ? std::string_view(info.name) : name, "a map", problems,
               info.fields.empty() ? "" : "it knows " + joined(field_names(info), ", "));
    return false;
  }
  if (info.open) return true;
  for (const Node::Entry& entry : node.entries) {
    if (spec_has_field(info, entry.name)) continue;
    const std::vector<std::string> known = field_names(info);
    const std::string near = did_you_mean(entry.name, known);
    std::string hint = "known here: " + joined(known, ", ");
    if (!near.empty()) hint = "did you mean `" + near + "`?";
    if (known.empty()) hint = "`" + info.name + "` has no settings";
    problems.add(entry.place, "unknown key `" + entry.name + "`", hint);
  }
  return true;
}

void check_settings(const SpecInfo& info, const Node& node, Problems& problems) {
  const bool bare = (node.is_scalar() || node.is_list()) && !info.scalar_field.empty();
  if (!bare && !check_spec_keys(info, node, info.name, problems)) return;
  for (const FieldInfo& field : info.fields) {
    const Node* value = bare ? (field.name == info.scalar_field ? &node : nullptr) : node.find(field.name);
    if (value != nullptr) {
      Node shown = *value;
      shown.secret = shown.secret || field.secret;
      field.check(shown, problems);
    } else if (field.required) {
      problems.add(node.place, "`" + info.name + "` needs `" + field.name + "`");
    }
  }
}

std::string spec_json_schema(const SpecInfo& info) {
  std::vector<std::string> properties, required;
  std::string bare;
  for (const FieldInfo& field : info.fields) {
    std::string schema = field.json_schema;
    if (schema.size() > 2 && schema.front() == '{') {
      std::string facts = R"("description":)" + json_quoted(field.doc);
      if (!field.default_text.empty()) facts += R"(,"default":)" + json_quoted(field.default_text);
      if (!field.example.empty()) facts += R"(,"examples":[)" + json_quoted(field.example) + "]";
      schema = "{" + facts + "," + schema.substr(1);
    } else {
      schema = R"({"description":)" + json_quoted(field.doc) + "}";
    }
    properties.push_back(json_quoted(field.name) + ":" + schema);
    if (field.required) required.push_back(json_quoted(field.name));
    if (field.name == info.scalar_field) bare = field.json_schema;
  }
  const std::string others = info.open ? (info.open_schema.empty() ? "true" : info.open_schema) : "false";
  std::string map = R"({"type":)" + std::string(required.empty() ? R"(["object","null"])" : R"("object")") +
                    R"(,"description":)" + json_quoted(info.summary) + R"(,"properties":{)" + joined(properties, ",") +
                    R"(},"additionalProperties":)" + others;
  if (!required.empty()) map += R"(,"required":[)" + joined(required, ",") + "]";
  map += "}";
  return bare.empty() ? map : R"({"anyOf":[)" + map + "," + bare + "]}";
}

}  // namespace trommel
