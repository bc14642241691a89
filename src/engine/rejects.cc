#include "engine/rejects.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/base64.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "base/json.h"
#include "batch/types.h"
#include "component/source.h"
#include "engine/commit_groups.h"
#include "engine/reject_logs.h"
#include "telemetry/numbers.h"

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

Json reject_json(const Reject& reject) {
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
  if (!reject.input.empty()) out["input"] = reject.input;
  if (!reject.replays.empty()) out["replays"] = reject.replays;
  if (reject.whole_file) out["whole_file"] = true;
  if (reject.at_us != 0) out["at_us"] = reject.at_us;
  if (reject.rows != 1) out["rows"] = reject.rows;
  return out;
}

/// `row` is JSON already, and keeps its digits when nobody reads it on the way.
std::string with_row(const Json& json, const std::string& row) {
  std::string line = json_line(json);
  if (!row.empty()) line.replace(line.size() - 1, 1, ",\"row\":" + row + "}");
  return line;
}

std::string hash_text(const std::string& text) { return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size())); }

Reject reject_of(const Json& in) {
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
  if (in.contains("row")) out.row = json_line(in["row"]);
  out.input = in.value("input", "");
  out.replays = in.value("replays", "");
  out.whole_file = in.value("whole_file", false);
  out.at_us = in.value("at_us", int64_t{0});
  out.rows = in.value("rows", int64_t{1});
  return out;
}

using FactsByName = std::map<std::string, std::shared_ptr<const std::string>>;
using EachLine = std::function<bool(const Json&, Reject)>;

void take_facts(const Json& in, Reject& reject, FactsByName& known) {
  if (!in.contains("decoder")) return;
  auto& facts = known[in.value("decoder", "")];
  if (in.contains("decoder_facts")) facts = std::make_shared<const std::string>(json_line(in["decoder_facts"]));
  reject.facts = facts;
}

Result<> read_log(Env& env, const std::string& path, bool published, bool& going, const EachLine& each) {
  FactsByName known;
  ASSIGN(auto stream, env.open_stream(path));
  std::string pending;
  std::vector<uint8_t> buffer(1 << 20);
  while (going) {
    ASSIGN(const size_t got, stream->read(buffer));
    pending.append(reinterpret_cast<const char*>(buffer.data()), got);
    size_t at = 0;
    for (size_t end; going && (end = pending.find('\n', at)) != std::string::npos; at = end + 1) {
      ASSIGN(const Json line, parse_json(std::string_view(pending).substr(at, end - at), path));
      Reject reject = reject_of(line);
      take_facts(line, reject, known);
      reject.published = published;
      going = each(line, std::move(reject));
    }
    pending.erase(0, at);
    if (got == 0) break;
  }
  return {};
}

constexpr size_t kRawLimit = 64 << 10;  // bytes of a raw record, or of a value, that a reject keeps
constexpr size_t kRowLimit = 4 << 20;  // bytes of a row's values as JSON; a larger row has to come back from its source

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
    reject.replays = block.split->replays;
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
                   LineCounter& lines, RowSpeller& speller) {
  Reject reject = record_of(pipeline, stage, refusal);
  if (batch.block && batch.positions.known()) {
    const Position position = batch.positions.at(refusal.row);
    name_place(reject, *batch.block, position, lines);
    if (batch.block->bytes) keep_raw(reject, batch.block->decoder->record_at(*batch.block, position));
  }
  if (reject.raw.empty()) {
    reject.raw = row_text(*batch.rows, refusal.row);
    reject.raw_cut = false;
  }
  reject.row = speller.row(refusal.row);
  if (reject.row.size() > kRowLimit) reject.row.clear();
  return reject;
}

Reject make_reject(const std::string& pipeline, const std::string& stage, const Block& block, const RawRefusal& refusal,
                   LineCounter& lines) {
  Reject reject = record_of(pipeline, stage, refusal);
  name_place(reject, block, block.from + refusal.offset, lines);
  reject.facts = block.decoder ? block.decoder->facts() : nullptr;
  reject.letter = block.decoder ? block.decoder->dead_letter(block, refusal) : nullptr;
  const Bytes bytes = block.view();
  const auto offset = std::min(static_cast<size_t>(refusal.offset), bytes.size());
  keep_raw(reject, bytes.subspan(offset, std::min(static_cast<size_t>(refusal.length), bytes.size() - offset)));
  return reject;
}

