// What the tests of the JSON reader share.
#pragma once

#include "codecs/csv/testing.h"
#include "codecs/json/json.h"

namespace trommel::json {

inline csv::ReadOptions reading(int64_t block_bytes = 1 << 20, size_t step = 1 << 30) {
  csv::ReadOptions options;
  options.format = json_format;
  options.block_bytes = block_bytes;
  options.step = step;
  return options;
}

}  // namespace trommel::json
