// Paths that a pipeline's server answers by itself. Neither an endpoint nor a source may have one of them, or one
// below.
#pragma once

#include <string_view>

namespace trommel::own_path {

inline constexpr std::string_view health = "/health", ready = "/ready", metrics = "/metrics";
inline constexpr std::string_view jobs = "/jobs";  ///< of uploads: `/jobs/ID`
inline constexpr std::string_view openapi = "/openapi.json", docs = "/docs", redoc = "/redoc";

inline constexpr std::string_view all[] = {health, ready, metrics, jobs, openapi, docs, redoc};

/// Whether `path` is one of them, or below one.
constexpr bool covers(std::string_view path) {
  for (const std::string_view own : all) {
    if (path.starts_with(own) && (path.size() == own.size() || path[own.size()] == '/')) return true;
  }
  return false;
}

}  // namespace trommel::own_path
