// Patterns of paths: `*` and `?` within a name, `[a-z]` and `[!a-z]` for one character, `{csv,tsv}` for either, `**`
// for any folders or none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"

namespace trommel {

bool is_pattern(std::string_view text);

/// `a{b,c}d` as `abd` and `acd`; a brace without partner stands for itself.
std::vector<std::string> expand_braces(std::string_view pattern);

/// Whether one name (no slashes) matches. Bytes above 127 count as parts of their UTF-8 character. As in a shell, a
/// name that begins with a dot is matched only by a pattern that begins with one.
bool name_matches(std::string_view pattern, std::string_view name);

/// Whether a whole path matches, folder by folder.
bool path_matches(std::string_view pattern, std::string_view path);

/// The files that match, ordered by path, each once; their paths begin as the pattern does. A path that exists as it is
/// written stands for itself, whatever characters it holds; a folder stands for the files directly in it. No match is
/// an empty list.
Result<std::vector<FileInfo>> find_files(Env& env, const std::string& pattern);

}  // namespace trommel
