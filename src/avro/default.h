// Defaults of fields: JSON in a schema, a datum where one has to be read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "avro/schema.h"

namespace trommel::avro {

/// The datum that `json` stands for in a value of `type`: bytes and fixed are texts of characters below 256; of a union
/// it is the first branch that it fits. Nothing, and `why`, when it is no such value.
std::optional<std::string> datum_of_default(const SchemaNode& type, std::string_view json, std::string& why);

}  // namespace trommel::avro
