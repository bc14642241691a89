// The machines of a run: one reader a source, lanes that decode and work, one machine for each transform that must see
// its rows in order or whole, one for each sink, and the reject log. What each does between two barriers is an epoch.
//
//   reader --> [tasks] --> lanes --> [inbox] --> transform --> [inbox] --> sink
//                            \________________ rejects ______________> [inbox] --> reject log
#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/group.h"
#include "engine/output_files.h"
#include "segment/segment_file.h"

namespace trommel {

/// A split, to be read from a place on.
struct Input {
  std::shared_ptr<const Split> split;
  Position from = 0;
  int64_t found_us = 0;  ///< when it was first seen, microseconds since 1970 in UTC
};

/// When readers close the epoch before their inputs end. 0: no limit.
struct EpochLimits {
  int64_t rows = 0, bytes = 0;
  bool within_splits = false;  ///< else only where a unit ends
  std::stop_token stop;        ///< close it now
};

/// An input of a source that refuses whole ones, and what is known of its rows.
struct RefusedInput {
  std::shared_ptr<const Split> split;
  int64_t rows = 0;                        ///< all that it held
  std::vector<Reject> rejects;             ///< the first of those that are to blame
  std::map<std::string, int64_t> reasons;  ///< of all of them, by code
  std::string why;                         ///< for people, where it is not for one bad row alone
};

/// What stays from one epoch of a run to the next.
struct Carried {
  std::map<std::string, std::unique_ptr<Reader>> readers;  ///< opened, by split_key
  Instances transforms;
};

/// What the machines of one attempt share.
struct Attempt {
  const Plan& plan;
  Env& env;
  Flow& flow;
  Ledger& ledger;
  Epoch epoch = 1;
  bool sync = true;
  std::string state_folder;
  std::vector<Input> inputs;  ///< of all sources, each in its order; Split::source says whose
  EpochLimits limits;
  std::vector<RefusedInput> refused;        ///< by earlier tries of this epoch; only their rejects are written
  Carried* carried = nullptr;               ///< of a run of several epochs: transforms are not told that inputs ended
  const TransformStates* states = nullptr;  ///< what transforms remember; null: nothing
};

/// Whether a source's inputs may fail alone: it refuses them as a whole, or leaves them for later.
inline bool goes_on_without(const Source& source) { return source.refuses_whole() || source.endless(); }

/// What a sink (or the reject log) has ready for its commit.
struct PreparedSink {
  std::vector<PreparedFile> files;
  std::vector<SealedSegment> segments;
};

/// A transform that remembers or waits.
class RememberingMachine : public Machine {
 public:
  virtual const StateChanges& changes() const = 0;  ///< of this epoch
};

/// Opens the splits of one source one after the other, cuts them into blocks and hands these to the lanes; at the end
/// comes the barrier.
std::unique_ptr<Machine> reader_machine(Attempt& attempt, size_t source, TaskQueue& tasks);

/// Takes whatever block is next, decodes it and pushes the rows through every row-by-row transform below its source.
/// `exits` is by source node.
std::unique_ptr<Machine> lane_machine(Attempt& attempt, int number, TaskQueue& tasks, std::vector<Exits> exits);

/// A transform that remembers or waits, with the row-by-row ones below it.
std::unique_ptr<RememberingMachine> transform_machine(Attempt& attempt, size_t node, Inbox& inbox, Exits exits);

/// A machine that ends the flow's way: after it is done, `prepared` says what waits for the commit.
class SinkMachine : public Machine {
 public:
  virtual PreparedSink& prepared() = 0;
};
std::unique_ptr<SinkMachine> file_sink_machine(Attempt& attempt, size_t node, Inbox& inbox);
/// Rows that the store would refuse go to the reject log, hence the exit.
std::unique_ptr<SinkMachine> store_sink_machine(Attempt& attempt, size_t node, Inbox& inbox, Exit to_rejects);

class RejectMachine : public SinkMachine {
 public:
  virtual const std::vector<Reject>& first() const = 0;                               ///< ten at most
  virtual const std::vector<std::pair<std::string, int64_t>>& by_source() const = 0;  ///< how many of which source
  /// Inputs with rejects, of sources that refuse whole ones; by source and split id.
  virtual std::map<std::string, RefusedInput>& faulty() = 0;
};
std::unique_ptr<RejectMachine> reject_machine(Attempt& attempt, Inbox& inbox);

}  // namespace trommel
