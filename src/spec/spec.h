// Spec: the one description of a component's fields. Parsing, checking, `describe`, docs/reference and the JSON Schema
// come from it.
//
//   struct CleanConfig { std::optional<NameStyle> names; bool trim = false; };
//   const Spec<CleanConfig>& clean_spec() {
//     static const auto spec = Spec<CleanConfig>("clean", "Tidies names and values, row by row")
//         .field("names", &CleanConfig::names, "how column names are written", {.example = "snake_case"})
//         .field("trim", &CleanConfig::trim, "take blanks off both ends of text");
//     return spec;
//   }
//
// The default is the member's value in a default-made config, so it cannot drift from the code.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "spec/node.h"

namespace trommel {

struct SpecInfo;

template <class T>
struct Pair;

/// What a field is, for help and JSON Schema.
struct FieldInfo {
  std::string name;
  std::string type;  ///< for people: `text`, `list of text`, `one of lower, upper`, `bytes (10MB)`, `duration (10s)`
  std::string json_schema;   ///< the schema of its value, as JSON
  std::string doc;           ///< one sentence, lower case, no full stop
  std::string default_text;  ///< empty when required or when leaving it out means "off"
  std::string example;
  bool required = false;
  bool secret = false;
  const SpecInfo* inner = nullptr;  ///< of the map (or of each map of a list) that it holds, where it has a spec
  std::function<void(const Node&, Problems&)> check;  ///< reads a value and keeps only its mistakes
};

struct SpecInfo {
  std::string name;
  std::string summary;       ///< one sentence
  std::string description;   ///< Markdown, may be empty
  std::string example;       ///< YAML, runs through `lint` in the tests
  std::string scalar_field;  ///< a scalar in place of the map stands for this field: `files: in/*.csv` is `files: {
                             ///< path: in/*.csv }`
  bool open = false;         ///< unknown keys are allowed (they are column names)
  std::vector<FieldInfo> fields;
  // What stands under a key that is no field, where `open`.
  std::string open_name;  ///< what such a key is: `COLUMN`
  std::string open_type, open_schema, open_doc;
  const SpecInfo* open_inner = nullptr;
};

/// The JSON Schema of a map that follows the spec (or of what may stand in its place).
std::string spec_json_schema(const SpecInfo& info);
bool spec_has_field(const SpecInfo& info, std::string_view name);
/// The mistakes that can be seen without binding: what `Spec::parse` would say, but for its checks of several fields.
void check_settings(const SpecInfo& info, const Node& node, Problems& problems);
/// Says whether the node is a map (nothing counts as an empty one) and reports keys that the spec does not know.
bool check_spec_keys(const SpecInfo& info, const Node& node, std::string_view name, Problems& problems);

/// How a C++ type is read from a Node. Specialised in spec/reads.h for bool, integers, double, std::string, ByteSize,
/// Duration, Path, std::vector<T>, Pairs<T> (a map in file order), std::optional<T>, std::variant<Ts...>, enums (by
/// EnumNames<E>), Node itself, and any struct that has `static const Spec<T>& spec()`.
template <class T>
struct Reads;

struct FieldOptions {
  std::string example = {};
  bool required = false;
  bool secret = false;
  // For a field that is read by hand after all (a Node), what it may hold:
  std::string type = {};  ///< for people
  std::string json_schema = {};
  const SpecInfo* inner = nullptr;
};

template <class C>
class Spec {
 public:
  Spec(std::string name, std::string summary) {
    info_.name = std::move(name);
    info_.summary = std::move(summary);
  }

  template <class T>
  Spec& field(std::string name, T C::* member, std::string doc, FieldOptions options = {});
  /// Keys that are no field are read into `member`; `name` says what such a key is, for help: `COLUMN`.
  template <class T>
  Spec& others(std::vector<Pair<T>> C::* member, std::string name, std::string doc, std::string type = {});
  Spec& description(std::string markdown) {
    info_.description = std::move(markdown);
    return *this;
  }
  Spec& example(std::string yaml) {
    info_.example = std::move(yaml);
    return *this;
  }
  /// A bare scalar (or list) in place of the map is read as this field.
  Spec& scalar_is(std::string field) {
    info_.scalar_field = std::move(field);
    return *this;
  }
  /// Checks that need more than one field; run when the fields themselves hold no mistake.
  Spec& check(std::function<void(const C&, const Node&, Problems&)> check) {
    checks_.push_back(std::move(check));
    return *this;
  }

  /// Reads the node; every mistake goes to `problems` (unknown key with "did you mean", wrong type, missing field). The
  /// result is then only good for going on looking. `name` is what the user calls this map; default: the spec's own
  /// name.
  C parse(const Node& node, Problems& problems, std::string_view name = {}) const;
  /// Whether a scalar or list can stand in place of the map.
  bool takes_bare(const Node& node) const;
  const SpecInfo& info() const { return info_; }

 private:
  struct Reader {
    std::string name;
    bool required;
    std::function<void(C&, const Node&, Problems&)> read;
    std::function<bool(const Node&)> fits;
  };
  SpecInfo info_;
  std::vector<Reader> readers_;
  std::function<void(C&, const Node::Entry&, Problems&)> read_other_;
  std::vector<std::function<void(const C&, const Node&, Problems&)>> checks_;
};

}  // namespace trommel

#include "spec/reads.h"  // IWYU pragma: export
