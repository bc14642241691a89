#include "batch/compute.h"

#include <arrow/compute/initialize.h>

#include "batch/batch.h"

namespace trommel {

Result<> compute_ready() {
  static const arrow::Status ready = arrow::compute::Initialize();
  if (!ready.ok()) return tl::unexpected(from_arrow(ready, "arrow"));
  return {};
}

}  // namespace trommel
