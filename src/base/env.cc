#include "base/env.h"

#include <fmt/format.h>

#include <algorithm>

namespace trommel {

Result<std::string> Env::read_text(const std::string& path, int64_t limit) {
  ASSIGN(auto stream, open_stream(path));
  std::string text;
  for (;;) {
    const size_t had = text.size();
    text.resize(had + 65536);
    ASSIGN(const size_t got, stream->read({reinterpret_cast<uint8_t*>(text.data()) + had, 65536}));
    text.resize(had + got);
    if (got == 0) return text;
    if (static_cast<int64_t>(text.size()) > limit)
      return external_error(path, fmt::format("is longer than {} bytes", limit));
  }
}

Result<> Env::write_text(const std::string& path, std::string_view text) {
  ASSIGN(auto file, create(path));
  TRY(file->append(as_bytes(text)));
  return file->close();
}

Result<> Env::write_durably(const std::string& path, std::string_view text) {
  const std::string aside = path + ".new";
  ASSIGN(auto file, create(aside));
  TRY(file->append(as_bytes(text)));
  TRY(file->sync());
  TRY(file->close());
  TRY(rename(aside, path));
  return sync_directory(folder_of(path));
}

}  // namespace trommel
