// Rejects: the record of a row that was refused, and the log that keeps them. The log is a sink like the others: it
// commits with its epoch.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/env.h"
#include "batch/batch.h"
#include "component/outlet.h"
#include "component/sink.h"

namespace trommel {

struct Reject {
  std::string id;  ///< 16 hex digits: hash of pipeline, source, split, position, stage
  std::string pipeline, stage;
  std::string code;  ///< groups: cast, ragged, required, max, sql, ...
  std::string reason, column, value;
  std::string source, split;
  Position position = -1;  ///< byte (of the decompressed file) or row or offset; -1: unknown
  int64_t line = 0;        ///< physical line, from 1; 0: no lines
  std::string raw;         ///< the bytes as they came; may be any bytes; cut at 64 KB
  bool raw_cut = false;
  Epoch epoch = 0;
  int64_t rows = 1;       ///< how many it stands for: more than one where an input was refused as a whole
  std::string split_id;   ///< Split::id, while the run knows it; not kept
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

/// The record of a refused row, with its raw bytes and place where the batch still knows them, else with its values.
Reject make_reject(const std::string& pipeline, const std::string& stage, const Batch& batch, const Refusal& refusal,
                   LineCounter& lines);
Reject make_reject(const std::string& pipeline, const std::string& stage, const Block& block, const RawRefusal& refusal,
                   LineCounter& lines);
/// What `Reject::id` must be.
std::string reject_id(const Reject& reject);

/// A row as text for a reject that has no raw bytes: `a=1, b=NULL`.
std::string row_text(const arrow::RecordBatch& rows, int64_t row);

/// One line of JSON a record; bytes that are not UTF-8 go as base64.
std::string reject_line(const Reject& reject);
Result<Reject> parse_reject(std::string_view line, const std::string& where);

/// Every reject of a state folder, oldest epoch first; `each` returns false to stop.
Result<> for_each_reject(Env& env, const std::string& state_folder, const std::function<bool(const Reject&)>& each);

struct RejectGroup {
  std::string stage, code, column;
  int64_t rows = 0;
  Reject example;  ///< the first
};
Result<std::vector<RejectGroup>> group_rejects(Env& env, const std::string& state_folder);

}  // namespace trommel
