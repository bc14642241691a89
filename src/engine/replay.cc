#include "engine/replay.h"

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "component/quiet_outlet.h"
#include "engine/commit_groups.h"

namespace trommel {
namespace {

constexpr std::string_view kOfReject = "reject:";  // before the id of a reject, where it is that of an input

/// A row that has its types already.
class OneRow final : public Decoder {
 public:
  explicit OneRow(Rows row) : row_(std::move(row)) {}
  Result<int64_t> decode(const Block& block, Outlet& outlet) const override {
    outlet.emit({row_, Positions::each({block.from}), std::make_shared<const Block>(block)});
    return 1;
  }
  Bytes record_at(const Block& block, Position) const override { return block.view(); }

 private:
  Rows row_;
};

class OneBlock final : public Reader {
 public:
  explicit OneBlock(Block block) : block_(std::move(block)) {}
  Result<Piece> read() override { return Piece{block_, 1, Next::ended}; }
  int64_t consumed() const override { return 0; }

 private:
  Block block_;
};

/// The block of a reject, at the place where the row once stood.
Block block_of(const Reject& reject, std::shared_ptr<const Decoder> decoder, bool with_bytes) {
  auto split = std::make_shared<Split>();
  split->id = split->name = reject.split;
  split->source = reject.source;
  split->replays = reject.id;
  Block block;
  block.split = std::move(split);
  block.decoder = std::move(decoder);
  if (with_bytes) block.bytes = arrow::Buffer::FromString(reject.raw);
  block.from = reject.position;
  block.to = reject.position + (with_bytes ? static_cast<Position>(reject.raw.size()) : 1);
  block.line = reject.line;
  return block;
}

bool is_part(const std::vector<Part>& parts, const std::string& name) {
  return std::any_of(parts.begin(), parts.end(), [&](const Part& part) { return part.name == name; });
}

}  // namespace

std::string why_not_replayed(const Reject& reject, const Pipeline& pipeline, bool mended) {
  if (!reject.published) return "the run that rejected it published nothing: its input was not taken, run it again";
  if (reject.whole_file) return "its file was refused as a whole: mend the file, and drop it again";
  const bool source = is_part(pipeline.sources, reject.stage);
  if (!source && !is_part(pipeline.transforms, reject.stage) && !is_part(pipeline.sinks, reject.stage))
    return fmt::format("`{}`, which rejected it, is no longer a part of the pipeline", reject.stage);
  if (source && reject.source != reject.stage) return "it is not known where it stood";
  if (!reject.row.empty()) return {};
  if (!source) return "its values were too large to be kept";
  if (!reject.facts) return "nothing is known any more of how its bytes were read";
  if (reject.raw_cut && !mended) return "it was too long to be kept whole: give it in an edited export";
  return {};
}

Result<std::set<std::string>> replayed_ids(Env& env, const std::string& state_folder) {
  std::set<std::string> ids;
  for (const GroupFolder& group : group_folders(env, state_folder)) {
    StateFolder state(env, group.folder);
    ASSIGN(const auto taken, state.taken());
    ids.merge(replayed_ids(taken));
  }
  return ids;
}

std::set<std::string> replayed_ids(const StateFolder::Taken& taken) {
  std::set<std::string> ids;
  for (const std::string& key : taken.keys) {
    const std::string_view id = std::string_view(key).substr(key.find('\n') + 1);
    if (id.starts_with(kOfReject)) ids.emplace(id.substr(kOfReject.size()));
  }
  return ids;
}

/// Gives out rejects as inputs.
class Replay::Rows : public Source {
 public:
  void add(const Reject& reject, Block block) { blocks_.emplace_back(reject.id, std::move(block)); }
  void set_schema(Schema schema) { schema_ = std::move(schema); }

  Result<std::vector<Split>> discover() override {
    std::vector<Split> splits;
    for (const auto& [id, block] : blocks_) {
      Split split;
      split.id = std::string(kOfReject) + id;
      split.name = block.split->name;
      split.size = 0;
      splits.push_back(std::move(split));
    }
    return splits;
  }
  Result<std::unique_ptr<Reader>> open(std::shared_ptr<const Split> split, Position) override {
    if (places_.empty()) {
      for (size_t i = 0; i < blocks_.size(); ++i) places_[blocks_[i].first] = i;
    }
    return std::make_unique<OneBlock>(blocks_[places_.at(split->id.substr(kOfReject.size()))].second);
  }
  Result<> durable(std::span<const Delivered>) override { return {}; }
  Schema schema() const override { return schema_; }

