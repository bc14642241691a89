#include "engine/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "base/json.h"
#include "base/lasting_folder.h"
#include "base/planted.h"
#include "segment/checksum.h"

namespace trommel {
namespace {

constexpr int kFormat = 2;
constexpr size_t kKept = 3;

Json to_json(const PreparedFile& file) {
  return {{"sink", file.sink}, {"temporary", file.temporary}, {"final", file.final_path},
          {"size", file.size}, {"rows", file.rows},           {"checksum", file.checksum}};
}

Json to_json(const StateFile& file) { return {{"path", file.path}, {"size", file.size}, {"checksum", file.checksum}}; }

constexpr const char* kHow[] = {"taken", "refused", "known"};  // by Delivered::How

Json to_json(const Split& split) {
  Json out = {{"source", split.source}, {"id", split.id}, {"name", split.name}, {"size", split.size}};
  if (!split.unit.empty()) out["unit"] = split.unit;
  if (!split.content.empty()) out["content"] = split.content;
  if (!split.remember) out["remember"] = false;
  if (!split.remember && !split.facts.empty()) out["facts"] = split.facts;
  return out;
}

Split split_of(const Json& in) {
  Split split;
  split.source = in.value("source", "");
  split.id = in.value("id", "");
  split.name = in.value("name", "");
  split.size = in.value("size", int64_t{0});
  split.unit = in.value("unit", "");
  split.content = in.value("content", "");
  split.remember = in.value("remember", true);
  split.facts = in.value("facts", "");
  return split;
}

Json to_json(const RowsOfSplit& rows) {
  Json out = {{"read", rows.read}, {"rejected", rows.rejected}, {"reasons", rows.reasons}, {"written", rows.written}};
  out["first"] = Json::array();
  for (const BadRow& row : rows.first)
    out["first"].push_back({{"line", row.line},
                            {"position", row.position},
                            {"stage", row.stage},
                            {"code", row.code},
                            {"column", row.column},
                            {"value", row.value},
                            {"reason", row.reason}});
  return out;
}

std::optional<RowsOfSplit> rows_of(const Json& input) {
  if (!input.contains("rows")) return std::nullopt;
  const Json& in = input.at("rows");
  RowsOfSplit rows;
  rows.read = in.value("read", int64_t{0});
  rows.rejected = in.value("rejected", int64_t{0});
  rows.reasons = in.value("reasons", rows.reasons);
  rows.written = in.value("written", rows.written);
  for (const Json& row : in.at("first"))
    rows.first.push_back({row.value("line", int64_t{0}), row.value("position", Position{-1}), row.value("stage", ""),
                          row.value("code", ""), row.value("column", ""), row.value("value", ""),
                          row.value("reason", "")});
  return rows;
}

Json to_json(const SealedSegment& segment) {
  return {{"sink", segment.sink},
          {"path", segment.path},
          {"rows", segment.rows},
          {"size", segment.size},
          {"checksum", segment.checksum}};
}

Epoch epoch_of(const std::string& path) {
  const std::string name = name_of(path);  // checkpoint-000007.json
  const size_t from = name.find('-') + 1;
  return std::strtoull(name.c_str() + from, nullptr, 10);
}

}  // namespace

std::string checkpoint_text(const Checkpoint& checkpoint) {
  Json body = {{"format", kFormat},
               {"pipeline", checkpoint.pipeline},
               {"epoch", checkpoint.epoch},
               {"rows_read", checkpoint.rows_read},
               {"rows_rejected", checkpoint.rows_rejected}};
  body["life"] = Json::parse(life_text(checkpoint.life));
  body["taken"] = Json::array();
  for (const auto& input : checkpoint.taken) {
    Json taken = to_json(input.split);
    if (input.how != Delivered::How::taken) taken["how"] = kHow[static_cast<size_t>(input.how)];
    if (!input.why.empty()) taken["why"] = input.why;
    if (input.rows) taken["rows"] = to_json(*input.rows);
    body["taken"].push_back(std::move(taken));
  }
  body["open"] = Json::array();
  for (const auto& input : checkpoint.open) {
    Json open = to_json(input.split);
    open["at"] = input.at;
    body["open"].push_back(std::move(open));
  }
  body["state"] = Json::array();
  for (const auto& file : checkpoint.state) body["state"].push_back(to_json(file));
  if (!checkpoint.remembers_by.empty()) body["remembers_by"] = checkpoint.remembers_by;
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
  out.life = parse_life(body.value("life", Json::object()).dump());
  for (const Json& input : body["taken"]) {
    const std::string how = input.value("how", "taken");
    const auto place = std::find(std::begin(kHow), std::end(kHow), how) - std::begin(kHow);
    out.taken.push_back({split_of(input), static_cast<Delivered::How>(place), input.value("why", ""), rows_of(input)});
  }
  for (const Json& input : body["open"]) out.open.push_back({split_of(input), input.value("at", Position{0})});
  for (const Json& file : body["state"])
    out.state.push_back({file.value("path", ""), file.value("size", int64_t{0}), file.value("checksum", "")});
  if (const auto by = body.find("remembers_by"); by != body.end())
    out.remembers_by = by->get<std::map<std::string, std::string>>();
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

Result<> StateFolder::open(const std::string& holder, bool lasting) {
  TRY(lasting ? make_lasting_directories(env_, folder_) : env_.make_directories(folder_));
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

Result<> StateFolder::write(const Checkpoint& checkpoint, Epoch done) {
  const std::string path = checkpoint_path(checkpoint.epoch), text = checkpoint_text(checkpoint);
  if (planted(Mistake::checkpoint_not_synced)) {
    TRY(env_.write_text(path + ".new", text));
    TRY(env_.rename(path + ".new", path));
  } else {
    TRY(env_.write_durably(path, text));
  }
  ASSIGN(const auto paths, checkpoint_paths());
  for (size_t i = 0; i + kKept < paths.size(); ++i) {
    if (epoch_of(paths[i]) <= done) TRY(env_.remove(paths[i]));
  }
  return {};
}

Result<StateFolder::Saved> StateFolder::saved(Epoch done) {
  Saved out;
  ASSIGN(const auto paths, checkpoint_paths());
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    const Epoch epoch = epoch_of(*path);
    if (epoch <= done && out.newest) break;
    ASSIGN(const std::string text, env_.read_text(*path));
    auto checkpoint = parse_checkpoint(text, *path);
    if (!checkpoint) {
      out.damaged.push_back({epoch, checkpoint.error()});
      continue;
    }
    if (!out.newest) out.newest = *checkpoint;
    if (epoch > done) out.pending.insert(out.pending.begin(), std::move(*checkpoint));
  }
  return out;
}

Result<std::optional<Checkpoint>> StateFolder::newest() {
  ASSIGN(auto out, saved(std::numeric_limits<Epoch>::max()));
  return std::move(out.newest);
}

namespace {

Json taken_line(const std::string& key, const std::string& name) {
  const size_t cut = key.find('\n');
  Json line = {{"source", key.substr(0, cut)}, {"id", key.substr(cut + 1)}};
  if (!name.empty()) line["name"] = name;
  return line;
}

Json content_line(const std::string& key, int64_t at_us) {
  const size_t cut = key.find('\n');
  return {{"source", key.substr(0, cut)}, {"content", key.substr(cut + 1)}, {"at_us", at_us}};
}

void take_line(const Json& line, StateFolder::Taken& out) {
  ++out.lines;
  if (line.contains("epoch_done")) {
    out.last_epoch = std::max(out.last_epoch, line.value("epoch_done", Epoch{0}));
  } else if (line.contains("content")) {
    out.contents[split_key(line.value("source", ""), line.value("content", ""))] = line.value("at_us", int64_t{0});
  } else {
    out.keys.insert(split_key(line.value("source", ""), line.value("id", "")));
  }
}

}  // namespace

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
    if (parsed) take_line(*parsed, out);  // else torn by a crash, and closed by the run after it
  }
  return out;
}

