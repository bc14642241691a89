#include "transforms/dedupe/first_rows.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "spec/spec.h"

namespace trommel {
namespace {

constexpr size_t kChunkEntries = 1 << 16;

int64_t us_of(const arrow::Array& column, int64_t row) {
  if (column.type_id() == arrow::Type::DATE32)
    return int64_t{static_cast<const arrow::Date32Array&>(column).Value(row)} * 86'400'000'000;
  if (column.type_id() == arrow::Type::DATE64) return static_cast<const arrow::Date64Array&>(column).Value(row) * 1000;
  const int64_t value = static_cast<const arrow::TimestampArray&>(column).Value(row);
  switch (static_cast<const arrow::TimestampType&>(*column.type()).unit()) {
    case arrow::TimeUnit::SECOND:
      return value * 1'000'000;
    case arrow::TimeUnit::MILLI:
      return value * 1000;
    case arrow::TimeUnit::NANO:
      return value / 1000;
    default:
      return value;
  }
}

}  // namespace

FirstRows::FirstRows(Options options) : options_(std::move(options)) {}

FirstRows::Seen& FirstRows::seen_of(const std::string& source) {
  const auto known = by_source_.find(source);
  if (known != by_source_.end()) return known->second;
  const SeenRows::Options options{options_.env, options_.folder, options_.memory, options_.within_us};
  return by_source_.emplace(source, Seen(options)).first->second;
}

Result<> FirstRows::begin_split(Seen& seen, const Batch& batch) {
  if (seen.split == batch.block->split->id) return {};
  seen.split = batch.block->split->id;
  seen.unsaved.clear();
  seen.stale = true;
  return seen.rows.clear();
}

void FirstRows::read_times(const Batch& batch) {
  times_.clear();
  if (options_.within_us == 0) return;
  times_.resize(static_cast<size_t>(batch.size()));
  if (options_.time_column < 0) {
    std::ranges::fill(times_, options_.env->now_us());
    return;
  }
  const arrow::Array& column = *batch.rows->column(options_.time_column);
  for (size_t row = 0; row < times_.size(); ++row) times_[row] = us_of(column, static_cast<int64_t>(row));
}

Result<int64_t> FirstRows::judge(const Batch& batch, std::vector<uint8_t>& first) {
  first.clear();
  if (batch.size() == 0) return 0;
  if (options_.within_file)
    TROMMEL_CHECK(batch.block && batch.block->split, "rows within a file are compared, and these know of no file");
  Seen& seen = seen_of(options_.within_file ? batch.block->split->source : "");
  if (options_.within_file) TRY(begin_split(seen, batch));
  options_.digester->digest(*batch.rows, digests_);
  read_times(batch);
  TRY(seen.rows.insert(digests_, times_, first));
  for (size_t row = 0; options_.saves && row < first.size(); ++row) {
    if (first[row] != 0) seen.unsaved.push_back({digests_[row], times_.empty() ? 0 : times_[row]});
  }
  return std::count(first.begin(), first.end(), 0);
}

Result<Batch> FirstRows::keep(const Batch& batch, Outlet& outlet) {
  ASSIGN(const int64_t equal, judge(batch, first_));
  if (equal == 0) return batch;
  outlet.deduplicated(equal);
  return filter(batch, first_);
}

// ---- from process to process ----------------------------------------------------------------------------------------

// A chunk: the split's id with its length before it as 32 bits (0 for the whole input), then entries as they lie in
// memory. The key ends with the chunk's number, so that keys in order are chunks in order.

void FirstRows::save_changes(const std::string& source, Seen& seen, State& state) {
  const int64_t oldest = seen.rows.newest() - options_.within_us;
  std::erase_if(seen.chunks, [&](const Chunk& chunk) {
    const bool gone = seen.stale || (options_.within_us > 0 && chunk.newest <= oldest);
    if (gone) state.remove(chunk.key);
    return gone;
  });
  seen.stale = false;
  if (options_.within_us > 0) std::erase_if(seen.unsaved, [&](const SeenEntry& entry) { return entry.time <= oldest; });
  for (size_t at = 0; at < seen.unsaved.size(); at += kChunkEntries) {
    const std::span entries(seen.unsaved.data() + at, std::min(kChunkEntries, seen.unsaved.size() - at));
    Chunk chunk{fmt::format("{}/{:012}", source, seen.number++), INT64_MIN};
    for (const SeenEntry& entry : entries) chunk.newest = std::max(chunk.newest, entry.time);
    const auto length = static_cast<uint32_t>(seen.split.size());
    std::string value(reinterpret_cast<const char*>(&length), sizeof(length));
    value += seen.split;
    value.append(reinterpret_cast<const char*>(entries.data()), entries.size_bytes());
    state.put(chunk.key, value);
    seen.chunks.push_back(std::move(chunk));
  }
  seen.unsaved.clear();
}

Result<> FirstRows::save(State& state) {
  if (!options_.saves) return {};
  for (auto& [source, seen] : by_source_) save_changes(source, seen, state);
  return {};
}

Result<> FirstRows::load(std::string_view key, std::string_view value) {
  const size_t slash = key.rfind('/');
  const auto number = slash == std::string_view::npos ? std::nullopt : parse_integer(key.substr(slash + 1));
  uint32_t length = 0;
  if (value.size() >= sizeof(length)) std::memcpy(&length, value.data(), sizeof(length));
  if (!number || value.size() < sizeof(length) + length ||
      (value.size() - sizeof(length) - length) % sizeof(SeenEntry) != 0)
    return external_error("dedupe", fmt::format("`{}` in the state folder is not what was written", key));
  Seen& seen = seen_of(std::string(key.substr(0, slash)));
  seen.split = value.substr(sizeof(length), length);
  seen.number = std::max(seen.number, *number + 1);
  Chunk chunk{std::string(key), INT64_MIN};
  for (value.remove_prefix(sizeof(length) + length); !value.empty(); value.remove_prefix(sizeof(SeenEntry))) {
    SeenEntry entry;
    std::memcpy(&entry, value.data(), sizeof(entry));
    chunk.newest = std::max(chunk.newest, entry.time);
    TRY(seen.rows.restore(entry));
  }
  seen.chunks.push_back(std::move(chunk));
  return {};
}

void remembers(const BindContext& context) { ++*context.remembering; }

int64_t memory_to_remember(const BindContext& context, int64_t setting) {
  return setting > 0 ? setting
                     : std::max<int64_t>(context.memory.remembered / std::max(*context.remembering, 1), 1 << 20);
}

}  // namespace trommel
