// Graph: which part of a pipeline reads which, found from `from:`, from the SQL, or because only one is left.
#pragma once

#include <string>
#include <vector>

#include "component/component.h"
#include "config/pipeline.h"

namespace trommel {

struct Graph {
  std::vector<std::vector<std::string>> transform_inputs;  ///< by place in Pipeline::transforms
  std::vector<std::vector<std::string>> sink_inputs;       ///< by place in Pipeline::sinks
  std::vector<size_t> transform_order;                     ///< inputs before those who read them
};

/// Mistakes go to `problems`: names that nobody has, cycles, parts that nobody reads, two sinks with one target.
Graph resolve_graph(const Pipeline& pipeline, const Components& components, const BindContext& context,
                    Problems& problems);

const SourceKind* find_source_kind(const Components& components, const std::string& name);
const TransformKind* find_transform_kind(const Components& components, const std::string& name);
const SinkKind* find_sink_kind(const Components& components, const std::string& name, bool is_store);

}  // namespace trommel
