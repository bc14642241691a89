// Files: read by patterns, packed or not, in any of the formats given; written as one file, one for each input, or
// folders by partition.
#pragma once

#include <vector>

#include "component/codec.h"
#include "component/component.h"

namespace trommel {

SourceKind files_source(std::vector<FormatKind> formats);
SinkKind files_sink(std::vector<EncoderKind> encoders);

}  // namespace trommel
