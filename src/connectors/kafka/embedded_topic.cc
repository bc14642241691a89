#include "connectors/kafka/embedded_topic.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <mutex>
#include <set>

#include "base/json.h"
#include "base/lasting_folder.h"
#include "segment/segment_file.h"

namespace trommel::kafka {
namespace {

constexpr std::string_view extension = ".arrow";
constexpr const char* damaged_hint = "restore the topic's folder from a copy, or start with a new topic";

/// Writers of one topic add their epochs one after the other.
std::mutex& topic_mutex(const std::string& folder) {
  static std::mutex guard;
  static auto* mutexes = new std::map<std::string, std::mutex>;
  const std::lock_guard lock(guard);
  return (*mutexes)[folder];
}

std::string file_name(int64_t first, int64_t rows, const std::string& checksum) {
  return fmt::format("{:020}-{}-{}{}", first, rows, checksum, extension);
}

bool take_number(std::string_view& text, int64_t& number) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || number < 0) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return text.starts_with('-') ? text.remove_prefix(1), true : false;
}

/// False: it is not one of ours.
bool parse_name(const FileInfo& info, EmbeddedTopic::File& file) {
  const std::string name = name_of(info.path);
  std::string_view rest = name;
  if (!rest.ends_with(extension)) return false;
  rest.remove_suffix(extension.size());
  if (!take_number(rest, file.first) || !take_number(rest, file.rows)) return false;
  file.checksum = rest;
  file.path = info.path;
  file.size = info.size;
  file.modified_us = info.modified_us;
  return file_name(file.first, file.rows, file.checksum) == name;
}

Error damaged(const std::string& path, const std::string& what) {
  return {Error::Domain::external, path, "is damaged: " + what, damaged_hint, false};
}

}  // namespace

Schema stored_messages() {
  static const Schema schema = arrow::schema({
      arrow::field("key", arrow::binary()),
      arrow::field("value", arrow::binary()),
      arrow::field("headers", arrow::map(arrow::utf8(), arrow::binary())),
      arrow::field("timestamp", arrow::timestamp(arrow::TimeUnit::MILLI, "UTC")),
  });
  return schema;
}

Result<std::vector<EmbeddedTopic::File>> EmbeddedTopic::files() const {
  std::vector<File> out;
  if (!env_.exists(folder_)) return out;
  ASSIGN(const auto entries, env_.list(folder_));
  for (const FileInfo& entry : entries) {
    File file;
    if (!entry.is_directory && parse_name(entry, file)) out.push_back(std::move(file));
  }
  std::ranges::sort(out, {}, &File::first);
  for (size_t i = 1; i < out.size(); ++i) {
    if (out[i].first < out[i - 1].end())
      return tl::unexpected(damaged(out[i].path, fmt::format("its messages begin at {}, and {} has those up to {}",
                                                             out[i].first, out[i - 1].path, out[i - 1].end())));
  }
  return out;
}

Result<std::unique_ptr<Segment>> EmbeddedTopic::open(const File& file) const {
  return open_segment(env_, {"", file.path, file.rows, file.size, file.checksum}, damaged_hint);
}

// ---- writers ---------------------------------------------------------------------------------------------------

Result<EmbeddedTopic::Written> EmbeddedTopic::written_by(const File& file) {
  if (const auto known = known_.find(file.path); known != known_.end()) return known->second;
  const auto schema = segment_schema(env_, file.path);
  if (!schema) return tl::unexpected(damaged(file.path, schema.error().what));
  Written written;
  if (const auto metadata = (*schema)->metadata()) {
    written.writer = metadata->Get("trommel.writer").ValueOr("");
    const std::string epoch = metadata->Get("trommel.epoch").ValueOr("");
    std::from_chars(epoch.data(), epoch.data() + epoch.size(), written.epoch);
  }
  if (written.epoch == 0) return tl::unexpected(damaged(file.path, "it does not say whose epoch it is"));
  return known_[file.path] = written;
}

Result<Epoch> EmbeddedTopic::last_epoch(const std::string& writer) {
  ASSIGN(const auto all, files());
  for (auto file = all.rbegin(); file != all.rend(); ++file) {
    ASSIGN(const Written written, written_by(*file));
    if (written.writer == writer) return written.epoch;
  }
  return 0;
}