std::string RejectLines::line(Reject& reject) {
  reject.epoch = epoch_;
  const std::string& split = reject.split_id.empty() ? reject.split : reject.split_id;
  reject.id = hash_text(fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}", reject.pipeline, reject.source, split,
                                    reject.position, reject.stage, epoch_, ++numbers_[reject.stage]));
  Json out = reject_json(reject);
  if (reject.facts) {
    const std::string name = hash_text(*reject.facts);
    out["decoder"] = name;
    if (facts_.insert(name).second) out["decoder_facts"] = Json::parse(*reject.facts);
  }
  if (sources_.insert(reject.source).second) {
    if (const Schema rows = rows_of_(reject.source)) {
      Json& columns = out["source_rows"] = Json::object();
      for (const ColumnInfo& column : columns_of(*rows)) columns[column.name] = type_name(*column.type);
    }
  }
  return with_row(out, reject.row);
}

std::string Reject::place() const {
  if (split.empty()) return position < 0 ? "" : fmt::format("row {}", position + 1);
  if (line > 0) return fmt::format("{} line {}", split, line);
  if (position >= 0) return fmt::format("{} row {}", split, position + 1);
  return split;
}

std::string reason_text(const std::string& column, const std::string& reason) {
  return column.empty() ? reason : column + ": " + reason;
}

std::string rejects_text(int64_t count) { return fmt::format("{} reject{}", count_text(count), count == 1 ? "" : "s"); }

std::string row_text(const arrow::RecordBatch& rows, int64_t row) {
  std::string text;
  for (int i = 0; i < rows.num_columns(); ++i) {
    text +=
        fmt::format("{}{}={}", i > 0 ? ", " : "", rows.schema()->field(i)->name(), value_text(*rows.column(i), row));
  }
  return text;
}

std::string reject_line(const Reject& reject) { return with_row(reject_json(reject), reject.row); }

Result<Reject> parse_reject(std::string_view line, const std::string& where) {
  ASSIGN(const Json in, parse_json(line, where));
  return reject_of(in);
}

namespace {

Result<> each_line_of_group(Env& env, const std::string& folder, bool& going, const EachLine& each) {
  ASSIGN(const auto logs, reject_log_files(env, folder));
  for (const RejectLogFile& log : logs) {
    auto read = read_log(env, log.path, true, going, each);
    if (!read && env.exists(log.path)) return read;  // else a run that goes on has removed it meanwhile
    if (!going) return {};
  }
  const std::string refused = folder + "/rejects/refused.jsonl";
  return env.exists(refused) ? read_log(env, refused, false, going, each) : Result<>{};
}

Result<> each_line(Env& env, const std::string& state_folder, const EachLine& each) {
  bool going = true;
  for (const GroupFolder& group : group_folders(env, state_folder)) {
    TRY(each_line_of_group(env, group.folder, going, each));
    if (!going) break;
  }
  return {};
}

}  // namespace

Result<> for_each_reject(Env& env, const std::string& state_folder, const std::function<bool(const Reject&)>& each) {
  return each_line(env, state_folder, [&](const Json&, const Reject& reject) { return each(reject); });
}

Result<> for_each_reject_of(Env& env, const std::string& log, const std::function<bool(const Reject&)>& each) {
  bool going = true;
  return read_log(env, log, true, going, [&](const Json&, const Reject& reject) { return each(reject); });
}

Result<SourceRows> rejected_source_rows(Env& env, const std::string& state_folder) {
  SourceRows out;
  std::optional<Error> wrong;
  TRY(each_line(env, state_folder, [&](const Json& line, const Reject& reject) {
    if (!line.contains("source_rows")) return true;
    std::vector<ColumnInfo> columns;
    for (const auto& [name, type] : line["source_rows"].items()) {
      auto parsed = parse_type(type.is_string() ? type.get<std::string>() : "");
      if (!parsed) {
        wrong = parsed.error();
        return false;
      }
      columns.push_back({name, parsed->type, true});
    }
    out[reject.source] = make_schema(columns);
    return true;
  }));
  if (wrong) return tl::unexpected(*wrong);
  return out;
}

Result<std::vector<RejectGroup>> group_rejects(Env& env, const std::string& state_folder,
                                               const std::set<std::string>& without) {
  std::map<std::tuple<bool, std::string, std::string, std::string>, RejectGroup> groups;
  TRY(for_each_reject(env, state_folder, [&](const Reject& reject) {
    if (without.contains(reject.id)) return true;
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
