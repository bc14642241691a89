// CSV, read without options and written so that it reads back equal. docs/guide/csv.md says what becomes of each
// oddity.
#pragma once

#include "component/codec.h"

namespace trommel {

FormatKind csv_format();
EncoderKind csv_encoder();

}  // namespace trommel
