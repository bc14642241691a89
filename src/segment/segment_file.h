// A segment: rows of one epoch in a file of their own, as an Arrow IPC stream whose columns are packed (LZ4), told
// whole by its size and checksum. The spool keeps what waits for a sink in them, an embedded topic its messages. What
// the schema's metadata says is in the file too.
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

inline constexpr const char* spool_hint = "restore the state folder from a copy, or start anew under another name";

class SegmentWriter {
 public:
  static Result<std::unique_ptr<SegmentWriter>> open(Env& env, const std::string& path, const std::string& sink,
                                                     const Schema& schema);
  virtual ~SegmentWriter() = default;
  virtual Result<> append(const Batch& batch) = 0;
  virtual Result<SealedSegment> seal(bool sync) = 0;
};

/// Checks size and checksum before it gives out the first row: a damaged segment must not become half an epoch. `hint`
/// says what to do about one.
Result<std::unique_ptr<Segment>> open_segment(Env& env, const SealedSegment& segment,
                                              const std::string& hint = spool_hint);

/// The schema of a segment's rows with its metadata; none of the rows is looked at.
Result<Schema> segment_schema(Env& env, const std::string& path);

}  // namespace trommel
