// In: where rows enter, and how bytes become rows.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "batch/batch.h"
#include "component/outlet.h"

namespace trommel {

/// Blocks to rows. Thread safe: the engine calls `decode` for many blocks of a split at once, and joins the results in
/// order.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Hands each row of the block to the outlet, as a row, a reject or filtered (blank lines are no rows). Returns how
  /// many records the block held: counted by itself, not summed from what was handed on. Rows have the schema that the
  /// source was bound with.
  virtual Result<int64_t> decode(const Block& block, Outlet& outlet) const = 0;
  /// The raw record that begins at `position` of the block, without its line end: what a reject keeps. By default up to
  /// the next line feed.
  virtual Bytes record_at(const Block& block, Position position) const;
};

/// One opened split. `read` blocks for a moment at most where nothing is there.
class Reader {
 public:
  enum class Next {
    more,
    idle,   ///< nothing now, maybe later (`block` may be empty)
    ended,  ///< never more
  };
  struct Piece {
    std::optional<Block> block;  ///< whole rows, its decoder set
    Position next = 0;           ///< where reading goes on: `open` at this place gives the rows after this piece
    Next then = Next::more;
  };
  virtual ~Reader() = default;
  virtual Result<Piece> read() = 0;
  /// How many bytes of `Split::size` have been read so far (compressed ones of a compressed file), for the progress
  /// bar; -1: unknown.
  virtual int64_t consumed() const { return -1; }
};

class Source {
 public:
  virtual ~Source() = default;
  /// What is there now, in a stable order; asked again for as long as the source is endless.
  virtual Result<std::vector<Split>> discover() = 0;
  virtual Result<std::unique_ptr<Reader>> open(std::shared_ptr<const Split> split, Position at) = 0;
  /// Every row before `at` is in every sink or in the reject log: commit offsets, delete or move the file, answer the
  /// request. May come twice.
  virtual Result<> durable(const Split& split, Position at, bool ended) = 0;

  /// The schema of all its rows, known from binding on.
  virtual Schema schema() const = 0;
  /// True when its types are guesses (no contract): decoders may then say `misfit`.
  virtual bool guessed() const { return false; }
  /// Values did not fit the guesses: look at all rows of every split and take types that hold them all. The schema may
  /// be another afterwards.
  virtual Result<> widen(std::span<const Misfit>) { return internal_error("source", "types were not guessed"); }
  /// What was guessed and why, a line each, for `plan` and the log.
  virtual std::vector<std::string> notes() const { return {}; }
  /// Texts that were taken for NULL because they look like it: what a contract's `nulls` must say for the same rows.
  virtual std::vector<std::string> null_markers() const { return {}; }
};

}  // namespace trommel
