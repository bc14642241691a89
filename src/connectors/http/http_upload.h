// The source `http_upload`: each request's file is an input.
#pragma once

#include <vector>

#include "component/codec.h"
#include "component/component.h"

namespace trommel {

SourceKind http_upload_source(std::vector<FormatKind> formats);

}  // namespace trommel
