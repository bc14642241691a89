// Topics of a broker, as a source reads them. Which partitions are read is ours to say (no group assigns them), and so
// is from where: offsets are committed to a group only for those who watch its lag.
#include <arrow/buffer.h>
#include <arrow/buffer_builder.h>
#include <arrow/status.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <regex>
#include <set>

#include "component/message.h"
#include "connectors/kafka/client.h"

namespace trommel::kafka {
namespace {

constexpr int answer_ms = 5'000;            // a broker has so long for an answer
constexpr int wait_ms = 100;                // for messages, at once
constexpr int64_t stalled_us = 15'000'000;  // without a message that must be there
constexpr int64_t look_us = 50'000;         // between two looks for new messages
constexpr int64_t metadata_us = 3'000'000;  // between two looks for new partitions
constexpr int64_t give_up_us = 60'000'000;  // no broker was ever reached
constexpr int64_t wake_us = 20'000;         // between two calls to fetch more
constexpr size_t at_once = 4096;            // messages

/// One partition: what librdkafka fetches for it in advance.
struct Flow {
  TopicHandle topic;
  int32_t number = 0;
  bool started = false;
  int64_t next = 0;  ///< the offset that comes next, if `started`
  Message held;      ///< belongs to the next stretch

  void stop() {
    if (started) rd_kafka_consume_stop(topic.get(), number);
    started = false;
    held.reset();
  }
};

Envelope envelope_of(const rd_kafka_message_t& message) {
  Envelope out;
  if (message.key != nullptr) out.key.emplace(static_cast<const char*>(message.key), message.key_len);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return out;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    Envelope::Header& header = out.headers.emplace_back(Envelope::Header{name, std::nullopt});
    if (value != nullptr) header.value.emplace(static_cast<const char*>(value), size);
  }
  return out;
}

class BrokerStream final : public MessageStream {
 public:
  BrokerStream(Env& env, const Client& client, Flow& flow, Partition partition, int64_t from, int64_t to,
               bool keeps_envelopes)
      : env_(env),
        client_(client),
        flow_(flow),
        partition_(std::move(partition)),
        name_(partition_.name()),
        at_(from),
        to_(to),
        keeps_envelopes_(keeps_envelopes) {}

  Result<Fetched> fetch(int64_t bytes) override {
    if (!flow_.started || flow_.next != at_) TRY(start());
    Fetched out;
    out.bounds.push_back(0);
    arrow::BufferBuilder values;
    if (flow_.held) TRY(take(std::move(flow_.held), values, out));
    while (at_ < to_ && values.length() < bytes) {
      ASSIGN(const bool some, take_some(values, out));
      if (!some) break;
    }
    flow_.next = at_;
    TRY(not_stalled(out));
    out.next = at_;
    auto status = values.Append(Messages::kPadding, 0);
    if (status.ok()) status = values.Finish(&out.values);
    if (!status.ok()) return tl::unexpected(from_arrow(status, name_));
    out.values = arrow::SliceBuffer(out.values, 0, out.values->size() - static_cast<int64_t>(Messages::kPadding));
    return out;
  }

 private:
  Result<> start() {
    flow_.stop();
    if (rd_kafka_consume_start(flow_.topic.get(), flow_.number, at_) != 0)
      return client_.error("reading " + name_, rd_kafka_last_error());
    flow_.started = true;
    return {};
  }

  /// False: there are none just now, or no more.
  Result<bool> take_some(arrow::BufferBuilder& values, Fetched& out) {
    std::array<rd_kafka_message_t*, at_once> raw{};
    // A few at a time: what goes beyond the stretch can be held back one message only.
    const auto wanted = static_cast<size_t>(std::clamp<int64_t>(to_ - at_, 1, static_cast<int64_t>(at_once)));
    auto got = rd_kafka_consume_batch(flow_.topic.get(), flow_.number, 0, raw.data(), wanted);
    if (got == 0) {
      wake();
      got = rd_kafka_consume_batch(flow_.topic.get(), flow_.number, wait_ms, raw.data(), 1);
    }
    if (got < 0) return client_.error("reading " + name_, rd_kafka_last_error());
    Result<> outcome;
    bool beyond = false;
    for (ssize_t i = 0; i < got; ++i) {
      Message message(raw[static_cast<size_t>(i)]);
      if (!outcome) continue;
      if (beyond) {  // fetched again when it is its turn
        flow_.stop();
        continue;
      }
      outcome = take(std::move(message), values, out);
      beyond = at_ >= to_;
    }
    if (!outcome) return tl::unexpected(std::move(outcome).error());
    return got > 0 && at_ < to_;
  }

  /// Once it has fetched as much as it may, librdkafka looks only after a second whether there is room again, unless
  /// there is something else to do for that broker: so it is asked for something.
  void wake() {
    const int64_t now = env_.steady_us();
    if (now - woken_us_ < wake_us) return;
    int64_t first = 0, end = 0;
    rd_kafka_query_watermark_offsets(client_.get(), partition_.topic.c_str(), partition_.number, &first, &end, wait_ms);
    woken_us_ = env_.steady_us();
  }

