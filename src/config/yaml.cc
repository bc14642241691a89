// YAML to Nodes, over yaml-cpp's events: they tell where an alias stands and never build a tree of their own, so every
// limit can be held on the way.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <unordered_map>

#include "config/pipeline.h"

namespace trommel {

namespace {

constexpr size_t nodes_max = 200'000;
constexpr size_t depth_max = 100;
constexpr size_t text_bytes_max = 64 << 20;  // of all scalars, aliases unfolded

// ---- the text before the parser sees it ---------------------------------------------------------------------------

/// Inside `${...}` these would mean something to YAML: each is hidden behind a byte that is in no UTF-8 text and comes
/// from no escape.
constexpr std::string_view hidden_from_yaml = "{}[],#:";
constexpr unsigned char first_hidden = 0xF5;

char hide(char c) {
  const size_t index = hidden_from_yaml.find(c);
  return index == std::string_view::npos ? c : static_cast<char>(first_hidden + index);
}

std::string unhide(std::string text) {
  for (char& c : text) {
    const size_t index = static_cast<unsigned char>(c) - size_t{first_hidden};
    if (index < hidden_from_yaml.size()) c = hidden_from_yaml[index];
  }
  return text;
}

/// Where the `${` at `begin` is closed (one past its brace), or npos when it is not, on its line and within reason.
size_t variable_end(std::string_view text, size_t begin) {
  constexpr size_t length_max = 4096;
  int depth = 0;
  for (size_t at = begin + 1; at < std::min(text.size(), begin + length_max) && text[at] != '\n'; ++at) {
    if (text[at] == '{') ++depth;
    if (text[at] == '}' && --depth == 0) return at + 1;
  }
  return std::string_view::npos;
}

/// So that `{ port: ${PORT:80} }` needs no quotes. What stands in quotes is safe as it is; where quotes are is told
/// line by line.
std::string with_variables_hidden(std::string_view text) {
  std::string out(text);
  char quote = '\0';
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at], before = at == 0 ? '\n' : text[at - 1];
    if (c == '\n') {
      quote = '\0';
    } else if (quote == '"' && c == '\\') {
      ++at;
    } else if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      // An apostrophe within a word opens nothing.
      if (std::string_view("\n \t[{,:-?").find(before) != std::string_view::npos) quote = c;
    } else if (c == '$' && text.substr(at).starts_with("${")) {
      const size_t end = variable_end(text, at);
      if (end == std::string_view::npos) continue;
      for (; at < end; ++at) out[at] = hide(text[at]);
      --at;
    }
  }
  return out;
}

/// The place of the byte at `offset`, counted in characters.
Place place_at(std::string_view text, size_t offset, const std::string& file) {
  Place place{file, 1, 1};
  for (size_t i = 0; i < std::min(offset, text.size()); ++i) {
    if (text[i] == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
      ++place.column;
    }
  }
  return place;
}

/// How many bytes the UTF-8 character at the front has; 0 when it is none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool too_long = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool no_character = (first == 0xED && byte(1) > 0x9F) || (first == 0xF4 && byte(1) > 0x8F);
  return too_long || no_character ? 0 : length;
}

/// Refuses bytes that are no text, before the parser would replace them in silence.
bool is_text(std::string_view text, const std::string& file, Problems& problems) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_length(text.substr(at));
    const auto c = static_cast<unsigned char>(text[at]);
    if (length == 0) {
      problems.add(place_at(text, at, file), "the file is not UTF-8 here");
      return false;
    }
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F) {
      problems.add(place_at(text, at, file), "a control character stands here, byte " + std::to_string(c),
                   "write it as an escape in double quotes");
      return false;
    }
    at += length;
  }
  return true;
}

// ---- variables and secrets ----------------------------------------------------------------------------------------

