// The formats of answers, and which of them a client wants (RFC 9110, section 12.5.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "batch/batch.h"

namespace trommel::endpoints {

enum class Format { json, csv, json_lines, arrow, parquet };
inline constexpr Format formats[] = {Format::json, Format::csv, Format::json_lines, Format::arrow, Format::parquet};

const char* media_type(Format format);
const char* name_of(Format format);  ///< for people

/// The one with the highest weight, JSON where several are as good; nothing: none of ours is wanted. An empty or broken
/// text wants any.
std::optional<Format> negotiate(std::string_view accept);

/// `[{...},{...}]`
Result<std::string> json_rows(const std::vector<Rows>& rows, const Schema& schema);
/// The rows as a whole document of the format.
Result<std::string> encode(Format format, const std::vector<Rows>& rows, const Schema& schema);

}  // namespace trommel::endpoints
