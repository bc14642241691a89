#include "connectors/files/glob.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace trommel {
namespace {

constexpr int folders_deep_max = 64;  ///< links may lead in circles

size_t character_length(std::string_view text) {
  size_t length = 1;
  while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) ++length;
  return length;
}

/// The end of the class that begins at `pattern[0] == '['`, or 0 when it is not closed.
size_t class_end(std::string_view pattern) {
  size_t at = 1;
  if (at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^')) ++at;
  if (at < pattern.size() && pattern[at] == ']') ++at;
  at = pattern.find(']', at);
  return at == std::string_view::npos ? 0 : at + 1;
}

bool in_class(std::string_view inside, std::string_view character) {
  const bool inverted = !inside.empty() && (inside[0] == '!' || inside[0] == '^');
  if (inverted) inside.remove_prefix(1);
  bool found = false;
  while (!inside.empty()) {
    const std::string_view low = inside.substr(0, character_length(inside));
    inside.remove_prefix(low.size());
    std::string_view high = low;
    if (inside.size() >= 2 && inside[0] == '-') {
      inside.remove_prefix(1);
      high = inside.substr(0, character_length(inside));
      inside.remove_prefix(high.size());
    }
    found |= low <= character && character <= high;  // UTF-8 keeps the order of code points
  }
  return found != inverted;
}

bool matches(std::string_view pattern, std::string_view name) {
  std::string_view star_pattern;
  std::string_view star_name;
  bool starred = false;
  while (true) {
    if (!pattern.empty() && pattern[0] == '*') {
      pattern.remove_prefix(1);
      star_pattern = pattern;
      star_name = name;
      starred = true;
      continue;
    }
    if (pattern.empty() && name.empty()) return true;
    size_t used = 0;
    if (!pattern.empty() && !name.empty()) {
      const std::string_view character = name.substr(0, character_length(name));
      const size_t end = pattern[0] == '[' ? class_end(pattern) : 0;
      if (pattern[0] == '?') {
        used = 1;
      } else if (end > 0) {
        used = in_class(pattern.substr(1, end - 2), character) ? end : 0;
      } else if (pattern.starts_with(character)) {
        used = character.size();
      }
      if (used > 0) {
        pattern.remove_prefix(used);
        name.remove_prefix(character.size());
        continue;
      }
    }
    // The last star takes one character more.
    if (!starred || star_name.empty()) return false;
    star_name.remove_prefix(character_length(star_name));
    pattern = star_pattern;
    name = star_name;
  }
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) parts.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

bool parts_match(std::span<const std::string_view> pattern, std::span<const std::string_view> path) {
  if (pattern.empty()) return path.empty();
  if (pattern[0] == "**") {
    for (size_t skipped = 0; skipped <= path.size(); ++skipped) {
      if (parts_match(pattern.subspan(1), path.subspan(skipped))) return true;
      if (skipped < path.size() && path[skipped].starts_with('.')) break;
    }
    return false;
  }
  return !path.empty() && name_matches(pattern[0], path[0]) && parts_match(pattern.subspan(1), path.subspan(1));
}

std::string under(const std::string& folder, std::string_view name) {
  if (folder.empty()) return std::string(name);
  return folder.ends_with('/') ? folder + std::string(name) : folder + "/" + std::string(name);
}

class Search {
 public:
  explicit Search(Env& env) : env_(env) {}

  Result<> files(const std::string& folder, std::span<const std::string_view> pattern, int deep) {
    if (deep > folders_deep_max) {
      return external_error(folder, fmt::format("folders lie more than {} deep", folders_deep_max),
                            "does a link lead in a circle?");
    }
    if (pattern[0] == "**") {
      if (pattern.size() == 1) return into_folders(folder, pattern, deep, true);
      TRY(files(folder, pattern.subspan(1), deep));
      return into_folders(folder, pattern, deep, false);
    }
    if (!is_pattern(pattern[0])) return literal(under(folder, pattern[0]), pattern, deep);
    ASSIGN(const auto entries, env_.list(folder.empty() ? "." : folder));
    for (const FileInfo& entry : entries) {
      const std::string name = name_of(entry.path);
      if (!name_matches(pattern[0], name)) continue;
      if (pattern.size() == 1 && !entry.is_directory) found_[under(folder, name)] = entry;
      if (pattern.size() > 1 && entry.is_directory) TRY(files(under(folder, name), pattern.subspan(1), deep + 1));
    }
    return {};
  }

  std::map<std::string, FileInfo> take() { return std::move(found_); }

 private:
  Result<> literal(const std::string& path, std::span<const std::string_view> pattern, int deep) {
    if (!env_.exists(path)) return {};
    ASSIGN(const FileInfo info, env_.info(path));
    if (pattern.size() > 1) return info.is_directory ? files(path, pattern.subspan(1), deep + 1) : Result<>{};
    if (!info.is_directory) found_[path] = info;
    return {};
  }

  Result<> into_folders(const std::string& folder, std::span<const std::string_view> pattern, int deep,
                        bool files_too) {
    ASSIGN(const auto entries, env_.list(folder.empty() ? "." : folder));
    for (const FileInfo& entry : entries) {
      const std::string name = name_of(entry.path);
      if (name.starts_with('.')) continue;
      if (entry.is_directory) TRY(files(under(folder, name), pattern, deep + 1));
      if (!entry.is_directory && files_too) found_[under(folder, name)] = entry;
    }
    return {};
  }

  Env& env_;
  std::map<std::string, FileInfo> found_;
};

}  // namespace