bool is_secret_name(std::string_view name) {
  static const std::vector<std::string> words = {"password", "passwd", "secret", "token", "credential", "credentials"};
  static const std::vector<std::string> keys = {"api", "secret", "private", "access"};  // followed by `key`
  std::vector<std::string> parts(1);
  for (const char c : name) {
    if (c == '_' || c == '-' || c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
  }
  const auto among = [](const std::vector<std::string>& list, const std::string& word) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  for (size_t i = 0; i < parts.size(); ++i) {
    if (among(words, parts[i])) return true;
    if (i > 0 && parts[i] == "key" && among(keys, parts[i - 1])) return true;
  }
  return false;
}

void mark_secret(Node& node) {
  node.secret = true;
  for (Node& item : node.items) mark_secret(item);
  for (Node::Entry& entry : node.entries) mark_secret(entry.value);
}

bool is_variable_name(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// Fills `${VAR}` and `${VAR:default}` in; `$${` is a literal `${`. What a variable holds is never looked into again.
class Filler {
 public:
  Filler(const Variables& variables, const Place& place, Problems& problems)
      : variables_(variables), place_(place), problems_(problems) {}

  std::string fill(std::string_view text) {
    std::string out;
    while (true) {
      const size_t at = text.find("${");
      if (at == std::string_view::npos) return out += text;
      if (at > 0 && text[at - 1] == '$') {
        out += text.substr(0, at - 1);
        out += "${";
        text.remove_prefix(at + 2);
        continue;
      }
      const size_t end = variable_end(text, at);
      out += text.substr(0, at);
      if (end == std::string_view::npos) {
        problems_.add(place_, "`${` is not closed", "write $${ for a literal ${");
        return out;
      }
      out += value(text.substr(at + 2, end - at - 3));
      text.remove_prefix(end);
    }
  }
  bool secret() const { return secret_; }

 private:
  std::string value(std::string_view inside) {
    const size_t colon = inside.find(':');
    const std::string name(inside.substr(0, colon));
    if (!is_variable_name(name)) {
      problems_.add(place_, "`${" + std::string(inside) + "}` names no variable",
                    "letters, digits and _; write $${ for a literal ${");
      return {};
    }
    secret_ = secret_ || is_secret_name(name);
    if (auto found = variables_ ? variables_(name) : std::nullopt) return *found;
    if (colon != std::string_view::npos) return fill(inside.substr(colon + 1));
    problems_.add(place_, "variable `" + name + "` is not set", "set it, or write ${" + name + ":default}");
    return {};
  }

  const Variables& variables_;
  const Place& place_;
  Problems& problems_;
  bool secret_ = false;
};

// ---- the tree -----------------------------------------------------------------------------------------------------

/// Leaves the parser early; what is wrong was told.
struct Stop {};

struct Extent {
  size_t nodes = 0, depth = 0, bytes = 0;
};

Extent extent_of(const Node& node) {
  Extent extent{1, 0, node.scalar.size()};
  const auto add = [&](const Node& child) {
    const Extent inner = extent_of(child);
    extent.nodes += inner.nodes;
    extent.bytes += inner.bytes;
    extent.depth = std::max(extent.depth, inner.depth);
  };
  for (const Node& item : node.items) add(item);
  for (const Node::Entry& entry : node.entries) add(entry.value);
  ++extent.depth;
  return extent;
}

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, const std::string& file, const Variables& variables, Problems& problems)
      : text_(text), file_(file), variables_(variables), problems_(problems) {}

  Node take() { return std::move(root_); }

  Place place(const YAML::Mark& mark) const {
    if (mark.is_null()) return {file_, 0, 0};
    // Columns count characters; marks count bytes.
    const size_t column = static_cast<size_t>(mark.column), pos = static_cast<size_t>(mark.pos);
    size_t characters = column;
    if (pos <= text_.size() && column <= pos) {
      const std::string_view before = text_.substr(pos - column, column);
      characters = static_cast<size_t>(std::count_if(
          before.begin(), before.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
    }
    return {file_, mark.line + 1, static_cast<int>(characters) + 1};
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 1) return;
    problems_.add(place(mark), "a second document begins here", "one file holds one document; take the `---` out");
    throw Stop{};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.place = place(mark);
    // A key or a choice may be called null; the event keeps its text from us.
    const std::string_view rest = text_.substr(std::min(static_cast<size_t>(mark.pos), text_.size()));
    for (const std::string_view word : {"null", "Null", "NULL", "~"}) {
      if (!rest.starts_with(word)) continue;
      node.scalar = word;
      if (at_key()) node.kind = Node::Kind::scalar;
    }
    finish(std::move(node), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node;
    node.place = place(mark);
    check_tag(tag, node.place);
    node.kind = Node::Kind::scalar;
    node.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    node.scalar = unhide(value);
    const bool is_null = node.scalar.empty() || node.scalar == "~" || node.scalar == "null" || node.scalar == "Null" ||
                         node.scalar == "NULL";
    if (!node.quoted && is_null) node.kind = Node::Kind::null;
    finish(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      problems_.add(place(mark), "an alias stands inside what it names");
      throw Stop{};
    }
    const Extent extent = extent_of(found->second);
    hold_limits(extent, place(mark));
    attach(Node(found->second), place(mark));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Node node;
    YAML::anchor_t anchor = 0;
    std::optional<Node> key;                     ///< read, its value is to come
    bool skip_value = false;                     ///< of a key that was refused
    std::vector<Node> merged;                    ///< of `<<`
    std::unordered_map<std::string, int> lines;  ///< of the names so far
  };

  void check_tag(const std::string& tag, const Place& place) {
    if (tag.empty() || tag == "?" || tag == "!" || tag.starts_with("tag:yaml.org,2002:")) return;
    problems_.add(place, "unknown tag `" + tag + "`", "take it out");
  }

  void hold_limits(const Extent& extent, const Place& place) {
    nodes_ += extent.nodes;
    bytes_ += extent.bytes;
    if (nodes_ > nodes_max) {
      problems_.add(place, "more than " + std::to_string(nodes_max) + " values, aliases unfolded");
    } else if (bytes_ > text_bytes_max) {
      problems_.add(place, "more than " + std::to_string(text_bytes_max >> 20) + " MiB of text, aliases unfolded");
    } else if (frames_.size() + extent.depth > depth_max) {
      problems_.add(place, "nested deeper than " + std::to_string(depth_max) + " levels");
    } else {
      return;
    }
    throw Stop{};
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    Frame frame;
    frame.node.kind = kind;
    frame.node.place = place(mark);
    frame.anchor = anchor;
    check_tag(tag, frame.node.place);
    hold_limits({1, 1, 0}, frame.node.place);
    frames_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    for (Node& merged : frame.merged) merge(merged, frame);
    if (frame.anchor != 0) anchors_[frame.anchor] = frame.node;
    const Place place = frame.node.place;
    attach(std::move(frame.node), place);
  }

  /// Names that the map has keep what they have.
  void merge(const Node& from, Frame& frame) {
    if (from.is_list()) {
      for (const Node& item : from.items) merge(item, frame);
      return;
    }
    if (!from.is_map()) {
      problems_.add(from.place, "`<<` must be a map or a list of maps, not " + std::string(from.kind_text()));
      return;
    }
    for (const Node::Entry& entry : from.entries) {
      if (frame.lines.emplace(entry.name, entry.place.line).second) frame.node.entries.push_back(entry);
    }
  }

  /// A scalar or nothing, complete.
  void finish(Node node, YAML::anchor_t anchor) {
    hold_limits({1, 1, node.scalar.size()}, node.place);
    if (node.is_scalar() && node.scalar.find("${") != std::string::npos) {
      Filler filler(variables_, node.place, problems_);
      const size_t told = problems_.size();
      node.scalar = filler.fill(node.scalar);
      node.unknown = problems_.size() > told;
      node.secret = filler.secret();
    }
    if (node.is_scalar() && address_has_password(node.scalar)) node.secret = true;
    if (anchor != 0) anchors_[anchor] = node;
    const Place place = node.place;
    attach(std::move(node), place);
  }

  bool at_key() const {
    return !frames_.empty() && frames_.back().node.is_map() && !frames_.back().key && !frames_.back().skip_value;
  }

  /// Puts a complete node where it belongs. `use`: where it stands, which for an alias is not the node's own place.
  void attach(Node node, const Place& use) {
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node.is_list()) {
      frame.node.items.push_back(std::move(node));
    } else if (frame.skip_value) {
      frame.skip_value = false;
    } else if (!frame.key) {
      take_key(frame, std::move(node), use);
    } else {
      take_value(frame, std::move(node));
    }
  }

  void take_key(Frame& frame, Node key, const Place& use) {
    key.place = use;
    if (!key.is_scalar()) {
      problems_.add(use, std::string("a key must be text, not ") + key.kind_text());
      frame.skip_value = true;
      return;
    }
    const bool merges = key.scalar == "<<" && !key.quoted;
    if (!merges) {
      const auto [first, is_new] = frame.lines.emplace(key.scalar, use.line);
      if (!is_new) {
        problems_.add(use, "`" + key.scalar + "` is written twice", "first at line " + std::to_string(first->second));
        frame.skip_value = true;
        return;
      }
    }
    frame.key = std::move(key);
  }

  void take_value(Frame& frame, Node value) {
    Node key = std::move(*frame.key);
    frame.key.reset();
    if (key.scalar == "<<" && !key.quoted) {
      frame.merged.push_back(std::move(value));
      return;
    }
    if (value.is_null()) value.place = key.place;  // nothing stands nowhere
    if (is_secret_name(key.scalar)) mark_secret(value);
    frame.node.entries.push_back({std::move(key.scalar), key.place, std::move(value)});
  }

  std::string_view text_;
  const std::string& file_;
  const Variables& variables_;
  Problems& problems_;
  Node root_;
  std::vector<Frame> frames_;
  std::unordered_map<YAML::anchor_t, Node> anchors_;
  int documents_ = 0;
  size_t nodes_ = 0, bytes_ = 0;
};

/// The first tab that indents a line up to `last_line` (from 1), or npos.
size_t indenting_tab(std::string_view text, int last_line) {
  size_t begin = 0;
  for (int line = 1; line <= last_line && begin < text.size(); ++line) {
    const size_t indent_end = text.find_first_not_of(" \t", begin);
    const size_t tab = text.find('\t', begin);
    if (tab < indent_end && indent_end != std::string_view::npos && text[indent_end] != '\n' && text[indent_end] != '#')
      return tab;
    const size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) break;
    begin = end + 1;
  }
  return std::string_view::npos;
}

