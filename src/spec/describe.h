// What a Spec says, as text for the terminal, as Markdown for docs/reference, and as JSON for programs.
#pragma once

#include <string>

#include "spec/spec.h"

namespace trommel {

/// For the terminal: summary, fields in aligned columns, example. Plain text, lines of at most `columns` characters
/// where words allow.
std::string describe_text(const SpecInfo& info, int columns = 100);

/// A page of docs/reference. `section` says what it is: `source`, `transform`, `sink`, `store`, or empty.
std::string describe_markdown(const SpecInfo& info, const std::string& section);

/// One JSON object: name, summary, fields with type, default, doc, and the JSON Schema.
std::string describe_json(const SpecInfo& info);

}  // namespace trommel
