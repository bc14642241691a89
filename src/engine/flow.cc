#include "engine/flow.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <random>

namespace trommel {
namespace {

class ThreadedFlow final : public Flow {
 public:
  explicit ThreadedFlow(Env& env) : env_(env) {}

  Result<> run(const std::vector<Machine*>& machines, std::stop_token stop) override {
    const std::stop_callback on_stop(stop, [this] { end(); });
    std::vector<std::unique_ptr<Thread>> threads;
    for (Machine* machine : machines) {
      threads.push_back(env_.start_thread(machine->name(), [this, machine](std::stop_token) { drive(*machine); }));
    }
    for (auto& thread : threads) thread->join();
    if (error_) return tl::unexpected(*error_);
    return {};
  }

  bool wait(const std::function<bool()>& ready) override {
    for (;;) {
      const uint64_t seen = version();
      if (ending()) return false;
      if (ready()) return true;
      wait_past(seen);
    }
  }

  void changed() override {
    {
      const std::lock_guard lock(mutex_);
      ++version_;
    }
    moved_.notify_all();
  }

 private:
  void drive(Machine& machine) {
    while (!ending()) {
      const uint64_t seen = version();
      const auto step = machine.step();
      if (!step) {
        fail(step.error());
        return;
      }
      if (*step == Machine::Step::done) return;
      if (*step == Machine::Step::blocked) wait_past(seen);
    }
  }

  void fail(const Error& error) {
    {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = error;
    }
    end();
  }

  uint64_t version() {
    const std::lock_guard lock(mutex_);
    return version_;
  }

  void wait_past(uint64_t seen) {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [&] { return version_ != seen || ending(); });
  }

  Env& env_;
  std::mutex mutex_;
  std::condition_variable moved_;
  uint64_t version_ = 0;        // guarded by mutex_
  std::optional<Error> error_;  // guarded by mutex_
};

class SteppedFlow final : public Flow {
 public:
  explicit SteppedFlow(uint64_t seed) : random_(seed) {}

  Result<> run(const std::vector<Machine*>& machines, std::stop_token stop) override {
    machines_ = machines;
    state_.assign(machines.size(), State::ready);
    while (!ending() && !error_) {
      if (stop.stop_requested()) end();
      if (all_done()) break;
      step_any();
    }
    if (error_) return tl::unexpected(*error_);
    return {};
  }

  bool wait(const std::function<bool()>& ready) override {
    while (!ready()) {
      if (ending() || error_) return false;
      step_any();
    }
    return true;
  }

  void changed() override {
    for (State& state : state_) {
      if (state == State::blocked) state = State::ready;
    }
  }

 private:
  enum class State { ready, blocked, inside, done };

  bool all_done() const {
    return std::all_of(state_.begin(), state_.end(), [](State state) { return state == State::done; });
  }

  /// One step of a machine drawn among those that can move. Nobody being able to is a mistake of ours: a circle of
  /// waits.
  void step_any() {
    std::vector<size_t> able;
    for (size_t i = 0; i < state_.size(); ++i) {
      if (state_[i] == State::ready) able.push_back(i);
    }
    TROMMEL_CHECK(!able.empty(), "every machine waits for another");
    const size_t i = able[random_() % able.size()];
    state_[i] = State::inside;
    const auto step = machines_[i]->step();
    if (!step) {
      if (!error_) error_ = step.error();
      ending_.store(true, std::memory_order_release);
      state_[i] = State::done;
      return;
    }
    switch (*step) {
      case Machine::Step::progress:
        state_[i] = State::ready;
        changed();
        break;
      case Machine::Step::blocked:
        state_[i] = State::blocked;
        break;
      case Machine::Step::done:
        state_[i] = State::done;
        changed();
        break;
    }
  }

  std::vector<Machine*> machines_;
  std::vector<State> state_;
  std::mt19937_64 random_;
  std::optional<Error> error_;
};

}  // namespace

std::unique_ptr<Flow> threaded_flow(Env& env) { return std::make_unique<ThreadedFlow>(env); }
std::unique_ptr<Flow> stepped_flow(uint64_t seed) { return std::make_unique<SteppedFlow>(seed); }

}  // namespace trommel
