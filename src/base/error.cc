#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace trommel {

std::string Error::text() const {
  std::string out = where.empty() ? what : where + ": " + what;
  if (!hint.empty()) out += " (" + hint + ")";
  return out;
}

void invariant_broken(const char* file, int line, const char* condition, const std::string& values) {
  std::fprintf(stderr, "trommel: broken invariant at %s:%d: %s: %s\n", file, line, condition, values.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace trommel