  Result<> take(Message message, arrow::BufferBuilder& values, Fetched& out) {
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      at_ = std::max(at_, message->offset);
      return {};
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      flow_.stop();
      return client_.error("reading " + name_, message->err);
    }
    if (message->offset < at_) return {};
    if (message->offset >= to_) {
      at_ = to_;
      flow_.held = std::move(message);
      return {};
    }
    at_ = message->offset + 1;
    if (out.first_ms == 0) {
      rd_kafka_timestamp_type_t kind;
      out.first_ms = std::max<int64_t>(rd_kafka_message_timestamp(message.get(), &kind), 0);
    }
    if (keeps_envelopes_)
      (message->payload == nullptr ? out.around_empty : out.around).push_back(envelope_of(*message));
    if (message->payload == nullptr) {
      out.empty.push_back(message->offset);
      return {};
    }
    const auto status = values.Append(message->payload, static_cast<int64_t>(message->len));
    if (!status.ok()) return tl::unexpected(from_arrow(status, name_));
    out.bounds.push_back(static_cast<int32_t>(values.length()));
    out.offsets.push_back(message->offset);
    return {};
  }

  Result<> not_stalled(const Fetched& out) {
    const int64_t now = env_.steady_us();
    if (since_us_ == 0 || !out.offsets.empty() || !out.empty.empty() || at_ >= to_) since_us_ = now;
    if (now - since_us_ < stalled_us) return {};
    flow_.stop();
    return client_.error("reading " + name_, fmt::format("no message came in {} s", stalled_us / 1'000'000));
  }

  Env& env_;
  const Client& client_;
  Flow& flow_;
  const Partition partition_;
  const std::string name_;
  int64_t at_;
  const int64_t to_;
  const bool keeps_envelopes_;
  int64_t woken_us_ = 0;
  int64_t since_us_ = 0;  ///< of the last message
};

class BrokerPartitions final : public Partitions {
 public:
  BrokerPartitions(Env& env, SourceConfig config, std::string group, int64_t memory)
      : env_(env), config_(std::move(config)), group_(std::move(group)), memory_(memory) {
    for (const std::string& topic : config_.topics) {
      if (topic.starts_with('^')) patterns_.emplace_back(topic, std::regex::ECMAScript | std::regex::optimize);
    }
  }
  ~BrokerPartitions() override {
    for (auto& [partition, flow] : flows_) flow->stop();
    flows_.clear();
  }

  /// What was there before is there still while nobody answers.
  Result<std::vector<Range>> look() override {
    const int64_t now = env_.steady_us();
    if (began_us_ == 0) began_us_ = now;
    if (now < next_look_us_) return ranges_;
    next_look_us_ = now + look_us;
    auto found = look_now(now);
    if (found) {
      if (std::exchange(away_, false)) news_.push_back("kafka " + config_.brokers + ": is there again");
      reached_ = true;
      return ranges_ = std::move(*found);
    }
    if (!found.error().retry) return tl::unexpected(std::move(found).error());
    if (!reached_ && now - began_us_ >= give_up_us) return tl::unexpected(std::move(found).error());
    if (!std::exchange(away_, true)) news_.push_back(found.error().text() + "; trying again");
    return ranges_;
  }

