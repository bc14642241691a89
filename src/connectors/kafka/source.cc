// The source gives out *stretches*: a split is a partition from one offset up to another that was there when it was
// asked, so it ends as a file does. How far it came is saved once a stretch is delivered, in a file beside the
// checkpoints; its id is its first offset, so that a run which starts after a crash gives out the same one again, and
// the checkpoint knows whether it was taken.
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <mutex>

#include "connectors/kafka/client.h"
#include "connectors/kafka/decoder.h"
#include "connectors/kafka/formats.h"
#include "connectors/kafka/kafka.h"
#include "connectors/kafka/offsets.h"
#include "spec/merge.h"

namespace trommel::kafka {
namespace {

constexpr int64_t us_a_ms = 1000;
constexpr int64_t stretch_max = 200'000;  // messages: partitions take turns

struct Stretch {
  Partition partition;
  int64_t from = 0, to = 0;

  std::string id() const { return fmt::format("{}@{}", partition.name(), from); }
};

/// The reverse, of a split that any run gave out.
Result<Stretch> stretch_of(const Split& split) {
  const auto number = [](std::string_view text, auto& out) {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
    return failed == std::errc() && end == text.data() + text.size();
  };
  Stretch out;
  const std::string_view id = split.id;
  const size_t at = id.rfind('@'), slash = id.rfind('/', at);
  const bool whole = at != std::string_view::npos && slash != std::string_view::npos &&
                     number(id.substr(slash + 1, at - slash - 1), out.partition.number) &&
                     number(id.substr(at + 1), out.from) && number(split.facts, out.to);
  if (!whole) return internal_error(split.name, "no stretch of a topic is called " + split.id);
  out.partition.topic = id.substr(0, slash);
  return out;
}

class KafkaSource final : public Source {
 public:
  KafkaSource(const SourceConfig& config, const BindContext& context, BoundMessageDecoder bound)
      : env_(*context.env),
        start_(*parse_start(config.start)),
        reading_{bound.decoder, config.value, letter_maker(config, context)},
        letters_(kafka::dead_letters(config, context)),
        block_bytes_(context.memory.block),
        offsets_path_(fmt::format("{}/offsets/{}.json", context.state_folder, context.name)),
        bound_(std::move(bound)),
        partitions_(partitions_of(config, context)) {}

  Result<std::vector<Split>> discover() override {
    TRY(load());
    ASSIGN(const auto ranges, partitions_->look());
    const std::lock_guard lock(mutex_);
    std::vector<Split> out;
    lag_.clear();
    for (const Partitions::Range& range : ranges) {
      if (!taken_.contains(range.partition)) TRY(begin(range));
      Place& place = places_.try_emplace(range.partition, Place{.next = taken_[range.partition]}).first->second;
      if (!in_range(range, place)) continue;
      const int64_t rows = std::max<int64_t>(range.end - std::max(taken_[range.partition], range.first), 0);
      lag_.push_back({range.partition.name(), rows, place.dates.empty() ? 0 : place.dates.begin()->second});
      if (!place.given && place.next < range.end) {
        place.given = Stretch{range.partition, place.next, std::min(range.end, place.next + stretch_max)};
        place.next = place.given->to;
      }
      if (place.given) out.push_back(split_of(*place.given));
    }
    return out;
  }

  /// The first messages that a run would read, as far as that can be told.
  Result<std::vector<Split>> peek() override {
    TRY(load());
    ASSIGN(const auto ranges, partitions_->look());
    std::vector<Split> out;
    for (const Partitions::Range& range : ranges) {
      const auto taken = taken_.find(range.partition);
      const int64_t from = std::max(taken == taken_.end() ? range.first : taken->second, range.first);
      if (from < range.end) out.push_back(split_of({range.partition, from, std::min(range.end, from + stretch_max)}));
    }
    return out;
  }

  Result<std::unique_ptr<Reader>> open(std::shared_ptr<const Split> split, Position at) override {
    ASSIGN(const Stretch stretch, stretch_of(*split));
    ASSIGN(auto stream, partitions_->open(stretch.partition, std::max(stretch.from, at), stretch.to));
    return std::make_unique<StretchReader>(*this, std::move(split), stretch, std::move(stream));
  }