bool is_pattern(std::string_view text) { return text.find_first_of("*?[{") != std::string_view::npos; }

std::vector<std::string> expand_braces(std::string_view pattern) {
  const size_t open = pattern.find('{');
  if (open == std::string_view::npos) return {std::string(pattern)};
  std::vector<size_t> cuts{open};
  int depth = 0;
  size_t close = open;
  for (; close < pattern.size(); ++close) {
    if (pattern[close] == '{') ++depth;
    if (pattern[close] == ',' && depth == 1) cuts.push_back(close);
    if (pattern[close] == '}' && --depth == 0) break;
  }
  std::vector<std::string> out;
  if (close == pattern.size()) {  // no partner: the brace stands for itself
    for (const std::string& rest : expand_braces(pattern.substr(open + 1))) {
      out.push_back(std::string(pattern.substr(0, open + 1)) + rest);
    }
    return out;
  }
  cuts.push_back(close);
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    const std::string_view choice = pattern.substr(cuts[i] + 1, cuts[i + 1] - cuts[i] - 1);
    const std::string one =
        std::string(pattern.substr(0, open)) + std::string(choice) + std::string(pattern.substr(close + 1));
    for (std::string& expanded : expand_braces(one)) out.push_back(std::move(expanded));
  }
  return out;
}

bool name_matches(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.')) return false;
  return matches(pattern, name);
}

bool path_matches(std::string_view pattern, std::string_view path) {
  for (const std::string& one : expand_braces(pattern)) {
    if (parts_match(parts_of(one), parts_of(path))) return true;
  }
  return false;
}

Result<std::vector<FileInfo>> find_files(Env& env, const std::string& pattern) {
  Search search(env);
  if (env.exists(pattern)) {
    ASSIGN(FileInfo info, env.info(pattern));
    if (!info.is_directory) {
      info.path = pattern;
      return std::vector{info};
    }
    const std::string_view any = "*";
    TRY(search.files(pattern, {&any, 1}, 0));
  } else {
    for (const std::string& one : expand_braces(pattern)) {
      const auto parts = parts_of(one);
      if (!parts.empty()) TRY(search.files(one.starts_with('/') ? "/" : "", parts, 0));
    }
  }
  std::vector<FileInfo> out;
  for (auto& [path, info] : search.take()) {
    info.path = path;
    out.push_back(std::move(info));
  }
  return out;
}

}  // namespace trommel
