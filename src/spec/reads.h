// How each C++ type is read from a Node (included by spec/spec.h). A Reads<T> has:
//   scalar        whether a bare scalar can stand for it (then a list of one may be written without brackets)
//   read          fills `value`, or tells `problems` what `name` must be and leaves `value` alone
//   fits          whether `read` would find no mistake of kind or form at the top of the node; chooses among the types
//   of a variant type          for people: "text", "list of text" json_schema   of what may be written, `${VARIABLES}`
//   included text          a value as it would be written; empty when it says nothing ("off") inner         the spec
//   behind a struct, so that help can go into it; null otherwise
#pragma once

#include <variant>

#include "spec/spec.h"

namespace trommel {

/// A number of bytes: `10MB`, `64KB`, `1GiB`, `4096`.
struct ByteSize {
  int64_t bytes = 0;
  auto operator<=>(const ByteSize&) const = default;
};
std::optional<ByteSize> parse_byte_size(std::string_view text);
std::string byte_size_text(ByteSize size);  ///< in the largest unit that divides it

/// A stretch of time: `10s`, `2d`, `1h30m`, `250ms`.
struct Duration {
  int64_t us = 0;
  auto operator<=>(const Duration&) const = default;
};
std::optional<Duration> parse_duration(std::string_view text);
std::string duration_text(Duration duration);

/// A path as written; relative ones start at the pipeline file's folder (`join_path(folder, path.text)`).
struct Path {
  std::string text;
  auto operator<=>(const Path&) const = default;
};

/// A map whose names are the user's own, in the order of the file.
template <class T>
struct Pair {
  std::string key;
  Place place;  ///< of the key
  T value;
};
template <class T>
using Pairs = std::vector<Pair<T>>;

/// The names of an enum's values, in the order that help shows them. Specialise:
///   template <> struct EnumNames<Color> { static constexpr EnumName<Color> list[] = {{"red", Color::red}, {"blue",
///   Color::blue}}; };
template <class E>
struct EnumName {
  const char* name;
  E value;
};
template <class E>
struct EnumNames;

/// `text` as a JSON string, quotes included.
std::string json_quoted(std::string_view text);
/// The parts with `between` between them.
std::string joined(const std::vector<std::string>& parts, std::string_view between);

/// Tells that `name` must be `wanted` and what was found in its place.
void wrong_type(const Node& node, std::string_view name, const std::string& wanted, Problems& problems,
                std::string hint = {});

std::optional<bool> parse_bool(std::string_view text);        ///< true, false, yes, no, on, off in any case
std::optional<int64_t> parse_integer(std::string_view text);  ///< `_` may stand between digits
std::optional<double> parse_number(std::string_view text);    ///< finite
std::string number_text(double value);                        ///< shortest that reads back

template <>
struct Reads<bool> {
  static constexpr bool scalar = true;
  static bool fits(const Node& node) { return node.is_scalar() && parse_bool(node.scalar); }
  static void read(const Node& node, std::string_view name, bool& value, Problems& problems) {
    if (!fits(node)) return wrong_type(node, name, "true or false", problems);
    value = *parse_bool(node.scalar);
  }
  static std::string type() { return "true or false"; }
  static std::string json_schema() {
    return R"({"type":["boolean","string"],"pattern":"^(true|false|yes|no|on|off)$|\\$\\{"})";
  }
  static std::string text(bool value) { return value ? "true" : "false"; }
  static const SpecInfo* inner() { return nullptr; }
};

template <class I>
  requires(std::is_same_v<I, int32_t> || std::is_same_v<I, int64_t>)
struct Reads<I> {
  static constexpr bool scalar = true;
  static std::optional<I> parsed(const Node& node) {
    const auto number = node.is_scalar() ? parse_integer(node.scalar) : std::nullopt;
    if (!number || *number != static_cast<int64_t>(static_cast<I>(*number))) return std::nullopt;
    return static_cast<I>(*number);
  }
  static bool fits(const Node& node) { return parsed(node).has_value(); }
  static void read(const Node& node, std::string_view name, I& value, Problems& problems) {
    const auto number = parsed(node);
    if (!number)
      return wrong_type(node, name, sizeof(I) == 4 ? "a whole number of 32 bits" : "a whole number", problems);
    value = *number;
  }
  static std::string type() { return "whole number"; }
  static std::string json_schema() { return R"({"type":["integer","string"],"pattern":"^[-+]?[0-9_]+$|\\$\\{"})"; }
  static std::string text(I value) { return std::to_string(value); }
  static const SpecInfo* inner() { return nullptr; }
};

template <>
struct Reads<double> {
  static constexpr bool scalar = true;
  static bool fits(const Node& node) { return node.is_scalar() && parse_number(node.scalar); }
  static void read(const Node& node, std::string_view name, double& value, Problems& problems) {
    if (!fits(node)) return wrong_type(node, name, "a number", problems);
    value = *parse_number(node.scalar);
  }
  static std::string type() { return "number"; }
  static std::string json_schema() { return R"({"type":["number","string"],"pattern":"^[-+]?[0-9_.eE+-]+$|\\$\\{"})"; }
  static std::string text(double value) { return number_text(value); }
  static const SpecInfo* inner() { return nullptr; }
};

template <>
struct Reads<std::string> {
  static constexpr bool scalar = true;
  static bool fits(const Node& node) { return node.is_scalar(); }
  static void read(const Node& node, std::string_view name, std::string& value, Problems& problems) {
    if (!node.is_scalar()) return wrong_type(node, name, "text", problems);
    value = node.scalar;
  }
  static std::string type() { return "text"; }
  static std::string json_schema() { return R"({"type":["string","number","boolean"]})"; }
  static std::string text(const std::string& value) { return value; }
  static const SpecInfo* inner() { return nullptr; }
};

template <>
struct Reads<Path> {
  static constexpr bool scalar = true;
  static bool fits(const Node& node) { return node.is_scalar() && !node.scalar.empty(); }
  static void read(const Node& node, std::string_view name, Path& value, Problems& problems) {
    if (!fits(node)) return wrong_type(node, name, "a path", problems);
    value.text = node.scalar;
  }
  static std::string type() { return "path"; }
  static std::string json_schema() { return R"({"type":"string","minLength":1})"; }
  static std::string text(const Path& value) { return value.text; }
  static const SpecInfo* inner() { return nullptr; }
};

template <>
struct Reads<ByteSize> {
  static constexpr bool scalar = true;
  static bool fits(const Node& node) { return node.is_scalar() && parse_byte_size(node.scalar); }
  static void read(const Node& node, std::string_view name, ByteSize& value, Problems& problems) {
    if (!fits(node)) return wrong_type(node, name, "a number of bytes", problems, "such as 64KB, 10MB or 1GiB");
    value = *parse_byte_size(node.scalar);
  }
  static std::string type() { return "bytes (10MB)"; }
  static std::string json_schema() {
    return R"({"type":["integer","string"],"pattern":"^[0-9_.]+ ?([kKmMgGtT]([iI]?[bB])?|[bB])?$|\\$\\{"})";
  }
  static std::string text(ByteSize value) { return byte_size_text(value); }
  static const SpecInfo* inner() { return nullptr; }
};

template <>
struct Reads<Duration> {
  static constexpr bool scalar = true;
  static bool fits(const Node& node) { return node.is_scalar() && parse_duration(node.scalar); }
  static void read(const Node& node, std::string_view name, Duration& value, Problems& problems) {
    if (!fits(node))
      return wrong_type(node, name, "a duration with its unit", problems, "such as 250ms, 10s, 5m, 1h30m or 2d");
    value = *parse_duration(node.scalar);
  }
  static std::string type() { return "duration (10s)"; }
  static std::string json_schema() {
    return R"({"type":["string","integer"],"pattern":"^([0-9.]+ ?(us|µs|ms|s|m|h|d|w))+$|^0$|\\$\\{","minimum":0,"maximum":0})";
  }
  static std::string text(Duration value) { return duration_text(value); }
  static const SpecInfo* inner() { return nullptr; }
};

template <>
struct Reads<Node> {
  static constexpr bool scalar = false;
  static bool fits(const Node&) { return true; }
  static void read(const Node& node, std::string_view, Node& value, Problems&) { value = node; }
  static std::string type() { return "anything"; }
  static std::string json_schema() { return "{}"; }
  static std::string text(const Node& value) { return value.scalar; }
  static const SpecInfo* inner() { return nullptr; }
};

/// Any enum that has EnumNames.
template <class E>
  requires std::is_enum_v<E>
struct Reads<E> {
  static constexpr bool scalar = true;
  static std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const auto& known : EnumNames<E>::list) out.push_back(known.name);
    return out;
  }
  /// A choice may be called null, which YAML takes for nothing.
  static bool is_named(const Node& node, const char* name) {
    return (node.is_scalar() || node.is_null()) && node.scalar == name;
  }
  static std::string listed() { return joined(names(), ", "); }
  static bool fits(const Node& node) {
    for (const auto& known : EnumNames<E>::list) {
      if (is_named(node, known.name)) return true;
    }
    return false;
  }
  static void read(const Node& node, std::string_view name, E& value, Problems& problems) {
    for (const auto& known : EnumNames<E>::list) {
      if (is_named(node, known.name)) {
        value = known.value;
        return;
      }
    }
    const std::string near = node.is_scalar() ? did_you_mean(node.scalar, names()) : "";
    wrong_type(node, name, "one of " + listed(), problems, near.empty() ? "" : "did you mean `" + near + "`?");
  }
  static std::string type() { return "one of " + listed(); }
  static std::string json_schema() {
    std::string list;
    for (const std::string& name : names()) list += (list.empty() ? "" : ",") + json_quoted(name);
    return R"({"anyOf":[{"enum":[)" + list + R"(]},{"type":"string","pattern":"\\$\\{"}]})";
  }
  static std::string text(E value) {
    for (const auto& known : EnumNames<E>::list) {
      if (value == known.value) return known.name;
    }
    return {};
  }
  static const SpecInfo* inner() { return nullptr; }
};

template <class T>
struct Reads<std::optional<T>> {
  static constexpr bool scalar = Reads<T>::scalar;
  static bool fits(const Node& node) { return node.is_null() || Reads<T>::fits(node); }
  static void read(const Node& node, std::string_view name, std::optional<T>& value, Problems& problems) {
    if (node.is_null()) return value.reset();
    T inner{};
    Problems found;
    Reads<T>::read(node, name, inner, found);
    if (found.empty()) value = std::move(inner);
    problems.add(found);
  }
  static std::string type() { return Reads<T>::type(); }
  static std::string json_schema() { return R"({"anyOf":[{"type":"null"},)" + Reads<T>::json_schema() + "]}"; }
  static std::string text(const std::optional<T>& value) { return value ? Reads<T>::text(*value) : std::string(); }
  static const SpecInfo* inner() { return Reads<T>::inner(); }
};

/// Where T can be a scalar, a bare one is a list of one.
template <class T>
struct Reads<std::vector<T>> {
  static constexpr bool scalar = Reads<T>::scalar;
  static bool fits(const Node& node) {
    if (!node.is_list()) return scalar && Reads<T>::fits(node) && !node.is_null();
    for (const Node& item : node.items) {
      if (!Reads<T>::fits(item)) return false;
    }
    return true;
  }
  static void read(const Node& node, std::string_view name, std::vector<T>& value, Problems& problems) {
    if (!node.is_list() && !(scalar && node.is_scalar())) return wrong_type(node, name, "a " + type(), problems);
    const Node* begin = node.is_list() ? node.items.data() : &node;
    const size_t count = node.is_list() ? node.items.size() : 1;
    Problems found;
    std::vector<T> items;
    for (const Node* item = begin; item != begin + count; ++item) {
      T read_item{};
      Reads<T>::read(*item, name, read_item, found);
      items.push_back(std::move(read_item));
    }
    if (found.empty()) value = std::move(items);
    problems.add(found);
  }
  static std::string type() { return "list of " + Reads<T>::type(); }
  static std::string json_schema() {
    const std::string list = R"({"type":"array","items":)" + Reads<T>::json_schema() + "}";
    return scalar ? R"({"anyOf":[)" + Reads<T>::json_schema() + "," + list + "]}" : list;
  }
  static std::string text(const std::vector<T>& value) {
    std::vector<std::string> items;
    for (const T& item : value) items.push_back(Reads<T>::text(item));
    return value.empty() ? std::string() : "[" + joined(items, ", ") + "]";
  }
  static const SpecInfo* inner() { return Reads<T>::inner(); }
};

template <class T>
struct Reads<std::vector<Pair<T>>> {
  static constexpr bool scalar = false;
  static bool fits(const Node& node) {
    if (!node.is_map()) return false;
    for (const Node::Entry& entry : node.entries) {
      if (!Reads<T>::fits(entry.value)) return false;
    }
    return true;
  }
  static void read(const Node& node, std::string_view name, Pairs<T>& value, Problems& problems) {
    if (!node.is_map()) return wrong_type(node, name, "a " + type(), problems);
    Problems found;
    Pairs<T> pairs;
    for (const Node::Entry& entry : node.entries) read_entry(entry, pairs, found);
    if (found.empty()) value = std::move(pairs);
    problems.add(found);
  }
  static void read_entry(const Node::Entry& entry, Pairs<T>& pairs, Problems& problems) {
    Pair<T> pair{entry.name, entry.place, T{}};
    Reads<T>::read(entry.value, entry.name, pair.value, problems);
    pairs.push_back(std::move(pair));
  }
  static std::string type() { return "map of name: " + Reads<T>::type(); }
  static std::string json_schema() {
    return R"({"type":"object","additionalProperties":)" + Reads<T>::json_schema() + "}";
  }
  static std::string text(const Pairs<T>& value) {
    std::vector<std::string> items;
    for (const Pair<T>& pair : value) items.push_back(pair.key + ": " + Reads<T>::text(pair.value));
    return value.empty() ? std::string() : "{ " + joined(items, ", ") + " }";
  }
  static const SpecInfo* inner() { return Reads<T>::inner(); }
};

/// The first type that fits the node: put the narrow ones first (`std::variant<bool, std::string>`).
template <class... Ts>
struct Reads<std::variant<Ts...>> {
  static constexpr bool scalar = (Reads<Ts>::scalar || ...);
  static bool fits(const Node& node) { return (Reads<Ts>::fits(node) || ...); }
  static void read(const Node& node, std::string_view name, std::variant<Ts...>& value, Problems& problems) {
    if (!(read_if_fits<Ts>(node, name, value, problems) || ...)) wrong_type(node, name, type(), problems);
  }
  template <class T>
  static bool read_if_fits(const Node& node, std::string_view name, std::variant<Ts...>& value, Problems& problems) {
    if (!Reads<T>::fits(node)) return false;
    T alternative{};
    Problems found;
    Reads<T>::read(node, name, alternative, found);
    if (found.empty()) value = std::move(alternative);
    problems.add(found);
    return true;
  }
  static std::string type() { return joined({Reads<Ts>::type()...}, ", or "); }
  static std::string json_schema() { return R"({"anyOf":[)" + joined({Reads<Ts>::json_schema()...}, ",") + "]}"; }
  static std::string text(const std::variant<Ts...>& value) {
    return std::visit([](const auto& held) { return Reads<std::decay_t<decltype(held)>>::text(held); }, value);
  }
  static const SpecInfo* inner() {
    const SpecInfo* first = nullptr;
    ((first = first != nullptr ? first : Reads<Ts>::inner()), ...);
    return first;
  }
};

/// Any struct with `static const Spec<T>& spec()`.
template <class T>
  requires requires { T::spec(); }
struct Reads<T> {
  static constexpr bool scalar = false;
  static bool fits(const Node& node) {
    return node.is_map() || node.is_null() || (!T::spec().info().scalar_field.empty() && T::spec().takes_bare(node));
  }
  static void read(const Node& node, std::string_view name, T& value, Problems& problems) {
    value = T::spec().parse(node, problems, name);
  }
  static std::string type() { return "map"; }
  static std::string json_schema() { return spec_json_schema(T::spec().info()); }
  static std::string text(const T&) { return {}; }
  static const SpecInfo* inner() { return &T::spec().info(); }
};

// ---- Spec's own bodies, which need the above --------------------------------------------------------------------

template <class C>
template <class T>
Spec<C>& Spec<C>::field(std::string name, T C::* member, std::string doc, FieldOptions options) {
  FieldInfo info;
  info.name = name;
  info.type = options.type.empty() ? Reads<T>::type() : options.type;
  info.json_schema = options.json_schema.empty() ? Reads<T>::json_schema() : options.json_schema;
  info.doc = std::move(doc);
  info.example = options.example;
  info.required = options.required;
  info.secret = options.secret;
  info.inner = options.inner != nullptr ? options.inner : Reads<T>::inner();
  info.check = [name](const Node& node, Problems& problems) {
    T value{};
    Reads<T>::read(node, name, value, problems);
  };
  if (!options.required && !options.secret) info.default_text = Reads<T>::text(C{}.*member);
  info_.fields.push_back(std::move(info));
  readers_.push_back({name, options.required,
                      [member, name, secret = options.secret](C& config, const Node& node, Problems& problems) {
                        if (!secret) return Reads<T>::read(node, name, config.*member, problems);
                        Node hidden = node;
                        hidden.secret = true;
                        Reads<T>::read(hidden, name, config.*member, problems);
                      },
                      [](const Node& node) { return Reads<T>::fits(node); }});
  return *this;
}

template <class C>
template <class T>
Spec<C>& Spec<C>::others(Pairs<T> C::* member, std::string name, std::string doc, std::string type) {
  info_.open = true;
  info_.open_name = std::move(name);
  info_.open_type = type.empty() ? Reads<T>::type() : std::move(type);
  info_.open_schema = Reads<T>::json_schema();
  info_.open_doc = std::move(doc);
  info_.open_inner = Reads<T>::inner();
  read_other_ = [member](C& config, const Node::Entry& entry, Problems& problems) {
    Reads<Pairs<T>>::read_entry(entry, config.*member, problems);
  };
  return *this;
}

template <class C>
bool Spec<C>::takes_bare(const Node& node) const {
  for (const Reader& reader : readers_) {
    if (reader.name == info_.scalar_field) return reader.fits(node);
  }
  return false;
}

template <class C>
C Spec<C>::parse(const Node& node, Problems& problems, std::string_view name) const {
  C config{};
  Problems found;
  const bool bare = (node.is_scalar() || node.is_list()) && !info_.scalar_field.empty();
  if (!bare && !check_spec_keys(info_, node, name, found)) {
    problems.add(found);
    return config;
  }
  for (const Reader& reader : readers_) {
    const Node* value = bare ? (reader.name == info_.scalar_field ? &node : nullptr) : node.find(reader.name);
    if (value != nullptr) {
      reader.read(config, *value, found);
    } else if (reader.required) {
      found.add(node.place, "`" + std::string(name.empty() ? info_.name : name) + "` needs `" + reader.name + "`");
    }
  }
  if (read_other_ && !bare) {
    for (const Node::Entry& entry : node.entries) {
      if (!spec_has_field(info_, entry.name)) read_other_(config, entry, found);
    }
  }
  // Checks compare fields; a field that was not understood would only make them say strange things.
  if (found.empty()) {
    for (const auto& check : checks_) check(config, node, found);
  }
  problems.add(found);
  return config;
}

}  // namespace trommel