  Result<> durable(std::span<const Delivered> delivered) override {
    TRY(load());
    std::map<Partition, int64_t> moved;
    const std::lock_guard lock(mutex_);
    for (const Delivered& one : delivered) {
      if (!one.ended) continue;
      ASSIGN(const Stretch stretch, stretch_of(one.split));
      auto& taken = taken_.try_emplace(stretch.partition, 0).first->second;
      taken = std::max(taken, stretch.to);
      moved[stretch.partition] = taken;
      if (const auto place = places_.find(stretch.partition); place != places_.end())
        place->second.dates.erase(place->second.dates.begin(), place->second.dates.lower_bound(taken));
      // Given out anew, since an earlier run's epoch had it and was not everywhere yet.
      const auto place = places_.find(stretch.partition);
      if (place != places_.end() && place->second.given && place->second.given->from < taken)
        place->second = {.next = taken, .dates = std::move(place->second.dates)};
    }
    if (moved.empty()) return {};
    TRY(write_offsets(env_, offsets_path_, taken_));
    std::vector<Partitions::Taken> told;
    for (const auto& [partition, offset] : moved) told.push_back({partition, offset});
    return partitions_->taken(told);
  }

  void release(std::span<const Split> splits) override {
    const std::lock_guard lock(mutex_);
    for (const Split& split : splits) {
      const auto stretch = stretch_of(split);
      if (!stretch) continue;
      Place& place = places_[stretch->partition];
      place.given.reset();
      place.next = std::min(place.next, stretch->from);
    }
  }

  Result<RecalledFormat> recall(const std::string&) override {
    return RecalledFormat{single_decoder(reading_.decoder, reading_.format), nullptr, nullptr, nullptr};
  }

  bool endless() const override { return true; }
  /// A stretch that was cut gets no longer by waiting.
  bool urgent() const override {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(places_, [](const auto& entry) {
      const auto& given = entry.second.given;
      return given && given->to - given->from >= stretch_max;
    });
  }
  std::vector<Lag> lag() const override { return lag_; }
  std::optional<DeadLetters> dead_letters() const override { return letters_; }
  Schema schema() const override { return bound_.schema; }
  std::vector<std::string> notes() const override { return bound_.notes; }
  bool expects_more() const override { return partitions_->away(); }
  std::vector<std::string> news() override {
    std::vector<std::string> all = std::exchange(news_, {});
    for (std::string& line : partitions_->news()) all.push_back(std::move(line));
    return all;
  }

 private:
  static std::shared_ptr<const DeadLetterMaker> letter_maker(const SourceConfig& config, const BindContext& context) {
    if (!config.dead_letter_topic) return nullptr;
    return std::make_shared<const DeadLetterMaker>(context.pipeline, context.name);
  }

  static std::unique_ptr<Partitions> partitions_of(const SourceConfig& config, const BindContext& context) {
    const std::string reader = fmt::format("{}.{}", context.pipeline, context.name);
    if (config.is_embedded()) return embedded_partitions(*context.env, config, context.folder, reader);
    const std::string group = config.group.value_or("trommel." + reader);
    return broker_partitions(*context.env, config, group, context.memory.queues);
  }

  /// Where the next stretch of a partition begins, and the one that was given out and not read to its end.
  struct Place {
    int64_t next = 0;
    std::optional<Stretch> given = {};
    bool told = false;  ///< that it makes no sense
    std::map<int64_t, int64_t> dates =
        {};  ///< when the first message of each stretch that is not delivered was written
  };

  class StretchReader final : public Reader {
   public:
    StretchReader(KafkaSource& source, std::shared_ptr<const Split> split, Stretch stretch,
                  std::unique_ptr<MessageStream> stream)
        : source_(source), split_(std::move(split)), stretch_(std::move(stretch)), stream_(std::move(stream)) {}

    Result<Piece> read() override {
      ASSIGN(Fetched messages, stream_->fetch(source_.block_bytes_));
      Piece piece;
      piece.next = messages.next;
      if (messages.first_ms > 0 && !std::exchange(dated_, true)) source_.date(stretch_, messages.first_ms * us_a_ms);
      if (messages.next >= stretch_.to) {
        piece.then = Next::ended;
        source_.read_to_end(stretch_);
      }
      if (messages.offsets.empty() && messages.empty.empty()) return piece;
      consumed_ += messages.bounds.back();
      piece.block = block_of(split_, source_.reading_, stretch_.partition, std::move(messages));
      return piece;
    }
    int64_t consumed() const override { return consumed_; }

