// Spool: an epoch's rows for one sink as an Arrow IPC stream (zstd) in the state folder, until that sink has them.
#pragma once

#include <memory>
#include <string>

#include "base/env.h"
#include "component/sink.h"

namespace trommel {

struct SealedSegment {
  std::string sink, path;
  int64_t rows = 0, size = 0;
  std::string checksum;  ///< XXH3-64 of its bytes, 16 hex digits
};

class SegmentWriter {
 public:
  static Result<std::unique_ptr<SegmentWriter>> open(Env& env, const std::string& path, const std::string& sink,
                                                     const Schema& schema);
  virtual ~SegmentWriter() = default;
  virtual Result<> append(const Batch& batch) = 0;
  virtual Result<SealedSegment> seal(bool sync) = 0;
};

/// Checks size and checksum before it gives out the first row: a damaged segment must not become half an epoch.
Result<std::unique_ptr<Segment>> open_segment(Env& env, const SealedSegment& segment);

}  // namespace trommel
