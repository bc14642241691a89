// Bytes packed on their way into a file.
#pragma once

#include <memory>
#include <optional>

#include "base/env.h"
#include "connectors/files/streams.h"

namespace trommel {

/// Packs what is appended into another stream, which stays open for its owner to close.
class Packer : public OutputStream {
 public:
  /// Writes what it holds back, and the end mark; nothing may be appended afterwards.
  virtual Result<> finish() = 0;
  virtual size_t memory() const = 0;
  Result<> sync() override { return {}; }
  Result<> close() override { return finish(); }
};

/// Levels: zstd 1 to 22 (3), gzip 1 to 9 (3; from 4 on by zlib, some percent smaller and ten times slower than ISA-L,
/// which knows three).
struct PackLevels {
  int most = 0;
  int usual = 3;
};
PackLevels pack_levels(Packing packing);

/// gzip or zstd.
Result<std::unique_ptr<Packer>> pack_into(OutputStream& out, Packing packing, int level);

}  // namespace trommel
