#include "engine/checkpoint.h"

#include <fmt/format.h>

#include "base/json.h"

#define XXH_INLINE_ALL
#include "xxhash.h"

namespace trommel {
namespace {

constexpr int kFormat = 1;
constexpr size_t kKept = 3;

std::string checksum_of(std::string_view text) { return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size())); }

Json to_json(const PreparedFile& file) {
  return {{"sink", file.sink}, {"temporary", file.temporary}, {"final", file.final_path},
          {"size", file.size}, {"rows", file.rows},           {"checksum", file.checksum}};
}

Json to_json(const SealedSegment& segment) {
  return {{"sink", segment.sink},
          {"path", segment.path},
          {"rows", segment.rows},
          {"size", segment.size},
          {"checksum", segment.checksum}};
}

}  // namespace

std::string checkpoint_text(const Checkpoint& checkpoint) {
  Json body = {{"format", kFormat},
               {"pipeline", checkpoint.pipeline},
               {"epoch", checkpoint.epoch},
               {"rows_read", checkpoint.rows_read},
               {"rows_rejected", checkpoint.rows_rejected}};
  body["taken"] = Json::array();
  for (const auto& input : checkpoint.taken)
    body["taken"].push_back({{"source", input.source}, {"id", input.id}, {"name", input.name}, {"size", input.size}});
  body["files"] = Json::array();
  for (const auto& file : checkpoint.files) body["files"].push_back(to_json(file));
  body["segments"] = Json::array();
  for (const auto& segment : checkpoint.segments) body["segments"].push_back(to_json(segment));
  const std::string line = json_line(body);
  return line + "\n" + checksum_of(line) + "\n";
}

Result<Checkpoint> parse_checkpoint(std::string_view text, const std::string& path) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return external_error(path, "is not a whole checkpoint");
  const std::string_view line = text.substr(0, end), sum = text.substr(end + 1);
  if (sum != checksum_of(line) + "\n") return external_error(path, "is damaged: its checksum does not fit");
  ASSIGN(const Json body, parse_json(line, path));
  if (body.value("format", 0) != kFormat) {
    return external_error(path, fmt::format("has format {}, this program reads {}", body.value("format", 0), kFormat),
                          "run the version that wrote it");
  }
  Checkpoint out;
  out.pipeline = body.value("pipeline", "");
  out.epoch = body.value("epoch", Epoch{0});
  out.rows_read = body.value("rows_read", int64_t{0});
  out.rows_rejected = body.value("rows_rejected", int64_t{0});
  for (const Json& input : body["taken"]) {
    out.taken.push_back(
        {input.value("source", ""), input.value("id", ""), input.value("name", ""), input.value("size", int64_t{0})});
  }
  for (const Json& file : body["files"]) {
    out.files.push_back({file.value("sink", ""), file.value("temporary", ""), file.value("final", ""),
                         file.value("size", int64_t{0}), file.value("rows", int64_t{0}), file.value("checksum", "")});
  }
  for (const Json& segment : body["segments"]) {
    out.segments.push_back({segment.value("sink", ""), segment.value("path", ""), segment.value("rows", int64_t{0}),
                            segment.value("size", int64_t{0}), segment.value("checksum", "")});
  }
  return out;
}

Result<> StateFolder::open(const std::string& holder) {
  TRY(env_.make_directories(folder_));
  auto lock = env_.lock(folder_ + "/lock", holder);
  if (!lock) {
    Error error = std::move(lock).error();
    error.what = "another run of this pipeline is under way: " + error.what;
    return tl::unexpected(error);
  }
  lock_ = std::move(*lock);
  return {};
}

std::string StateFolder::checkpoint_path(Epoch epoch) const {
  return fmt::format("{}/checkpoint-{:06}.json", folder_, epoch);
}

Result<std::vector<std::string>> StateFolder::checkpoint_paths() {
  ASSIGN(const auto entries, env_.list(folder_));
  std::vector<std::string> paths;
  for (const FileInfo& entry : entries) {
    const std::string name = name_of(entry.path);
    if (name.starts_with("checkpoint-") && name.ends_with(".json")) paths.push_back(entry.path);
  }
  return paths;
}

Result<> StateFolder::write(const Checkpoint& checkpoint) {
  TRY(env_.write_durably(checkpoint_path(checkpoint.epoch), checkpoint_text(checkpoint)));
  ASSIGN(const auto paths, checkpoint_paths());
  for (size_t i = 0; i + kKept < paths.size(); ++i) TRY(env_.remove(paths[i]));
  return {};
}

Result<std::optional<Checkpoint>> StateFolder::newest(std::vector<std::string>& damaged) {
  ASSIGN(auto paths, checkpoint_paths());
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    ASSIGN(const std::string text, env_.read_text(*path));
    auto checkpoint = parse_checkpoint(text, *path);
    if (checkpoint) return std::optional<Checkpoint>(std::move(*checkpoint));
    damaged.push_back(checkpoint.error().text());
  }
  return std::optional<Checkpoint>();
}

Result<StateFolder::Taken> StateFolder::taken() {
  Taken out;
  const std::string path = folder_ + "/taken.jsonl";
  if (!env_.exists(path)) return out;
  ASSIGN(const std::string text, env_.read_text(path, int64_t{4} << 30));
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) break;  // torn by a crash: its epoch is not marked as done, and will be
    const auto parsed = parse_json(std::string_view(text).substr(at, end - at), path);
    at = end + 1;
    if (!parsed) continue;  // torn by a crash, and closed by the run after it
    const Json& line = *parsed;
    if (line.contains("epoch_done")) {
      out.last_epoch = std::max(out.last_epoch, line.value("epoch_done", Epoch{0}));
    } else {
      out.keys.insert(taken_key(line.value("source", ""), line.value("id", "")));
    }
  }
  return out;
}

Result<> StateFolder::append_taken(const Checkpoint& checkpoint, int64_t now_us) {
  const std::string path = folder_ + "/taken.jsonl";
  std::string lines;
  if (env_.exists(path)) {
    // A line torn by a crash must not swallow the first of ours.
    ASSIGN(const auto before, env_.open_random(path));
    uint8_t last = '\n';
    if (before->size() > 0) TRY(before->read_at(before->size() - 1, {&last, 1}));
    if (last != '\n') lines += "\n";
  }
  for (const TakenInput& input : checkpoint.taken) {
    lines += json_line({{"source", input.source},
                        {"id", input.id},
                        {"name", input.name},
                        {"size", input.size},
                        {"epoch", checkpoint.epoch}}) +
             "\n";
  }
  lines += json_line({{"epoch_done", checkpoint.epoch}, {"at_us", now_us}}) + "\n";
  ASSIGN(auto file, env_.append_to(path));
  TRY(file->append(as_bytes(lines)));
  TRY(file->sync());
  TRY(file->close());
  return env_.sync_directory(folder_);
}

}  // namespace trommel
