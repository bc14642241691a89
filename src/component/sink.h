// Out: where rows leave. A sink writes; when, under which epoch, how often again and what is counted is the engine's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/env.h"
#include "batch/batch.h"
#include "component/outlet.h"

namespace trommel {

using Epoch = uint64_t;

/// What is promised when a commit is repeated after a crash. The contract suite tries it.
enum class Guarantee { exactly_once, at_least_once };

/// Rows of one epoch for one sink, as the engine spooled them: the same batches in the same order each time it is
/// asked.
class Segment {
 public:
  virtual ~Segment() = default;
  virtual Result<bool> next(Batch& batch) = 0;  ///< false after the last
  virtual int64_t rows() const = 0;
};

/// What the spool keeps of a batch for a store.
struct Spooled {
  Rows rows;                      ///< one for each row that is not refused, in their order
  std::vector<Refusal> refusals;  ///< rows that the store would refuse, rising
};

/// A system that takes an epoch in one step: a database, a topic. The engine spools; the sink pushes.
class StoreSink {
 public:
  virtual ~StoreSink() = default;
  virtual Guarantee guarantee() const = 0;
  virtual Result<Epoch> last_committed() = 0;  ///< 0 when there was none
  /// Rows that the store would refuse (types, NOT NULL, keys), asked before the epoch is sealed, while an earlier one
  /// may be under commit.
  virtual Result<std::vector<Refusal>> refuses(const Batch&) { return std::vector<Refusal>{}; }
  /// A store may have rows spooled as what it sends of them, so that they are made into that once, and what cannot be
  /// is known: the columns of what `spool` gives. Null: rows are spooled as they are, less those that `refuses` names.
  virtual Schema spooled() const { return nullptr; }
  /// In place of `refuses` where `spooled` is set. One thread at a time, while another may `commit` an earlier epoch.
  virtual Result<Spooled> spool(const Batch&) { return internal_error("sink", "it has rows spooled as they are"); }
  /// Rows and the epoch's number in one transaction, where there is one. An epoch that is there already is left alone.
  /// Returns how many rows it put there, counted on its side. Two of one store's address never run at once.
  virtual Result<int64_t> commit(Epoch epoch, Segment& segment) = 0;
};

/// One file on its way out. It lies under a temporary name until its epoch is committed.
class OutputFile : public OutputStream {
 public:
  virtual int64_t written() const = 0;  ///< bytes so far
  /// To be called before close(): how many rows the file holds, counted by its writer.
  virtual void set_rows(int64_t rows) = 0;
};

/// Hands out files; naming aside, syncing, renaming and sweeping are the engine's.
class OutputFiles {
 public:
  virtual ~OutputFiles() = default;
  /// `path` is the name under which it will appear; its folders are made. `-` is standard output, written at commit.
  virtual Result<std::unique_ptr<OutputFile>> create(const std::string& path) = 0;
  virtual Epoch epoch() const = 0;
};

/// A system of files (a folder, an object store): rows are written as they come, and appear by a rename.
class FileSink {
 public:
  virtual ~FileSink() = default;
  virtual Result<> write(const Batch& batch, OutputFiles& files) = 0;
  /// Closes every open file: the epoch ends here.
  virtual Result<> finish(OutputFiles& files) = 0;
  /// Bytes that its open writers hold, for the memory budget.
  virtual size_t memory() const { return 0; }
};

/// `if_exists:` of a file sink.
enum class IfExists { number, replace, error };

}  // namespace trommel