  Result<int64_t> at_time(const Range& range, int64_t time_ms) override {
    const Taken asked{range.partition, time_ms};
    const auto list = partition_list({&asked, 1});
    const auto code = rd_kafka_offsets_for_times(client_->get(), list.get(), answer_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return client_->error("asking for offsets by time", code);
    const int64_t offset = list->elems[0].offset;
    return offset < 0 ? range.end : offset;
  }

  Result<std::unique_ptr<MessageStream>> open(const Partition& partition, int64_t from, int64_t to) override {
    TRY(connect_fetcher());
    auto& flow = flows_[partition];
    if (!flow) {
      flow = std::make_unique<Flow>();
      flow->topic.reset(rd_kafka_topic_new(fetcher_->get(), partition.topic.c_str(), nullptr));
      flow->number = partition.number;
      if (!flow->topic) return fetcher_->error("reading " + partition.name(), rd_kafka_last_error());
    }
    return std::make_unique<BrokerStream>(env_, *fetcher_, *flow, partition, from, to,
                                          config_.dead_letter_topic.has_value());
  }

  /// For those who watch the group: nothing rests on it, so nobody waits for it.
  Result<> taken(std::span<const Taken> taken) override {
    TRY(connect());
    const auto list = partition_list(taken);
    (void)rd_kafka_commit(client_->get(), list.get(), 1);
    return {};
  }

  bool away() const override { return away_; }
  std::vector<std::string> news() override { return std::exchange(news_, {}); }

 private:
  /// Asks and tells; fetches nothing.
  Result<> connect() {
    if (client_) return {};
    ASSIGN(client_, make({}));
    return {};
  }

  /// What it fetches in advance counts for each partition by itself: there may be twice as many later.
  Result<> connect_fetcher() {
    if (fetcher_) return {};
    const auto share = memory_ / 4 / (2 * static_cast<int64_t>(std::max<size_t>(partitions_.size(), 1)));
    const auto kilobytes = std::clamp<int64_t>(share / 1024, 64, 16 << 10);
    ASSIGN(fetcher_, make({{"queued.max.messages.kbytes", fmt::to_string(kilobytes)},
                           {"queued.min.messages", "1000000"},  // the bytes say how much
                           {"fetch.wait.max.ms", "50"}}));
    return {};
  }

  Result<std::unique_ptr<Client>> make(Properties defaults) const {
    defaults.emplace_back("isolation.level", "read_committed");
    return Client::make(RD_KAFKA_CONSUMER, config_, defaults,
                        {{"group.id", group_},
                         {"enable.auto.commit", "false"},
                         {"enable.auto.offset.store", "false"},
                         {"auto.offset.reset", "error"},
                         {"enable.partition.eof", "true"}});
  }

  Result<std::vector<Range>> look_now(int64_t now) {
    TRY(connect());
    rd_kafka_poll(client_->get(), 0);
    if (now >= next_metadata_us_) {
      TRY(find_partitions());
      next_metadata_us_ = now + metadata_us;
    }
    std::vector<Range> out;
    if (partitions_.empty()) return out;
    ASSIGN(const auto ends, offsets_at(RD_KAFKA_OFFSET_END));
    for (const auto& [partition, first] : partitions_) {
      const auto end = ends.find(partition);
      if (end != ends.end()) out.push_back({partition, first, end->second});
    }
    return out;
  }

  /// The partitions of all topics meant, and the oldest message of each.
  Result<> find_partitions() {
    const rd_kafka_metadata_t* metadata = nullptr;
    const auto code = rd_kafka_metadata(client_->get(), 1, nullptr, &metadata, answer_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return client_->error("asking for topics", code);
    std::map<Partition, int64_t> found;
    std::set<std::string> topics;
    for (int i = 0; i < metadata->topic_cnt; ++i) {
      const rd_kafka_metadata_topic_t& topic = metadata->topics[i];
      if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR || !is_meant(topic.topic)) continue;
      topics.insert(topic.topic);
      for (int p = 0; p < topic.partition_cnt; ++p) found[{topic.topic, topic.partitions[p].id}] = 0;
    }
    rd_kafka_metadata_destroy(metadata);
    partitions_ = std::move(found);
    tell_missing(topics);
    if (partitions_.empty()) return {};
    ASSIGN(const auto firsts, offsets_at(RD_KAFKA_OFFSET_BEGINNING));
    for (auto& [partition, first] : partitions_) {
      if (const auto known = firsts.find(partition); known != firsts.end()) first = known->second;
    }
    return {};
  }

  bool is_meant(const std::string& topic) const {
    return std::ranges::find(config_.topics, topic) != config_.topics.end() ||
           std::ranges::any_of(patterns_, [&](const std::regex& pattern) { return std::regex_search(topic, pattern); });
  }

  void tell_missing(const std::set<std::string>& there) {
    for (const std::string& topic : config_.topics) {
      if (topic.starts_with('^')) continue;
      if (there.contains(topic)) {
        missing_.erase(topic);
      } else if (missing_.insert(topic).second) {
        news_.push_back(fmt::format("kafka {}: there is no topic {}; waiting for it", config_.brokers, topic));
      }
    }
  }

  /// Of every partition: one request to each broker. Read committed, the end is before what is not decided yet.
  Result<std::map<Partition, int64_t>> offsets_at(int64_t where) {
    std::vector<Taken> asked;
    for (const auto& [partition, first] : partitions_) asked.push_back({partition, where});
    const auto list = partition_list(asked);
    const auto code = rd_kafka_offsets_for_times(client_->get(), list.get(), answer_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return client_->error("asking for offsets", code);
    std::map<Partition, int64_t> out;
    for (int i = 0; i < list->cnt; ++i) {
      const auto& one = list->elems[i];
      if (one.err == RD_KAFKA_RESP_ERR_NO_ERROR && one.offset >= 0) out[{one.topic, one.partition}] = one.offset;
    }
    return out;
  }

  Env& env_;
  const SourceConfig config_;
  const std::string group_;
  const int64_t memory_;
  std::vector<std::regex> patterns_;
  std::unique_ptr<Client> client_, fetcher_;
  std::map<Partition, std::unique_ptr<Flow>> flows_;
  std::map<Partition, int64_t> partitions_;  ///< with the offset of the oldest message
  std::vector<Range> ranges_;                ///< as seen last
  std::set<std::string> missing_;            ///< topics
  std::vector<std::string> news_;
  int64_t began_us_ = 0, next_look_us_ = 0, next_metadata_us_ = 0;
  bool reached_ = false, away_ = false;
};

}  // namespace

std::unique_ptr<Partitions> broker_partitions(Env& env, const SourceConfig& config, const std::string& group,
                                              int64_t memory) {
  return std::make_unique<BrokerPartitions>(env, config, group, memory);
}

}  // namespace trommel::kafka
