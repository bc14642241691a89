// A topic in a folder of ours, for pipelines that have no broker: one partition, whose messages lie in segments
// (segment/segment_file.h), each named by the offset of its first message, the number of messages and its checksum.
//
// FOLDER/00000000000000001000-500-0123456789abcdef.arrow
//   columns key, value, headers, timestamp; the schema's metadata says which writer's epoch it is
// FOLDER/readers/NAME.json   how far each reader has come, once it can lose nothing that is before
// FOLDER/aside               what is being written
// FOLDER/lock                held while an epoch is added
//
// Nothing but these files is shared between writers and readers: they may be on different threads, or in different
// processes. A file appears whole by one rename, and is on disk before anybody reads it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/env.h"
#include "component/sink.h"

namespace trommel::kafka {

/// What a topic may hold. Messages that a reader has yet to take are never removed: the writer has to wait.
struct Retention {
  int64_t max_age_us = 0;  ///< messages that every reader has taken are kept for so long
  int64_t max_bytes = int64_t{1} << 30;
};

/// The columns of messages as they are stored.
Schema stored_messages();

class EmbeddedTopic {
 public:
  EmbeddedTopic(Env& env, std::string folder, Retention retention)
      : env_(env), folder_(std::move(folder)), retention_(retention) {}

  struct File {
    std::string path;
    int64_t first = 0, rows = 0;
    std::string checksum;
    int64_t size = 0, modified_us = 0;
    int64_t end() const { return first + rows; }
  };
  /// By offset; none when there is no such topic yet.
  Result<std::vector<File>> files() const;
  /// Checks all of the file before it gives out its first message.
  Result<std::unique_ptr<Segment>> open(const File& file) const;

  // Of writers, each of which has a name of its own.
  Result<Epoch> last_epoch(const std::string& writer);
  /// Gives the messages of an epoch batch by batch, null behind the last.
  using NextMessages = std::function<Result<Rows>()>;
  /// Adds an epoch, unless it is there already; returns how many messages it has. `external` with `retry` while the
  /// topic is full.
  Result<int64_t> add(const std::string& writer, Epoch epoch, const NextMessages& next);

  // Of readers.
  /// What was found may be read: it lasts.
  Result<> settle() const { return env_.sync_directory(folder_); }
  /// Everything before `offset` is safe with this reader. Files that nobody waits for go.
  Result<> taken(const std::string& reader, int64_t offset);

  const std::string& folder() const { return folder_; }

 private:
  struct Written {
    std::string writer;
    Epoch epoch = 0;
  };
  Result<Written> written_by(const File& file);
  Result<std::map<std::string, int64_t>> readers() const;
  /// The offset that nobody waits for anything before.
  static int64_t needed_from(const std::map<std::string, int64_t>& readers, const std::vector<File>& files);
  Result<> sure_of_room(const std::vector<File>& files) const;
  Result<> remove_taken();

  Env& env_;
  std::string folder_;
  Retention retention_;
  std::map<std::string, Written> known_;  ///< by path: the file of an epoch never changes
};

}  // namespace trommel::kafka
