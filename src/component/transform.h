// Across: rows to rows.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "batch/batch.h"
#include "component/outlet.h"

namespace trommel {

/// What a transform remembers across batches, by key. The engine writes what changed since the last epoch, and hands
/// all of it back after a restart.
class State {
 public:
  virtual ~State() = default;
  virtual void put(std::string_view key, std::string_view value) = 0;
  virtual void remove(std::string_view key) = 0;
};

/// One instance is used by one thread at a time. Row-by-row transforms have an instance a lane, the others one in all.
class Transform {
 public:
  virtual ~Transform() = default;
  /// `input` is the place in the list of inputs that the transform was bound with.
  virtual Result<> push(size_t input, const Batch& batch, Outlet& outlet) = 0;
  virtual Result<> end(Outlet&) { return {}; }  ///< every input has ended
  virtual Result<> save(State&) { return {}; }
  virtual Result<> load(std::string_view /*key*/, std::string_view /*value*/) { return {}; }
};

/// How a transform looks at its rows; the engine plans lanes and epochs by it.
enum class Shape {
  row_by_row,   ///< each row alone: any lane, any order of batches
  in_order,     ///< remembers earlier rows (dedupe): one instance, rows of a split in order
  whole_input,  ///< gives nothing before its inputs ended: the run is one epoch
};

/// A transform whose configuration and inputs are known, and found right.
struct BoundTransform {
  Schema schema;  ///< of the rows it hands on
  Shape shape = Shape::row_by_row;
  bool keeps_positions = true;  ///< false: provenance ends here, and `plan` says so
  bool judges_whole =
      false;  ///< `end` may fail because of all rows together: it needs an end, and nothing published before
  /// By what it remembers rows from epoch to epoch, in words. What was remembered by others means nothing to it.
  std::string remembers_by;
  std::vector<std::string> notes;
  std::function<Result<std::unique_ptr<Transform>>()> make;
};

}  // namespace trommel
