#include "base/numbered_path.h"

#include <fmt/format.h>

#include "base/env.h"

namespace trommel {

std::string first_numbered(const std::string& path, const std::function<bool(const std::string&)>& is_free) {
  const std::string folder = folder_of(path), name = name_of(path);
  const size_t dot = name.find('.', 1);
  const std::string stem = name.substr(0, dot), extension = dot == std::string::npos ? "" : name.substr(dot);
  for (int64_t number = 1;; ++number) {
    std::string candidate = number == 1 ? path : fmt::format("{}/{}-{}{}", folder, stem, number, extension);
    if (is_free(candidate)) return candidate;
  }
}

}  // namespace trommel