/// The file of the epoch counts as soon as it has its name. So it is on disk before, and its name before this returns.
Result<int64_t> EmbeddedTopic::add(const std::string& writer, Epoch epoch, const NextMessages& next) {
  const std::lock_guard alone(topic_mutex(folder_));
  TRY(make_lasting_directories(env_, folder_ + "/readers"));
  ASSIGN(const auto lock, env_.lock(folder_ + "/lock", writer));
  ASSIGN(const auto before, files());
  for (auto file = before.rbegin(); file != before.rend(); ++file) {
    ASSIGN(const Written written, written_by(*file));
    if (written.writer != writer) continue;
    if (written.epoch < epoch) break;
    TRY(env_.sync_directory(folder_));  // of a run that died before it came to that
    if (written.epoch == epoch) return file->rows;
  }
  TRY(sure_of_room(before));
  const int64_t first = before.empty() ? 0 : before.back().end();
  const auto metadata = arrow::key_value_metadata(
      {{"trommel.writer", writer}, {"trommel.epoch", fmt::to_string(epoch)}, {"trommel.first", fmt::to_string(first)}});
  const std::string aside = folder_ + "/aside";
  ASSIGN(const auto out, SegmentWriter::open(env_, aside, writer, stored_messages()->WithMetadata(metadata)));
  for (;;) {
    auto rows = next();
    if (!rows) {
      (void)env_.remove(aside);
      return tl::unexpected(std::move(rows).error());
    }
    if (!*rows) break;
    TRY(out->append(Batch{*rows, {}, nullptr}));
  }
  ASSIGN(const SealedSegment sealed, out->seal(true));
  if (sealed.rows > 0) {
    TRY(env_.rename(aside, folder_ + "/" + file_name(first, sealed.rows, sealed.checksum)));
    TRY(env_.sync_directory(folder_));
  }
  return sealed.rows;
}

Result<> EmbeddedTopic::sure_of_room(const std::vector<File>& files) const {
  ASSIGN(const auto known, readers());
  const int64_t from = needed_from(known, files);
  int64_t waiting = 0;
  for (const File& file : files) waiting += file.end() > from ? file.size : 0;
  if (waiting < retention_.max_bytes) return {};
  const auto slowest = std::ranges::min_element(known, {}, [](const auto& reader) { return reader.second; });
  return external_error(
      folder_,
      known.empty() ? fmt::format("the topic is full: {} bytes that nobody has read", waiting)
                    : fmt::format("the topic is full: {} bytes that {} has yet to take", waiting, slowest->first),
      known.empty() ? "read it, or raise `retention: { max_size: }`"
                    : "let it catch up, raise `retention: { max_size: }`, or remove its file from " + folder_ +
                          "/readers if it is gone for good");
}

// ---- readers ---------------------------------------------------------------------------------------------------

Result<std::map<std::string, int64_t>> EmbeddedTopic::readers() const {
  std::map<std::string, int64_t> out;
  if (!env_.exists(folder_ + "/readers")) return out;
  ASSIGN(const auto entries, env_.list(folder_ + "/readers"));
  for (const FileInfo& entry : entries) {
    if (!entry.path.ends_with(".json")) continue;
    ASSIGN(const std::string text, env_.read_text(entry.path));
    ASSIGN(const Json reader, parse_json(text, entry.path));
    out[stem_of(entry.path)] = reader.value("offset", int64_t{0});
  }
  return out;
}

int64_t EmbeddedTopic::needed_from(const std::map<std::string, int64_t>& readers, const std::vector<File>& files) {
  if (readers.empty()) return 0;
  int64_t from = files.empty() ? 0 : files.back().end();
  for (const auto& [name, offset] : readers) from = std::min(from, offset);
  return from;
}

Result<> EmbeddedTopic::taken(const std::string& reader, int64_t offset) {
  TRY(make_lasting_directories(env_, folder_ + "/readers"));
  TRY(env_.write_durably(fmt::format("{}/readers/{}.json", folder_, reader), json_line({{"offset", offset}}) + "\n"));
  return remove_taken();
}

/// The newest file of each writer stays: it says which epoch the writer has come to, and where the next one begins.
Result<> EmbeddedTopic::remove_taken() {
  ASSIGN(const auto known, readers());
  ASSIGN(const auto all, files());
  const int64_t from = needed_from(known, all);
  const int64_t now = env_.now_us();
  int64_t held = 0;
  for (const File& file : all) held += file.size;
  std::set<std::string> newest;  // paths
  std::set<std::string> writers;
  for (auto file = all.rbegin(); file != all.rend(); ++file) {
    ASSIGN(const Written written, written_by(*file));
    if (writers.insert(written.writer).second) newest.insert(file->path);
  }
  for (const File& file : all) {
    if (file.end() > from) break;
    const bool old = now - file.modified_us >= retention_.max_age_us, too_much = held > retention_.max_bytes;
    if (newest.contains(file.path) || !(old || too_much)) continue;
    TRY(env_.remove(file.path));
    known_.erase(file.path);
    held -= file.size;
  }
  return {};
}

}  // namespace trommel::kafka
