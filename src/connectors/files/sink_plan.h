// The settings of the `files` sink, checked, and what follows from them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "component/codec.h"
#include "component/component.h"
#include "connectors/files/streams.h"

namespace trommel {

inline const std::string source_stem = "{source_stem}";  ///< in a path: the name of the input file

/// What was settled when the sink was bound.
struct SinkPlan {
  std::string path;  ///< absolute; `{source_stem}` still in it
  bool is_folder = false;
  std::string extension;  ///< of files in folders
  EncoderKind encoder;
  Node settings;  ///< of the encoder
  Schema input;
  std::vector<int> partition_columns;
  std::vector<int> written_columns;
  Schema written;
  bool by_input = false;  ///< a file for each input
  size_t open_max = 1;
  Packing packing = Packing::plain;
  int pack_level = 3;
  int64_t max_rows = 0;   ///< of a file; 0: any number
  int64_t max_bytes = 0;  ///< at which a file ends; 0: never
  bool has_limits() const { return max_rows > 0 || max_bytes > 0; }
  Env* env = nullptr;
  std::string spill_folder;
  int64_t memory = 0;
  int threads = 1;
};

/// One description of the sink's settings and those of its formats.
std::shared_ptr<const SpecInfo> sink_spec(const std::vector<EncoderKind>& encoders);

/// Every mistake goes to the problems; then nothing comes back.
struct PlannedSink {
  SinkPlan plan;
  BoundSink bound;  ///< without its files
};
std::optional<PlannedSink> plan_sink(const std::vector<EncoderKind>& encoders, const SinkSettings& sink,
                                     const InputInfo& input, const BindContext& context, Problems& problems);

}  // namespace trommel
