// The bounded ways between machines. Their room is counted in bytes; nothing is ever shed, a full queue makes its
// writer wait.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "batch/batch.h"
#include "component/sink.h"
#include "engine/flow.h"
#include "engine/rejects.h"

namespace trommel {

/// A block to be worked on, or the barrier that closes an epoch. `sequence` counts up by one within its source.
struct Task {
  size_t source = 0;  ///< index of the node
  uint64_t sequence = 0;
  std::optional<Block> block;
  bool barrier = false;
  size_t memory() const { return sizeof(Task) + (block ? block->memory() : 0); }
};

/// First in, first out; many readers.
class TaskQueue {
 public:
  TaskQueue(Flow& flow, size_t room) : flow_(flow), room_(room) {}
  bool push(Task task);       ///< waits for room; false when the flow is ending
  std::optional<Task> pop();  ///< nothing there: nullopt
  void close();               ///< one writer fewer; with `writers` all gone the queue is at its end
  void add_writer() { ++writers_; }
  bool at_end();

 private:
  Flow& flow_;
  const size_t room_;
  std::mutex mutex_;
  std::deque<Task> tasks_;
  size_t held_ = 0;
  int writers_ = 0;
};

/// What a producer hands to one consumer for one sequence number. It may hold nothing: the number must still arrive.
struct Parcel {
  struct Delivery {
    size_t input = 0;
    Batch batch;
  };
  std::vector<Delivery> deliveries;
  std::vector<Reject> rejects;  ///< for the reject log only
  bool barrier = false;         ///< the epoch ends here for this producer
  size_t memory() const;
};

/// The input of one machine: parcels of several producers, each in the order of its sequence numbers, whichever lane
/// brings them first. A producer that has reached the barrier is held back until all of them have.
class Inbox {
 public:
  Inbox(Flow& flow, size_t room) : flow_(flow), room_(room) {}
  size_t add_producer();
  /// Waits for room. The parcel that the consumer needs next always has room, else lanes ahead of it could lock it out.
  bool push(size_t producer, uint64_t sequence, Parcel parcel);

  enum class What { nothing, parcel, barrier };
  /// `barrier` once every producer has reached it; the next pop begins the next epoch.
  What pop(Parcel& parcel);

 private:
  struct Producer {
    std::map<uint64_t, Parcel> waiting;
    uint64_t next = 0;
    bool at_barrier = false;
  };
  Flow& flow_;
  const size_t room_;
  std::mutex mutex_;
  std::vector<Producer> producers_;
  size_t turn_ = 0;
  size_t held_ = 0;
};

}  // namespace trommel
