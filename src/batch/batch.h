// Rows, and where each of them came from. A Batch never changes once it was handed on.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/error.h"

namespace arrow {
class Array;
class Buffer;
class DataType;
class Field;
class RecordBatch;
class Schema;
class Status;
}  // namespace arrow

namespace trommel {

using Schema = std::shared_ptr<arrow::Schema>;
using Rows = std::shared_ptr<arrow::RecordBatch>;

/// What can be read from a start to an end, or for ever: a file, a partition of a topic, a request. Its id is never
/// used again.
struct Split {
  std::string id;      ///< unique for ever within its source
  std::string source;  ///< the node that reads it; set by the engine
  std::string name;    ///< for people: `in/flights.csv.zip!flights.csv`
  int64_t size = -1;   ///< bytes, where known
  std::string facts;   ///< what tells a changed split from the same one (time, content hash); only its source reads it
  std::string
      unit;  ///< what is taken, refused and put away as one, in one epoch: the file of a split; empty: its own id
  std::string content;   ///< hash of all its bytes, where equal contents are to be taken once
  bool remember = true;  ///< false: the source itself never gives it out again once it was put away
  std::string replays;   ///< of a row that comes back: the id of its reject

  const std::string& unit_id() const { return unit.empty() ? id : unit; }
};

/// A place in a split: the byte where a row of a (decompressed) file begins, the offset in a topic, the row of a
/// columnar file.
using Position = int64_t;

/// The position of each row of a Batch: one by one, or the first of a run that counts up by one.
/// Unknown once rows were combined (`known()` is false).
class Positions {
 public:
  Positions() = default;
  static Positions each(std::vector<Position> of_rows);
  static Positions run(Position first);

  bool known() const { return run_ || each_ != nullptr; }
  Position at(int64_t row) const { return run_ ? first_ + row : (*each_)[static_cast<size_t>(offset_ + row)]; }
  Positions from(int64_t row) const;                      ///< of the rows from `row` on; shares memory
  Positions select(std::span<const int64_t> rows) const;  ///< of the rows named, in that order
  size_t memory() const { return each_ ? each_->size() * sizeof(Position) : 0; }

 private:
  std::shared_ptr<const std::vector<Position>> each_;
  int64_t offset_ = 0;
  Position first_ = 0;
  bool run_ = false;
};

class Decoder;  // component/source.h

/// A piece of a split that holds whole rows, on its way to a decoder. Decoding one depends on nothing but the block and
/// its decoder.
struct Block {
  std::shared_ptr<const Split> split;
  std::shared_ptr<const Decoder> decoder;
  std::shared_ptr<arrow::Buffer> bytes;  ///< null where the decoder reads for itself (a row group of a columnar file)
  Position from = 0;                     ///< position of the first byte (or row)
  Position to = 0;                       ///< one past the last
  int64_t line = 0;                      ///< physical line number of the first byte, from 1; 0 where there are no lines

  Bytes view() const;
  size_t memory() const;
};

/// `block` keeps the raw bytes within reach for as long as the rows are on their way; null when provenance has ended.
struct Batch {
  Rows rows;
  Positions positions;
  std::shared_ptr<const Block> block;

  int64_t size() const;
  size_t memory()
      const;  ///< bytes of the columns (buffers shared by slices are counted by their slice), without the block
};

/// A part of a batch, with the positions that belong to it.
Batch slice(const Batch& batch, int64_t offset, int64_t length);
/// The rows named, in that order (`rows` are indexes into the batch).
Result<Batch> select(const Batch& batch, std::span<const int64_t> rows);
/// The rows whose `keep` is not 0, and all of it untouched when that is all rows. `keep.size()` = number of rows.
Result<Batch> filter(const Batch& batch, std::span<const uint8_t> keep);

/// The physical line on which `position` lies, from 1; 0 when the block has no lines. Counts line ends (\n, or \r where
/// there is no \n).
int64_t line_at(const Block& block, Position position);
/// Line ends between two positions of a block.
int64_t line_ends(const Block& block, Position from, Position to);

/// A value as text for people, as it stands in a reject or a table: `NULL`, `2013-01-01`, `3.5`, `[1, 2]`, `{a: 1}`.
std::string value_text(const arrow::Array& column, int64_t row);

/// Arrow's word as ours: memory and I/O are external, the rest internal.
Error from_arrow(const arrow::Status& status, std::string where);

/// The whole process's Arrow allocations in bytes, as far as Arrow counts them.
int64_t arrow_memory();

}  // namespace trommel
