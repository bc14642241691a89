// Checkpoint: what was saved when an epoch closed, and the folder that keeps it.
//
// STATE/lock                    held by the run; says who holds it
// STATE/checkpoint-000007.json  the last few epochs: what was taken, which files and segments wait for their commit
// STATE/taken.jsonl             every input that was taken, appended once its epoch is in every sink: also the mark
// that the epoch is done STATE/spool/                  segments STATE/rejects/                the reject log, a file an
// epoch STATE/temporaries             names of temporaries that a dead run may have left
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/env.h"
#include "component/source.h"
#include "engine/balance.h"
#include "engine/life.h"
#include "engine/output_files.h"
#include "engine/split_key.h"
#include "segment/segment_file.h"
#include "engine/transform_state.h"

namespace trommel {

struct TakenInput {
  Split split;  ///< with its source
  Delivered::How how = Delivered::How::taken;
  std::string why;
  std::optional<RowsOfSplit> rows = {};  ///< where its source wants to know
};

/// An input that was begun and goes on with the next epoch.
struct OpenInput {
  Split split;
  Position at = 0;
};

struct Checkpoint {
  std::string pipeline;
  Epoch epoch = 0;
  std::vector<TakenInput> taken;                    ///< inputs that end with this epoch
  std::vector<OpenInput> open;                      ///< and those that do not
  std::vector<StateFile> state;                     ///< what transforms remember
  std::map<std::string, std::string> remembers_by;  ///< and by what, by transform
  std::vector<PreparedFile> files;                  ///< those of the reject log too (sink `rejects`)
  std::vector<SealedSegment> segments;
  int64_t rows_read = 0, rows_rejected = 0;
  Life life;  ///< the sum of all epochs up to this one
};

/// One line of JSON and its checksum: a torn or damaged file is told from a whole one.
std::string checkpoint_text(const Checkpoint& checkpoint);
Result<Checkpoint> parse_checkpoint(std::string_view text, const std::string& path);

class StateFolder {
 public:
  StateFolder(Env& env, std::string folder) : env_(env), folder_(std::move(folder)) {}

  const std::string& path() const { return folder_; }
  /// Makes the folder (`lasting`: so that its name outlives a crash), takes the lock.
  Result<> open(const std::string& holder, bool lasting);

  /// Written aside, synced, renamed, the folder synced. Those of epochs up to `done` go, but for the last three.
  Result<> write(const Checkpoint& checkpoint, Epoch done);

  struct Damaged {
    Epoch epoch = 0;
    Error error;
  };
  struct Saved {
    std::optional<Checkpoint> newest;  ///< that can be read
    std::vector<Checkpoint> pending;   ///< epochs after `done`, oldest first, the newest with them
    std::vector<Damaged> damaged;
  };
  Result<Saved> saved(Epoch done);
  /// The newest that can be read, for a look from outside of a run.
  Result<std::optional<Checkpoint>> newest();

  /// Inputs taken before, by split_key; contents taken, likewise, and when; and the last epoch that is in every sink.
  struct Taken {
    std::set<std::string> keys;
    std::map<std::string, int64_t> contents;  ///< microseconds since 1970
    Epoch last_epoch = 0;
    int64_t lines = 0;  ///< of the file
  };
  Result<Taken> taken();
  /// What a run that died has written here lasts from now on, where it did not come to syncing it: nothing may rest on
  /// what a crash would still undo.
  Result<> settle();
  /// Marks the epoch as done, in the file and in `taken`.
  Result<> append_taken(const Checkpoint& checkpoint, int64_t now_us, Taken& taken);
  /// Writes the file anew once most of its lines mean nothing any more.
  Result<> compact_taken(Taken& taken);

  std::string checkpoint_path(Epoch epoch) const;

 private:
  Result<std::vector<std::string>> checkpoint_paths();  ///< oldest first

  Env& env_;
  std::string folder_;
  std::unique_ptr<FileLock> lock_;
};

}  // namespace trommel