   private:
    KafkaSource& source_;
    std::shared_ptr<const Split> split_;
    const Stretch stretch_;
    std::unique_ptr<MessageStream> stream_;
    int64_t consumed_ = 0;
    bool dated_ = false;  ///< it is known when its first message was written
  };

  Result<> load() {
    if (std::exchange(loaded_, true)) return {};
    ASSIGN(taken_, read_offsets(env_, offsets_path_));
    return {};
  }

  /// A partition that no run has read of: what `start` says is kept before anything is read, since `latest` would be
  /// elsewhere after a crash.
  Result<> begin(const Partitions::Range& range) {
    int64_t offset = range.first;
    if (start_.from == Start::From::latest) offset = range.end;
    if (start_.from == Start::From::time) {
      ASSIGN(offset, partitions_->at_time(range, start_.time_ms));
    }
    taken_[range.partition] = offset;
    TRY(write_offsets(env_, offsets_path_, taken_));
    const Partitions::Taken taken{range.partition, offset};
    return partitions_->taken({&taken, 1});
  }

  /// What is said once: messages that went unread, and a topic that is no longer the one that was read.
  bool in_range(const Partitions::Range& range, Place& place) {
    if (place.given) return true;
    if (place.next < range.first) {
      news_.push_back(fmt::format("{}: {} messages from offset {} on were removed before they were read",
                                  range.partition.name(), range.first - place.next, place.next));
      place.next = range.first;
    }
    if (place.next <= range.end) return true;
    if (!std::exchange(place.told, true)) {
      news_.push_back(
          fmt::format("{}: it ends at offset {}, and was read up to {}: it was made anew, or restored from an older "
                      "copy; nothing is read of it (to start it over, remove it from {})",
                      range.partition.name(), range.end, place.next, offsets_path_));
    }
    return false;
  }

  static Split split_of(const Stretch& stretch) {
    Split split;
    split.id = stretch.id();
    split.name = stretch.partition.name();
    split.facts = fmt::to_string(stretch.to);
    split.remember = false;
    return split;
  }

  void date(const Stretch& stretch, int64_t written_us) {
    const std::lock_guard lock(mutex_);
    places_[stretch.partition].dates.emplace(stretch.from, written_us);
  }

  void read_to_end(const Stretch& stretch) {
    const std::lock_guard lock(mutex_);
    auto& given = places_[stretch.partition].given;
    if (given && given->from == stretch.from) given.reset();
  }

  Env& env_;
  const Start start_;
  const MessageReading reading_;
  const std::optional<DeadLetters> letters_;
  const int64_t block_bytes_;
  const std::string offsets_path_;
  const BoundMessageDecoder bound_;
  std::unique_ptr<Partitions> partitions_;
  mutable std::mutex mutex_;  ///< readers are on other threads
  bool loaded_ = false;
  Offsets taken_;  ///< as saved
  std::map<Partition, Place> places_;
  std::vector<Lag> lag_;
  std::vector<std::string> news_;
};

Result<std::shared_ptr<Source>> bind(const std::vector<MessageFormat>& formats, const SpecInfo& spec,
                                     const Node& settings, const std::optional<Contract>& contract,
                                     const BindContext& context, Problems& problems) {
  Problems found;
  const SourceConfig config = SourceConfig::spec().parse(settings_for(settings, SourceConfig::spec().info()), found);
  check_spec_keys(spec, settings, "kafka", found);
  check_properties(config, found);
  const MessageFormat* format = found.empty() ? find_format(formats, config.value, settings, found) : nullptr;
  std::shared_ptr<Source> source;
  if (format != nullptr) {
    const std::string topic = config.topics.size() == 1 ? config.topics.front() : "";
    ASSIGN(auto bound, format->decoder({settings, contract, topic, context}, found));
    if (found.empty()) source = std::make_shared<KafkaSource>(config, context, std::move(bound));
  }
  problems.add(found);
  return source;
}

}  // namespace
}  // namespace trommel::kafka

namespace trommel {

SourceKind kafka_source(std::vector<MessageFormat> formats) {
  const auto spec = std::make_shared<const SpecInfo>(kafka::spec_with(kafka::SourceConfig::spec().info(), formats));
  SourceKind kind;
  kind.spec = spec.get();
  kind.bind = [formats = std::move(formats), spec](const Node& settings, const std::optional<Contract>& contract,
                                                   const BindContext& context, Problems& problems) {
    return kafka::bind(formats, *spec, settings, contract, context, problems);
  };
  return kind;
}

}  // namespace trommel
