// The machines of a run: one reader a source, lanes that decode and work, one machine for each transform that must see
// its rows in order or whole, one for each sink, and the reject log. What each does between two barriers is an epoch.
//
//   reader --> [tasks] --> lanes --> [inbox] --> transform --> [inbox] --> sink
//                            \________________ rejects ______________> [inbox] --> reject log
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/group.h"
#include "engine/output_files.h"
#include "engine/spool.h"

namespace trommel {

/// What the machines of one attempt share.
struct Attempt {
  const Plan& plan;
  Env& env;
  Flow& flow;
  Ledger& ledger;
  Epoch epoch = 1;
  bool sync = true;
  std::string state_folder;
  std::vector<std::shared_ptr<const Split>> splits;  ///< of all sources, each in its order; Split::source says whose
};

/// What a sink (or the reject log) has ready for its commit.
struct PreparedSink {
  std::vector<PreparedFile> files;
  std::vector<SealedSegment> segments;
};

/// Opens the splits of one source one after the other, cuts them into blocks and hands these to the lanes; at the end
/// comes the barrier.
std::unique_ptr<Machine> reader_machine(Attempt& attempt, size_t source, TaskQueue& tasks);

/// Takes whatever block is next, decodes it and pushes the rows through every row-by-row transform below its source.
/// `exits` is by source node.
std::unique_ptr<Machine> lane_machine(Attempt& attempt, int number, TaskQueue& tasks, std::vector<Exits> exits);

/// A transform that remembers or waits, with the row-by-row ones below it.
std::unique_ptr<Machine> transform_machine(Attempt& attempt, size_t node, Inbox& inbox, Exits exits);

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
};
std::unique_ptr<RejectMachine> reject_machine(Attempt& attempt, Inbox& inbox);

}  // namespace trommel
