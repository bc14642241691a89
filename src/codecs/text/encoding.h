// How text is written in bytes, found out or given, and text in UTF-8 whatever it was.
//
// Bytes that mean nothing under their encoding come through as the surrogates U+DC00 + byte (of UTF-16, a lone
// surrogate as itself), written like any other code point. No UTF-8 holds them, so a format refuses the record they
// stand in, and they can be told from what was kept of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/env.h"
#include "component/codec.h"

namespace trommel::text {

struct Encoding {
  std::string name = "utf-8";  ///< as people write it, and as iconv knows it
  std::string why;             ///< what spoke for it; empty where it was given, or is UTF-8
  bool is_utf8() const { return name == "utf-8"; }
};

/// The encoding that a setting names: `utf-8`, `utf-16` (little-endian where no mark says otherwise), `latin-1`,
/// `windows-1252`, any other that iconv knows. Nothing where it is not known.
std::optional<Encoding> encoding_named(std::string_view name);

/// The setting of that name, the same in every format of text.
inline constexpr std::string_view encoding_doc =
    "how text is written in bytes: `utf-8`, `utf-16`, `latin-1`, `windows-1252` or another name that iconv knows; left "
    "out: found from the bytes";
void check_encoding(const std::optional<std::string>& name, const Node& settings, Problems& problems);

/// What the mark at the start says, else what was given. Without either: UTF-16 by where its zeros stand; UTF-8 unless
/// more bytes are broken than whole and stand in words: that is windows-1252, which has Latin-1's letters at the same
/// places.
Encoding guess_encoding(const Sample& sample, const std::optional<Encoding>& given);

/// The sample with its pieces in UTF-8; the ends of pieces that are cut from the middle may be broken.
Sample in_utf8(const Sample& sample, const Encoding& encoding);

/// `bytes`, whose start is that of the file, in UTF-8. A byte order mark stays: as that of UTF-8.
std::unique_ptr<InputStream> in_utf8(std::unique_ptr<InputStream> bytes, const Encoding& encoding);

/// The same from byte `at` of the UTF-8 text on.
Result<std::unique_ptr<InputStream>> in_utf8_from(std::unique_ptr<InputStream> bytes, const Encoding& encoding,
                                                  int64_t at, const std::string& name);

/// RFC 3629: no overlong forms, no surrogates.
bool is_utf8(std::string_view text);

}  // namespace trommel::text
