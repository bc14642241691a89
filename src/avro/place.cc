// Finds values in a JSON text by their path, for errors: the parser of the library does not keep places.
#include <algorithm>
#include <charconv>

#include "avro/schema.h"

namespace trommel::avro {

namespace {

/// Walks over a text that is known to be JSON; ends early, and harmlessly, where it is not.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}

  size_t at() {
    blanks();
    return at_;
  }

  /// Steps into an object and on to the value of `key`; false, and nothing moved, when it has none.
  bool enter(std::string_view key) {
    const size_t before = at();
    if (!take('{')) return false;
    while (at() < text_.size() && text_[at_] != '}') {
      const std::string_view name = string();
      if (!take(':')) break;
      if (name == key) return true;
      skip();
      take(',');
    }
    at_ = before;
    return false;
  }

  bool enter(size_t index) {
    const size_t before = at();
    if (!take('[')) return false;
    for (size_t i = 0; at() < text_.size() && text_[at_] != ']'; ++i) {
      if (i == index) return true;
      skip();
      take(',');
    }
    at_ = before;
    return false;
  }

 private:
  void blanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  bool take(char c) {
    blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  /// As it is written, between its quotes.
  std::string_view string() {
    if (!take('"')) {
      at_ = text_.size();
      return {};
    }
    const size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_, text_.size());
    const std::string_view found = text_.substr(begin, at_ - begin);
    if (at_ < text_.size()) ++at_;
    return found;
  }
  void skip() {
    int depth = 0;
    do {
      blanks();
      if (at_ >= text_.size()) return;
      const char c = text_[at_];
      if (c == '"') {
        string();
      } else if (c == '{' || c == '[') {
        ++depth;
        ++at_;
      } else if (c == '}' || c == ']') {
        --depth;
        ++at_;
      } else if (c == ',' || c == ':') {
        ++at_;
      } else {
        at_ = std::min(text_.find_first_of(",:]} \t\r\n", at_), text_.size());
      }
    } while (depth > 0);
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

JsonPlace place_of(std::string_view json, std::string_view path) {
  Walk walk(json);
  while (!path.empty()) {
    if (path.front() == '.') path.remove_prefix(1);
    bool found = false;
    if (path.front() == '[') {
      size_t index = 0;
      std::from_chars(path.data() + 1, path.data() + path.size(), index);
      path.remove_prefix(std::min(path.find(']'), path.size() - 1) + 1);
      found = walk.enter(index);
    } else {
      const size_t end = std::min(path.find_first_of(".["), path.size());
      found = walk.enter(path.substr(0, end));
      path.remove_prefix(end);
    }
    if (!found) break;
  }
  const std::string_view before = json.substr(0, walk.at());
  const size_t feed = before.rfind('\n');
  JsonPlace place;
  place.line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
  place.column = 1 + static_cast<int>(feed == std::string_view::npos ? before.size() : before.size() - feed - 1);
  return place;
}

}  // namespace trommel::avro
