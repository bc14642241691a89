// Arrow's units of time as numbers.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>

namespace trommel {

/// How many of a unit make a second.
constexpr int64_t per_second(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return 1;
    case arrow::TimeUnit::MILLI:
      return 1'000;
    case arrow::TimeUnit::MICRO:
      return 1'000'000;
    case arrow::TimeUnit::NANO:
      return 1'000'000'000;
  }
  return 1;
}

}  // namespace trommel
