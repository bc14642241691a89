// In: where rows enter, and how bytes become rows.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "batch/batch.h"
#include "component/outlet.h"

namespace trommel {

class StoreSink;  // component/sink.h

namespace server {
class Routes;
}

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
  /// What goes to the source's dead letters of a record that it refused, as columns of theirs; null: nothing does.
  virtual Rows dead_letter(const Block& /*block*/, const RawRefusal& /*refusal*/) const { return nullptr; }
  /// What `Source::recall` needs to read a single record of this split again when the split is gone; null: it cannot.
  virtual std::shared_ptr<const std::string> facts() const { return nullptr; }
};

/// Reads records one by one that came out of a split once, from what a reject kept of them.
struct RecalledFormat {
  std::shared_ptr<const Decoder> decoder;  ///< to rows of the source
  /// The record's own columns as text, as they stand in it; null where a record cannot be put together from those.
  std::shared_ptr<const Decoder> as_text;
  Schema text_schema;
  /// The reverse: a record from its columns.
  std::function<std::string(const std::vector<std::optional<std::string>>&)> record;
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

/// A row that was refused, for whoever brought it.
struct BadRow {
  int64_t line = 0;        ///< physical line, from 1; 0: its format has none
  Position position = -1;  ///< in its split; -1: unknown
  std::string stage, code, column, value, reason;
};

/// What became of the rows of one split.
struct RowsOfSplit {
  int64_t read = 0, rejected = 0;
  std::map<std::string, int64_t> reasons;  ///< of the rejected ones, by code
  std::map<std::string, int64_t> written;  ///< by sink; only rows that still know their split there
  std::vector<BadRow> first;               ///< of the rejected ones, a hundred at most
};

/// What became of a split, told once nothing can be lost any more.
struct Delivered {
  enum class How {
    taken,    ///< every row before `at` is in every sink or in the reject log
    refused,  ///< no row of it was published: `rejects: { whole_file: ... }`
    known,    ///< it was skipped, since its content was taken before
  };
  Split split;
  Position at = 0;
  bool ended = false;  ///< there are no rows behind `at`
  How how = How::taken;
  std::string why;  ///< of a refused one: what is wrong with it, on several lines, for people
  uint64_t epoch = 0;
  std::optional<RowsOfSplit> rows;  ///< where the source wants to know
};

/// What may be done to take rows whose columns are others than those of earlier runs.
struct Growth {
  bool columns = false;  ///< new ones are added
  bool types = false;    ///< types become wider
};

/// How far a source has still to go: a partition of a topic, and what of it is not in every sink yet.
struct Lag {
  std::string what;
  int64_t rows = 0;
  int64_t since_us = 0;  ///< when the oldest of them was written, since 1970; 0: unknown
  bool operator==(const Lag&) const = default;
};

/// Where a source has the records sent that it could not read, in the epoch that rejects them.
struct DeadLetters {
  std::shared_ptr<StoreSink> store;  ///< takes what `Decoder::dead_letter` gives; its `spooled` says the columns
  std::string target;                ///< for people: `topic bets-dead at kafka:9092`
};

class Source {
 public:
  virtual ~Source() = default;
  /// What is there now, in a stable order. An endless source is asked again and again, takes possession of what it
  /// gives out (claims a file by renaming it), and may give out again what was not delivered yet.
  virtual Result<std::vector<Split>> discover() = 0;
  /// The same for a look (`plan`): nothing is claimed, and nothing written. An endless source shows nothing unless it
  /// can do so.
  virtual Result<std::vector<Split>> peek() { return endless() ? std::vector<Split>() : discover(); }
  virtual Result<std::unique_ptr<Reader>> open(std::shared_ptr<const Split> split, Position at) = 0;
  /// These are safe: commit offsets, delete or move files, answer requests, durably. May come twice.
  virtual Result<> durable(std::span<const Delivered> delivered) = 0;
  /// These will not be read by this run: give back what was claimed.
  virtual void release(std::span<const Split>) {}

  /// True: there is no end; `discover` finds more later.
  virtual bool endless() const { return false; }
  /// Something is there that cannot be taken yet (a file that still grows): who wants all that is there asks again.
  virtual bool expects_more() const { return false; }
  /// True: a split with a row that is rejected anywhere is refused as a whole.
  virtual bool refuses_whole() const { return false; }
  /// Of a source that refuses whole splits: only those that are past `max_rejects`, each judged for itself.
  virtual bool judges_each_split() const { return false; }
  /// True: what becomes of the rows of each split is counted, kept with its epoch, and told with `durable`. Memory
  /// grows with the splits of an epoch.
  virtual bool wants_rows_of_splits() const { return false; }
  /// True: the epoch of what `discover` gave out begins at once and not after `commit: every`: somebody waits for it,
  /// or it gets no larger by waiting.
  virtual bool urgent() const { return false; }
  /// What it answers over HTTP. Called once, before the first epoch of a run with a server; requests come from then on.
  virtual Result<> serve(server::Routes&) { return {}; }
  /// How long the content of what was taken is remembered, in microseconds; 0: contents do not matter.
  virtual int64_t remembers_content_us() const { return 0; }
  /// A way to read records of a split that is gone: `facts` are those of the decoder that it had.
  virtual Result<RecalledFormat> recall(const std::string& /*facts*/) {
    return config_error("source", "it cannot read single records again");
  }
  /// Names of inputs differ from day to day: what is named after an input is of one day.
  virtual bool names_hold_days() const { return false; }
  /// What a table that its rows go to may do about columns that have changed.
  virtual Growth growth() const { return {}; }
  /// What it noticed since it was asked last and people should know, a line each: a folder that went away.
  virtual std::vector<std::string> news() { return {}; }

  /// As of the last `discover`, where it knows.
  virtual std::vector<Lag> lag() const { return {}; }
  /// Nothing where it has none.
  virtual std::optional<DeadLetters> dead_letters() const { return std::nullopt; }

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
