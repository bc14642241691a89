#include <vector>

#include "base/env.h"

namespace trommel {

std::string folder_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

std::string name_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string stem_of(std::string_view path) {
  std::string name = name_of(path);
  const size_t dot = name.rfind('.');
  return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

std::string join_path(std::string_view folder, std::string_view path) {
  if (path == "-") return "-";
  std::string whole =
      path.starts_with('/') || folder.empty() ? std::string(path) : std::string(folder) + "/" + std::string(path);
  const bool absolute = whole.starts_with('/');
  std::vector<std::string_view> parts;
  for (size_t at = 0; at <= whole.size();) {
    const size_t slash = std::min(whole.find('/', at), whole.size());
    const std::string_view part = std::string_view(whole).substr(at, slash - at);
    at = slash + 1;
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (part != ".." || !absolute) {
      parts.push_back(part);
    }
  }
  std::string out = absolute ? "/" : "";
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += '/';
    out += parts[i];
  }
  return out.empty() ? "." : out;
}

}  // namespace trommel
