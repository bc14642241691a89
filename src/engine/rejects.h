// Rejects: the record of a row that was refused, and the log that keeps them. The log is a sink like the others: it
// commits with its epoch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/env.h"
#include "batch/batch.h"
#include "component/outlet.h"
#include "component/sink.h"
#include "engine/typed_row.h"

namespace trommel {

struct Reject {
  std::string id;  ///< 16 hex digits: see `RejectLines`
  std::string pipeline, stage;
  std::string code;  ///< groups: cast, ragged, required, max, sql, ...
  std::string reason, column, value;
  std::string source, split;
  Position position = -1;  ///< byte (of the decompressed file) or row or offset; -1: unknown
  int64_t line = 0;        ///< physical line, from 1; 0: no lines
  std::string raw;         ///< the bytes as they came; may be any bytes; cut at 64 KB
  bool raw_cut = false;
  std::string row;    ///< what a later stage than the source refused: its values as a JSON object (`RowSpeller`)
  std::string input;  ///< of a stage with several inputs: the node that the row came from
  std::shared_ptr<const std::string> facts;  ///< of the decoder that refused the bytes: `Decoder::facts`
  std::string replays;                       ///< the id under which it was rejected before, and came back from
  bool whole_file = false;                   ///< the file it stood in was refused as a whole
  int64_t at_us = 0;                         ///< when, microseconds since 1970
  Epoch epoch = 0;
  int64_t rows = 1;       ///< how many it stands for: more than one where an input was refused as a whole
  std::string split_id;   ///< Split::id, while the run knows it; not kept
  Rows letter;            ///< for the dead letters of its source; not kept
  bool published = true;  ///< false: of a run that was refused as a whole (budget); its rows were not taken

  /// `in/a.csv line 17`, `topic 3 offset 5`.
  std::string place() const;
};

/// Line numbers of rising positions of one block, each counted on from the one before.
class LineCounter {
 public:
  int64_t at(const Block& block, Position position);

 private:
  const Split* split_ = nullptr;
  Position from_ = -1, last_ = 0;
  int64_t line_ = 0;
};

/// The record of a refused row: its values, and its raw bytes and place where the batch still knows them. `speller` is
/// of the batch.
Reject make_reject(const std::string& pipeline, const std::string& stage, const Batch& batch, const Refusal& refusal,
                   LineCounter& lines, RowSpeller& speller);
Reject make_reject(const std::string& pipeline, const std::string& stage, const Block& block, const RawRefusal& refusal,
                   LineCounter& lines);
/// Makes the lines of one epoch's log. Says once what many rejects share, and gives each its id: a hash of pipeline,
/// source, split, position and stage, with the epoch and a number within the stage, since a join makes many rows of one
/// position, a sum rows of none, and a row that came back may be refused again.
class RejectLines {
 public:
  /// Columns and types of the rows of a source, for its first reject.
  using RowsOf = std::function<Schema(const std::string& source)>;
  RejectLines(Epoch epoch, RowsOf rows_of) : epoch_(epoch), rows_of_(std::move(rows_of)) {}
  std::string line(Reject& reject);

 private:
  Epoch epoch_;
  RowsOf rows_of_;
  std::map<std::string, int64_t> numbers_;  ///< given out, by stage
  std::set<std::string> facts_, sources_;   ///< written
};

/// A reason as people read it: `amount: is no number`, or the sentence alone where no single column is to blame.
std::string reason_text(const std::string& column, const std::string& reason);

/// `1 reject`, `12,345 rejects`.
std::string rejects_text(int64_t count);

/// A row as text for a reject that has no raw bytes: `a=1, b=NULL`.
std::string row_text(const arrow::RecordBatch& rows, int64_t row);

/// One line of JSON a record; bytes that are not UTF-8 go as base64.
std::string reject_line(const Reject& reject);
Result<Reject> parse_reject(std::string_view line, const std::string& where);

/// Every reject of a state folder, oldest epoch first; `each` returns false to stop.
Result<> for_each_reject(Env& env, const std::string& state_folder, const std::function<bool(const Reject&)>& each);

/// Those of one log.
Result<> for_each_reject_of(Env& env, const std::string& log, const std::function<bool(const Reject&)>& each);

/// The columns that the rows of each source had when one of them was rejected last.
using SourceRows = std::map<std::string, Schema>;
Result<SourceRows> rejected_source_rows(Env& env, const std::string& state_folder);

struct RejectGroup {
  std::string stage, code, column;
  int64_t rows = 0;
  Reject example;  ///< the first
};
/// `without`: ids that are left out.
Result<std::vector<RejectGroup>> group_rejects(Env& env, const std::string& state_folder,
                                               const std::set<std::string>& without = {});

}  // namespace trommel
