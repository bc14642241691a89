// An Outlet for a look at rows outside of a run: what is not asked for is not heard. Nothing is accounted for, so it
// has no place in a flow.
#pragma once

#include "component/outlet.h"

namespace trommel {

class QuietOutlet : public Outlet {
 public:
  void emit(Batch) override {}
  void reject(const Batch&, std::span<const Refusal>) override {}
  void reject(const Block&, std::span<const RawRefusal>) override {}
  void filtered(int64_t) override {}
  void deduplicated(int64_t) override {}
  void expanded(int64_t) override {}
  void combined(int64_t, int64_t) override {}
  void misfit(const Block&, Misfit) override {}
};

}  // namespace trommel
