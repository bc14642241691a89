#include "engine/rejects.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/base64.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/json.h"
#include "component/source.h"

#define XXH_INLINE_ALL
#include "xxhash.h"

namespace trommel {
namespace {

/// Text as it is where it is valid UTF-8 (JSON's own rule decides), base64 under another name where it is not.
void put_text(Json& out, const std::string& name, const std::string& text) {
  if (text.empty()) return;
  try {
    (void)Json(text).dump();
    out[name] = text;
  } catch (const Json::exception&) {
    out[name + "_base64"] = arrow::util::base64_encode(text);
  }
}

std::string get_text(const Json& in, const std::string& name) {
  if (in.contains(name)) return in.value(name, "");
  if (in.contains(name + "_base64")) return arrow::util::base64_decode(in.value(name + "_base64", "")).ValueOr("");
  return {};
}

Result<> read_log(Env& env, const std::string& path, bool published, bool& going,
                  const std::function<bool(const Reject&)>& each) {
  ASSIGN(auto stream, env.open_stream(path));
  std::string pending;
  std::vector<uint8_t> buffer(1 << 20);
  while (going) {
    ASSIGN(const size_t got, stream->read(buffer));
    pending.append(reinterpret_cast<const char*>(buffer.data()), got);
    size_t at = 0;
    for (size_t end; going && (end = pending.find('\n', at)) != std::string::npos; at = end + 1) {
      ASSIGN(Reject reject, parse_reject(std::string_view(pending).substr(at, end - at), path));
      reject.published = published;
      going = each(reject);
    }
    pending.erase(0, at);
    if (got == 0) break;
  }
  return {};
}

constexpr size_t kRawLimit = 64 << 10;  // bytes of a raw record, or of a value, that a reject keeps

void keep_raw(Reject& reject, Bytes bytes) {
  reject.raw_cut = bytes.size() > kRawLimit;
  reject.raw = as_text(bytes.first(std::min(bytes.size(), kRawLimit)));
}

void name_place(Reject& reject, const Block& block, Position position, LineCounter& lines) {
  reject.position = position;
  reject.line = lines.at(block, position);
  if (block.split) {
    reject.source = block.split->source;
    reject.split = block.split->name;
    reject.split_id = block.split->id;
  }
}

template <class R>
Reject record_of(const std::string& pipeline, const std::string& stage, const R& refusal) {
  Reject reject;
  reject.pipeline = pipeline;
  reject.stage = stage;
  reject.code = refusal.code;
  reject.column = refusal.column;
  reject.value = refusal.value.substr(0, kRawLimit);
  reject.reason = refusal.reason;
  return reject;
}

}  // namespace

int64_t LineCounter::at(const Block& block, Position position) {
  if (block.line == 0) return 0;
  if (block.split.get() != split_ || block.from != from_ || position < last_) {
    split_ = block.split.get();
    from_ = last_ = block.from;
    line_ = block.line;
  }
  line_ += line_ends(block, last_, position);
  last_ = position;
  return line_;
}

Reject make_reject(const std::string& pipeline, const std::string& stage, const Batch& batch, const Refusal& refusal,
                   LineCounter& lines) {
  Reject reject = record_of(pipeline, stage, refusal);
  if (batch.block && batch.positions.known()) {
    const Position position = batch.positions.at(refusal.row);
    name_place(reject, *batch.block, position, lines);
    if (batch.block->bytes) keep_raw(reject, batch.block->decoder->record_at(*batch.block, position));
  }
  if (reject.raw.empty()) reject.raw = row_text(*batch.rows, refusal.row);
  return reject;
}

Reject make_reject(const std::string& pipeline, const std::string& stage, const Block& block, const RawRefusal& refusal,
                   LineCounter& lines) {
  Reject reject = record_of(pipeline, stage, refusal);
  name_place(reject, block, block.from + refusal.offset, lines);
  const Bytes bytes = block.view();
  const auto offset = std::min(static_cast<size_t>(refusal.offset), bytes.size());
  keep_raw(reject, bytes.subspan(offset, std::min(static_cast<size_t>(refusal.length), bytes.size() - offset)));
  return reject;
}

std::string reject_id(const Reject& reject) {
  const std::string key =
      fmt::format("{}\n{}\n{}\n{}\n{}", reject.pipeline, reject.source, reject.split, reject.position, reject.stage);
  return fmt::format("{:016x}", XXH3_64bits(key.data(), key.size()));
}

std::string Reject::place() const {
  if (split.empty()) return position < 0 ? "" : fmt::format("row {}", position + 1);
  if (line > 0) return fmt::format("{} line {}", split, line);
  if (position >= 0) return fmt::format("{} row {}", split, position + 1);
  return split;
}

std::string row_text(const arrow::RecordBatch& rows, int64_t row) {
  std::string text;
  for (int i = 0; i < rows.num_columns(); ++i) {
    text +=
        fmt::format("{}{}={}", i > 0 ? ", " : "", rows.schema()->field(i)->name(), value_text(*rows.column(i), row));
  }
  return text;
}

std::string reject_line(const Reject& reject) {
  Json out = {{"id", reject.id},
              {"epoch", reject.epoch},
              {"pipeline", reject.pipeline},
              {"stage", reject.stage},
              {"code", reject.code}};
  put_text(out, "reason", reject.reason);
  put_text(out, "column", reject.column);
  put_text(out, "value", reject.value);
  put_text(out, "source", reject.source);
  put_text(out, "split", reject.split);
  if (reject.position >= 0) out["position"] = reject.position;
  if (reject.line > 0) out["line"] = reject.line;
  put_text(out, "raw", reject.raw);
  if (reject.raw_cut) out["raw_cut"] = true;
  if (reject.rows != 1) out["rows"] = reject.rows;
  return json_line(out);
}

Result<Reject> parse_reject(std::string_view line, const std::string& where) {
  ASSIGN(const Json in, parse_json(line, where));
  Reject out;
  out.id = in.value("id", "");
  out.epoch = in.value("epoch", Epoch{0});
  out.pipeline = in.value("pipeline", "");
  out.stage = in.value("stage", "");
  out.code = in.value("code", "");
  out.reason = get_text(in, "reason");
  out.column = get_text(in, "column");
  out.value = get_text(in, "value");
  out.source = get_text(in, "source");
  out.split = get_text(in, "split");
  out.position = in.value("position", Position{-1});
  out.line = in.value("line", int64_t{0});
  out.raw = get_text(in, "raw");
  out.raw_cut = in.value("raw_cut", false);
  out.rows = in.value("rows", int64_t{1});
  return out;
}

Result<> for_each_reject(Env& env, const std::string& state_folder, const std::function<bool(const Reject&)>& each) {
  const std::string folder = state_folder + "/rejects";
  if (!env.exists(folder)) return {};
  ASSIGN(const auto entries, env.list(folder));
  bool going = true;
  for (const FileInfo& entry : entries) {
    const std::string name = name_of(entry.path);
    if (name.starts_with(".") || !name.ends_with(".jsonl")) continue;
    TRY(read_log(env, entry.path, !name.starts_with("refused"), going, each));
    if (!going) break;
  }
  return {};
}

Result<std::vector<RejectGroup>> group_rejects(Env& env, const std::string& state_folder) {
  std::map<std::tuple<bool, std::string, std::string, std::string>, RejectGroup> groups;
  TRY(for_each_reject(env, state_folder, [&](const Reject& reject) {
    RejectGroup& group = groups[{!reject.published, reject.stage, reject.code, reject.column}];
    if (group.example.id.empty()) {
      group.stage = reject.stage;
      group.code = reject.code;
      group.column = reject.column;
      group.example = reject;
    }
    group.rows += reject.rows;
    return true;
  }));
  std::vector<RejectGroup> out;
  for (auto& [key, group] : groups) out.push_back(std::move(group));
  std::stable_sort(out.begin(), out.end(), [](const RejectGroup& a, const RejectGroup& b) { return a.rows > b.rows; });
  return out;
}

}  // namespace trommel
