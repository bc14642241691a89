// Names for files whose own name is taken.
#pragma once

#include <functional>
#include <string>

namespace trommel {

/// `out/a.csv.gz`, `out/a-2.csv.gz`, `out/a-3.csv.gz`, ...: the first that is free.
std::string first_numbered(const std::string& path, const std::function<bool(const std::string&)>& is_free);

}  // namespace trommel
