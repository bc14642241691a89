// What every component of a kind keeps, as checks that its tests call. Each gives the promises that were broken, a line
// each: none is right.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "component/message.h"
#include "component/outlet.h"
#include "component/sink.h"
#include "component/source.h"
#include "component/transform.h"

namespace trommel {

/// An outlet that keeps all that it is given. One thread at a time.
class KeepingOutlet : public Outlet {
 public:
  struct Kept {
    std::string row;  ///< its values as text
    std::string split;
    Position position = 0;
    auto operator<=>(const Kept&) const = default;
  };

  void emit(Batch batch) override;
  void reject(const Batch& batch, std::span<const Refusal> refusals) override;
  void reject(const Block& block, std::span<const RawRefusal> refusals) override;
  void filtered(int64_t count) override { filtered_rows += count; }
  void deduplicated(int64_t count) override { deduplicated_rows += count; }
  void expanded(int64_t count) override { expanded_rows += count; }
  void combined(int64_t in, int64_t out) override { combined_rows += in - out; }
  void misfit(const Block& block, Misfit misfit) override;

  /// Rows handed to it in any way.
  int64_t accounted() const;

  std::vector<Batch> batches;
  std::vector<Kept> rows;
  std::vector<std::string> rejects;  ///< `code column value`
  std::vector<Misfit> misfits;
  int64_t filtered_rows = 0, deduplicated_rows = 0, expanded_rows = 0, combined_rows = 0;
};

/// Every row of a batch as text, columns parted by ` | `.
std::vector<std::string> rows_as_text(const arrow::RecordBatch& rows);

/// Reads a source from beginning to end, splits in order. Stops at the first error.
Result<> read_all(Source& source, KeepingOutlet& outlet);

/// `bind` makes the same source again, aiming at blocks of so many bytes. Checked for each size:
/// the splits, and their order, are the same each time; ids are unique; the rows, their positions, rejects and counts
/// are the same as at any other size; blocks follow each other; decoding them in another order and twice gives the same
/// rows; `open` at any piece's `next` gives what came after it; the schema of each batch is the source's; a decoder's
/// own count is what it handed over.
std::vector<std::string> broken_source_promises(
    const std::function<Result<std::shared_ptr<Source>>(int64_t block_bytes)>& bind,
    const std::vector<int64_t>& block_sizes);

/// Output files in a folder, without temporaries: for tests of file sinks.
class PlainOutputFiles : public OutputFiles {
 public:
  PlainOutputFiles(Env& env, Epoch epoch) : env_(env), epoch_(epoch) {}
  Result<std::unique_ptr<OutputFile>> create(const std::string& path) override;
  Epoch epoch() const override { return epoch_; }

  struct Made {
    std::string path;
    int64_t rows = -1;  ///< as the sink said
    bool closed = false;
  };
  const std::vector<Made>& made() const { return made_; }
  int64_t rows() const;

 private:
  class File;
  Env& env_;
  Epoch epoch_;
  std::vector<Made> made_;
};

/// Writes `batches` through a new sink and finishes it. Checked: every file was closed and told its rows; together they
/// hold all rows; a second `finish` makes no further file.
std::vector<std::string> broken_file_sink_promises(FileSink& sink, const std::vector<Batch>& batches,
                                                   PlainOutputFiles& files);

/// Pushes `batch` (its positions known and rising) through fresh instances, whole and cut to pieces. Checked: every row
/// is accounted for; batches have the bound schema; the same rows come out however the batch was cut (rows of a
/// row-by-row transform in the same order and from the same positions, which are positions that went in); a second
/// instance gives the same, so nothing is shared.
std::vector<std::string> broken_transform_promises(const BoundTransform& bound, const Batch& batch);

/// An epoch's rows, given from the first on. With `breaks_off` they end in an error.
class GivenSegment : public Segment {
 public:
  explicit GivenSegment(std::vector<Batch> batches) : batches_(std::move(batches)) {}
  explicit GivenSegment(const std::vector<Rows>& batches, bool breaks_off = false) : breaks_off_(breaks_off) {
    for (const Rows& rows : batches) batches_.push_back({rows, {}, nullptr});
  }
  Result<bool> next(Batch& batch) override;
  int64_t rows() const override;

 private:
  std::vector<Batch> batches_;
  bool breaks_off_ = false;
  size_t at_ = 0;
};

/// Rows as the engine spools them for the sink. An error where that makes other columns or counts than were promised.
Result<std::vector<Batch>> spooled_for(StoreSink& sink, const std::vector<Batch>& batches);

/// Messages of these bytes, side by side in one piece of memory, as a source hands them to a decoder.
Result<DecodedMessages> decode_side_by_side(const MessageDecoder& decoder, const std::vector<std::string>& messages);

/// A store that a pipeline writes epochs to, and what it should hold then.
struct StoreTrial {
  std::function<std::shared_ptr<StoreSink>()> make;          ///< the sink, as a new process would have it
  std::function<std::vector<std::string>()> contents;        ///< the store's rows, asked by other means than the sink
  std::vector<std::vector<Batch>> epochs;                    ///< committed as 1, 2, ...
  std::function<std::vector<std::string>(size_t)> expected;  ///< the rows once the first so many are committed
};

/// Checked: nothing is committed at first; an epoch whose rows break off leaves nothing behind; an epoch is there once,
/// also when it is committed again, by the same sink, after a restart, or when later ones are there; each commit
/// returns the rows that were handed to it; the store then holds what it should, in any order.
std::vector<std::string> broken_store_sink_promises(const StoreTrial& trial);

/// Commits `batches` as epoch 1 of a store that holds nothing of this pipeline yet. `make` gives the sink as a new
/// process would, `count` the rows that the store holds, asked by other means than the sink. Checked: nothing is
/// committed at first; an epoch is there once, also when it is committed again, by the same sink or after a restart;
/// the next epoch adds to it; what a commit returns is what the store counts.
std::vector<std::string> broken_store_sink_promises(const std::function<std::shared_ptr<StoreSink>()>& make,
                                                    const std::function<int64_t()>& count,
                                                    const std::vector<Batch>& batches);

}  // namespace trommel
