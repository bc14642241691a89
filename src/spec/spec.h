// Spec: the one description of a component's fields. Parsing, checking, `describe`, docs/reference and the JSON Schema come from it.
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
#include <type_traits>
#include <vector>

#include "spec/node.h"

namespace trommel {

/// What a field is, for help and JSON Schema.
struct FieldInfo {
  std::string name;
  std::string type;           ///< for people: `text`, `list of text`, `one of lower, upper`, `bytes (10MB)`, `duration (10s)`
  std::string json_schema;    ///< the schema of its value, as JSON
  std::string doc;            ///< one sentence, lower case, no full stop
  std::string default_text;   ///< empty when required or when leaving it out means "off"
  std::string example;
  bool required = false;
  bool secret = false;
};

struct SpecInfo {
  std::string name;
  std::string summary;        ///< one sentence
  std::string description;    ///< Markdown, may be empty
  std::string example;        ///< YAML, runs through `lint` in the tests
  std::string scalar_field;   ///< a scalar in place of the map stands for this field: `files: in/*.csv` is `files: { path: in/*.csv }`
  bool open = false;          ///< unknown keys are allowed (they are column names)
  std::vector<FieldInfo> fields;
};

/// How a C++ type is read from a Node. Specialised in spec/reads.h for bool, integers, double, std::string, ByteSize, Duration, Path,
/// std::vector<T>, std::map<std::string, T> (kept as vector of pairs in file order: Pairs<T>), std::optional<T>, enums (by EnumNames<E>), Node itself,
/// and any struct that has `static const Spec<T>& spec()`.
template <class T>
struct Reads;

struct FieldOptions {
  std::string example;
  bool required = false;
  bool secret = false;
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
  Spec& description(std::string markdown) { info_.description = std::move(markdown); return *this; }
  Spec& example(std::string yaml) { info_.example = std::move(yaml); return *this; }
  /// A bare scalar (or list) in place of the map is read as this field.
  Spec& scalar_is(std::string field) { info_.scalar_field = std::move(field); return *this; }
  /// Checks that need more than one field.
  Spec& check(std::function<void(const C&, const Node&, Problems&)> check) { checks_.push_back(std::move(check)); return *this; }

  /// Reads the node; every mistake goes to `problems` (unknown key with "did you mean", wrong type, missing field). The result is then only good for going on looking.
  C parse(const Node& node, Problems& problems) const;
  const SpecInfo& info() const { return info_; }

 private:
  struct Reader {
    std::string name;
    bool required;
    std::function<void(C&, const Node&, Problems&)> read;
  };
  SpecInfo info_;
  std::vector<Reader> readers_;
  std::vector<std::function<void(const C&, const Node&, Problems&)>> checks_;
};

}  // namespace trommel

#include "spec/reads.h"  // IWYU pragma: export
