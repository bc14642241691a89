// The JSON Schema of a pipeline file, for editors: the top of the file and every component in its place.
#pragma once

#include <string>

#include "component/component.h"

namespace trommel::cli {

std::string pipeline_json_schema(const Components& components);

}  // namespace trommel::cli
