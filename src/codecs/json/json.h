// JSON: read as objects, one a line, one after the other or in an array; nested ones become structs and lists
// (docs/decisions/0032-json.md). Written as lines, one object a row, so that nothing is lost:
// - integers and decimals are numbers with all their digits; doubles the shortest that reads back; NaN and infinities
// are text ("nan", "inf", "-inf")
// - dates, times, timestamps are ISO 8601 text (with `Z` where the type has a zone), binary is base64, a uuid has its
// dashes
// - lists are arrays, structs objects, maps objects whose names are the keys as text; NULL is null, and every column is
// written
#pragma once

#include "component/codec.h"
#include "component/message.h"

namespace trommel {

FormatKind json_format();
EncoderKind json_encoder();
/// One object a message, laid out in any way.
MessageFormat json_messages();

}  // namespace trommel
