// A value of a configuration file that knows its line and column.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trommel {

struct Place {
  std::string file;          ///< as the user named it; `(command line)` for values from there
  int line = 0;              ///< from 1; 0: nowhere in particular
  int column = 0;            ///< from 1
  std::string text() const;  ///< `file:line:col`
};

struct Node {
  enum class Kind { null, scalar, list, map };
  struct Entry;

  Kind kind = Kind::null;
  Place place;
  std::string scalar;          ///< after ${VAR} was filled in
  bool quoted = false;         ///< a quoted scalar is a string, whatever it looks like
  bool secret = false;         ///< came (in part) from a secret: never printed; shown as `***`
  bool unknown = false;        ///< a variable in it could not be had, which was told: what it is not is not told again
  std::vector<Node> items;     ///< of a list
  std::vector<Entry> entries;  ///< of a map, in the order of the file; names are unique (the loader refuses others)

  bool is_null() const { return kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_list() const { return kind == Kind::list; }
  bool is_map() const { return kind == Kind::map; }
  const Node* find(std::string_view name) const;  ///< of a map; null when missing
  /// The value of a map's name, else this one: where to point when a setting is wrong, whether it is written or not.
  const Node& at_or_self(std::string_view name) const;
  std::string shown() const;      ///< the scalar for people; secrets as `***`
  const char* kind_text() const;  ///< "a map", "a list", "nothing", "text"
};

/// Whether `text` is an address with a password in it: `mysql://user:password@host/db`.
bool address_has_password(std::string_view text);

struct Node::Entry {
  std::string name;
  Place place;  ///< of the name
  Node value;
};

/// One mistake of a configuration.
struct Problem {
  Place place;
  std::string what;
  std::string hint;
  bool outside = false;      ///< the configuration may be right: what it names is away
  std::string text() const;  ///< `file:line:col: what (hint)`
};

/// Collects all mistakes, so that they can be reported at once, in the order of the file.
class Problems {
 public:
  void add(const Place& place, std::string what, std::string hint = {});
  void add(const Problems& others);
  void add_outside(const Place& place, std::string what, std::string hint = {});
  bool empty() const { return problems_.empty(); }
  size_t size() const { return problems_.size(); }
  bool only_outside() const;            ///< there are some, and each is of the outside
  std::vector<Problem> sorted() const;  ///< by file, line, column; doubles gone
  std::string text() const;             ///< sorted, a line each

 private:
  std::vector<Problem> problems_;
};

/// The name among `known` that is nearest to `name` (Damerau-Levenshtein, at most a third of its letters away), or
/// empty.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

}  // namespace trommel