void report(const YAML::ParserException& error, std::string_view text, const TreeBuilder& tree, const std::string& file,
            Problems& problems) {
  if (const size_t tab = indenting_tab(text, error.mark.line + 1); tab != std::string_view::npos) {
    problems.add(place_at(text, tab, file), "a tab indents this line", "YAML indents with blanks");
    return;
  }
  std::string hint;
  if (error.msg.find("end of") != std::string::npos) hint = "a bracket or quote before this is not closed";
  if (error.msg == "bad file") {
    problems.add({file, 0, 0}, "nested deeper than " + std::to_string(depth_max) + " levels");
    return;
  }
  problems.add(tree.place(error.mark), "not YAML: " + error.msg, hint);
}

}  // namespace

Variables process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

Node parse_yaml(std::string_view text, const std::string& file, const Variables& variables, Problems& problems) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Node nothing;
  nothing.place = {file, 1, 1};
  if (!is_text(text, file, problems)) return nothing;
  const std::string hidden = with_variables_hidden(text);
  TreeBuilder tree(text, file, variables, problems);
  try {
    std::istringstream stream(hidden);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(tree)) {
    }
  } catch (const YAML::ParserException& error) {
    report(error, text, tree, file, problems);
    return nothing;
  } catch (const Stop&) {
    return nothing;
  }
  Node root = tree.take();
  if (root.place.line == 0) root.place = nothing.place;
  return root;
}

Node load_yaml(Env& env, const std::string& path, const Variables& variables, Problems& problems) {
  auto text = env.read_text(path);
  if (!text) {
    problems.add({path, 0, 0}, text.error().what, text.error().hint);
    Node nothing;
    nothing.place = {path, 0, 0};
    return nothing;
  }
  return parse_yaml(*text, path, variables, problems);
}

}  // namespace trommel
