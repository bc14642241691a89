// Writing YAML that parse_yaml reads back equal.
#pragma once

#include <string>
#include <string_view>

#include "spec/node.h"

namespace trommel {

/// `text` as a scalar that is text again when it is read: plain where nothing can mistake it, else in quotes. Stands in
/// block and flow alike.
std::string yaml_scalar(std::string_view text);

/// The tree in block style, empty lists and maps as `[]` and `{}`. Kind, scalar text and order come back equal; places
/// do not. Bytes that are not UTF-8 cannot be written.
std::string yaml_text(const Node& node);

}  // namespace trommel
