// Flow: what drives the machines of a run. On threads each machine has one of its own; stepped, all of them take turns
// on the caller's thread, in an order drawn from a seed. The machines do not know which.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/error.h"

namespace trommel {

class Machine {
 public:
  enum class Step {
    progress,  ///< did something; step again
    blocked,   ///< nothing to do until somebody else moves
    done,      ///< never again
  };
  virtual ~Machine() = default;
  virtual std::string name() const = 0;
  virtual Result<Step> step() = 0;
};

class Flow {
 public:
  virtual ~Flow() = default;
  /// Steps all machines until each is done, one fails, or `stop` asks for an end. Returns the first error.
  virtual Result<> run(const std::vector<Machine*>& machines, std::stop_token stop) = 0;
  /// To be called by a machine in its step, when it cannot go on before `ready`. False: the flow is ending, drop what
  /// you hold and return.
  virtual bool wait(const std::function<bool()>& ready) = 0;
  /// Something changed that somebody may be waiting for.
  virtual void changed() = 0;

  bool ending() const { return ending_.load(std::memory_order_acquire); }
  /// Ends the flow early without an error: what it has done so far is of no use.
  void end() {
    ending_.store(true, std::memory_order_release);
    changed();
  }

 protected:
  std::atomic<bool> ending_{false};
};

std::unique_ptr<Flow> threaded_flow(Env& env);
std::unique_ptr<Flow> stepped_flow(uint64_t seed);

}  // namespace trommel