 private:
  std::vector<std::pair<std::string, Block>> blocks_;  ///< by the id of the reject, in the order of the log
  std::map<std::string, size_t> places_;
  Schema schema_;
};

/// Stands for a source of the pipeline. What an epoch before took of the real one is still its own to put away.
class Replay::StandIn final : public Replay::Rows {
 public:
  explicit StandIn(std::shared_ptr<Source> real) : real_(std::move(real)) { set_schema(real_->schema()); }
  bool endless() const override { return real_->endless(); }
  std::optional<DeadLetters> dead_letters() const override { return real_->dead_letters(); }
  Result<> durable(std::span<const Delivered> delivered) override {
    std::vector<Delivered> own;
    for (const Delivered& one : delivered) {
      if (!one.split.id.starts_with(kOfReject)) own.push_back(one);
    }
    return own.empty() ? Result<>{} : real_->durable(own);
  }

 private:
  std::shared_ptr<Source> real_;
};

Replay::Replay(std::vector<Reject> rows, SourceRows source_rows) : source_rows_(std::move(source_rows)) {
  for (Reject& reject : rows) {
    if (reject.stage == reject.source) {
      of_source_[reject.stage].push_back(std::move(reject));
      continue;
    }
    const std::string from = reject.input.empty() ? "" : " from " + reject.input;
    const std::string name = "rejects of " + reject.stage + from;
    if (!of_feed_.contains(name)) {
      rows_of_feed_[name] = std::make_shared<Rows>();
      feeds_.push_back({name, reject.stage, reject.input, rows_of_feed_[name]});
    }
    of_feed_[name].push_back(std::move(reject));
  }
}

Replay::~Replay() = default;

Schema Replay::rows_of(const std::string& source) const {
  const auto found = source_rows_.find(source);
  return found == source_rows_.end() ? nullptr : found->second;
}

bool Replay::brings(const std::string& source) const { return of_source_.contains(source); }

Result<std::shared_ptr<Source>> Replay::stand_in(const std::string& name, std::shared_ptr<Source> real) {
  auto made = std::make_shared<StandIn>(real);
  if (const auto own = of_source_.find(name); own != of_source_.end()) {
    std::vector<Reject> bytes, values;
    for (const Reject& reject : own->second) (reject.row.empty() ? bytes : values).push_back(reject);
    TRY(bind_bytes(*made, bytes, *real));
    TRY(bind_values(*made, values, real->schema()));
  }
  return made;
}

Result<> Replay::bind_bytes(Rows& into, const std::vector<Reject>& rejects, Source& real) {
  std::map<std::string, std::shared_ptr<const Decoder>> decoders;
  for (const Reject& reject : rejects) {
    auto& decoder = decoders[*reject.facts];
    if (!decoder) {
      ASSIGN(auto recalled, real.recall(*reject.facts));
      decoder = std::move(recalled.decoder);
    }
    Block block = block_of(reject, decoder, true);
    QuietOutlet nobody;  // only how many records there are
    ASSIGN(const int64_t records, decoder->decode(block, nobody));
    if (records == 1) {
      into.add(reject, std::move(block));
    } else {
      leave_alone(reject, fmt::format("what is to come back holds {} rows in place of one", records));
    }
  }
  return {};
}

Result<> Replay::bind_values(Rows& into, const std::vector<Reject>& rejects, const Schema& schema) {
  std::vector<std::string> objects;
  for (const Reject& reject : rejects) objects.push_back(reject.row);
  ASSIGN(const auto rows, typed_rows(objects, schema));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].rows) {
      leave_alone(rejects[i], rows[i].why);
      continue;
    }
    const bool has_line = rejects[i].line > 0 && !rejects[i].raw.empty();
    into.add(rejects[i], block_of(rejects[i], std::make_shared<OneRow>(rows[i].rows), has_line));
  }
  return {};
}

Result<> Replay::bind(const Feed& feed, const Schema& rows) {
  Rows& into = *rows_of_feed_.at(feed.name);
  into.set_schema(rows);
  return bind_values(into, of_feed_.at(feed.name), rows);
}

void Replay::leave_alone(const Reject& reject, std::string why) {
  left_alone_.push_back({reject.id, reject.place(), std::move(why)});
}

}  // namespace trommel
