// Contracts that are Avro schemas: an .avsc file.
#pragma once

#include <string>
#include <string_view>

#include "config/contract.h"

namespace trommel {

/// Reads the text of an .avsc file: a record, whose fields are the columns. A type without null is `required`, an enum
/// allows its symbols. Mistakes go to `problems`, with their places in `file`; so does what Avro's readers ignore and
/// nobody means, such as a `logicalType` beside the type.
Contract parse_avro_contract(std::string_view text, const std::string& file, Problems& problems);

}  // namespace trommel