Result<> StateFolder::settle() {
  const std::string path = folder_ + "/taken.jsonl";
  if (env_.exists(path)) {
    ASSIGN(auto file, env_.append_to(path));
    TRY(file->sync());
    TRY(file->close());
  }
  return env_.sync_directory(folder_);
}

Result<> StateFolder::append_taken(const Checkpoint& checkpoint, int64_t now_us, Taken& taken) {
  const std::string path = folder_ + "/taken.jsonl";
  std::string lines;
  if (env_.exists(path)) {
    // A line torn by a crash must not swallow the first of ours.
    ASSIGN(const auto before, env_.open_random(path));
    uint8_t last = '\n';
    if (before->size() > 0) TRY(before->read_at(before->size() - 1, {&last, 1}));
    if (last != '\n' && !planted(Mistake::torn_line_swallows_the_next)) lines += "\n";
  }
  const auto add = [&](const Json& line) {
    lines += json_line(line) + "\n";
    take_line(line, taken);
  };
  for (const TakenInput& input : checkpoint.taken) {
    if (input.split.remember) {
      Json line = taken_line(split_key(input.split), input.split.name);
      line["size"] = input.split.size;
      line["epoch"] = checkpoint.epoch;
      add(line);
    }
    if (!input.split.content.empty() && input.how == Delivered::How::taken)
      add(content_line(split_key(input.split.source, input.split.content), now_us));
  }
  add({{"epoch_done", checkpoint.epoch}, {"at_us", now_us}});
  ASSIGN(auto file, env_.append_to(path));
  TRY(file->append(as_bytes(lines)));
  TRY(file->sync());
  TRY(file->close());
  return env_.sync_directory(folder_);
}

Result<> StateFolder::compact_taken(Taken& taken) {
  const auto alive = static_cast<int64_t>(taken.keys.size() + taken.contents.size()) + 1;
  if (taken.lines < 1000 + 2 * alive) return {};
  std::string lines;
  for (const std::string& key : taken.keys) lines += json_line(taken_line(key, "")) + "\n";
  for (const auto& [key, at_us] : taken.contents) lines += json_line(content_line(key, at_us)) + "\n";
  lines += json_line({{"epoch_done", taken.last_epoch}}) + "\n";
  TRY(env_.write_durably(folder_ + "/taken.jsonl", lines));
  taken.lines = alive;
  return {};
}

}  // namespace trommel
