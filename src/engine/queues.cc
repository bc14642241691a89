#include "engine/queues.h"

#include <algorithm>

namespace trommel {

bool TaskQueue::push(Task task) {
  const size_t size = task.memory();
  const auto has_room = [&] {
    const std::lock_guard lock(mutex_);
    return tasks_.empty() || held_ + size <= room_;
  };
  if (!flow_.wait(has_room)) return false;
  {
    const std::lock_guard lock(mutex_);
    held_ += size;
    tasks_.push_back(std::move(task));
  }
  flow_.changed();
  return true;
}

std::optional<Task> TaskQueue::pop() {
  std::optional<Task> task;
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.empty()) return std::nullopt;
    task = std::move(tasks_.front());
    tasks_.pop_front();
    held_ -= task->memory();
  }
  flow_.changed();
  return task;
}

void TaskQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    --writers_;
  }
  flow_.changed();
}

bool TaskQueue::at_end() {
  const std::lock_guard lock(mutex_);
  return writers_ == 0 && tasks_.empty();
}

size_t Parcel::memory() const {
  size_t bytes = sizeof(Parcel);
  for (const auto& delivery : deliveries) {
    bytes += delivery.batch.memory() + (delivery.batch.block ? delivery.batch.block->memory() : 0);
  }
  for (const auto& reject : rejects) {
    bytes += sizeof(Reject) + reject.raw.size();
    if (reject.letter) bytes += Batch{reject.letter, {}, nullptr}.memory();
  }
  return bytes;
}

size_t Inbox::add_producer() {
  producers_.emplace_back();
  return producers_.size() - 1;
}

bool Inbox::push(size_t producer, uint64_t sequence, Parcel parcel) {
  TROMMEL_CHECK(!parcel.barrier || (parcel.deliveries.empty() && parcel.rejects.empty()), "a barrier carries no rows");
  const size_t size = parcel.memory();
  const auto has_room = [&] {
    const std::lock_guard lock(mutex_);
    return held_ + size <= room_ || sequence == producers_[producer].next;
  };
  if (!flow_.wait(has_room)) return false;
  {
    const std::lock_guard lock(mutex_);
    held_ += size;
    const bool fresh = producers_[producer].waiting.emplace(sequence, std::move(parcel)).second;
    TROMMEL_CHECK(fresh, "parcel " + std::to_string(sequence) + " came twice");
  }
  flow_.changed();
  return true;
}

Inbox::What Inbox::pop(Parcel& parcel) {
  What what = What::nothing;
  {
    const std::lock_guard lock(mutex_);
    bool found = false;
    for (size_t tried = 0; tried < producers_.size() && !found; ++tried) {
      Producer& producer = producers_[(turn_ + tried) % producers_.size()];
      const auto head = producer.at_barrier ? producer.waiting.end() : producer.waiting.find(producer.next);
      if (head == producer.waiting.end()) continue;
      held_ -= head->second.memory();
      parcel = std::move(head->second);
      producer.waiting.erase(head);
      ++producer.next;
      producer.at_barrier = parcel.barrier;
      turn_ = (turn_ + tried + 1) % producers_.size();
      found = true;
    }
    const bool all =
        std::all_of(producers_.begin(), producers_.end(), [](const Producer& producer) { return producer.at_barrier; });
    if (all) {
      for (Producer& producer : producers_) producer.at_barrier = false;
      what = What::barrier;
    } else if (found) {
      what = What::parcel;  // an empty one, where its producer has reached the barrier before others
    }
  }
  if (what != What::nothing) flow_.changed();
  return what;
}

}  // namespace trommel
