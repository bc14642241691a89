// CSV, read without options and written so that it reads back equal. docs/guide/csv.md says what becomes of each
// oddity.
#pragma once

#include "component/codec.h"
#include "component/message.h"

namespace trommel {

FormatKind csv_format();
EncoderKind csv_encoder();
/// One record a message, its fields in the order of the columns; no header.
MessageFormat csv_messages();

}  // namespace trommel
