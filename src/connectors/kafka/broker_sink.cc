// Epoch N is one transaction: its messages, and the offset N of a group of ours that nobody else uses. The group's
// offset is in the topic's own cluster, so both are there or neither is. `init_transactions` puts an end to what a dead
// run has left, and shuts out a run that is thought dead and is not; after it the stored offset tells whether N is
// there. librdkafka cannot take up an old transaction: N is sent anew, or not at all.
#include "connectors/kafka/sinks.h"

#include <fmt/format.h>

#include "connectors/kafka/client.h"
#include "connectors/kafka/sender.h"

namespace trommel::kafka {
namespace {

constexpr int answer_ms = 30'000;
constexpr int begin_ms = 10'000;  // the engine tries again

const char* compression_name(Compression compression) {
  switch (compression) {
    case Compression::zstd:
      return "zstd";
    case Compression::lz4:
      return "lz4";
    case Compression::snappy:
      return "snappy";
    case Compression::gzip:
      return "gzip";
    case Compression::none:
      break;
  }
  return "none";
}

class BrokerSink final : public StoreSink {
 public:
  BrokerSink(SinkConfig config, std::string writer, std::unique_ptr<MessageMaker> maker)
      : config_(std::move(config)), writer_(std::move(writer)), maker_(std::move(maker)) {}

  Guarantee guarantee() const override { return config_.guarantee; }
  Schema spooled() const override { return maker_->schema(); }
  Result<Spooled> spool(const Batch& batch) override { return maker_->make(batch); }

  Result<Epoch> last_committed() override {
    TRY(connect());
    return stored_;
  }

  /// Whatever goes wrong, the producer is given up: the next one asks the brokers what became of the epoch.
  Result<int64_t> commit(Epoch epoch, Segment& segment) override {
    TRY(connect());
    if (epoch <= stored_) return segment.rows();
    auto sent = transactional() ? send_transaction(epoch, segment) : send_plainly(epoch, segment);
    if (!sent) {
      sender_.reset();
      producer_.reset();
      return tl::unexpected(std::move(sent).error());
    }
    stored_ = epoch;
    return sent;
  }

 private:
  bool transactional() const { return config_.guarantee == Guarantee::exactly_once; }

  Result<> connect() {
    if (producer_) return {};
    if (!group_) {
      ASSIGN(group_,
             Client::make(
                 RD_KAFKA_CONSUMER, config_, {},
                 {{"group.id", writer_}, {"enable.auto.commit", "false"}, {"isolation.level", "read_committed"}}));
    }
    Properties fixed = {{"enable.idempotence", "true"}};
    if (transactional()) fixed.emplace_back("transactional.id", writer_);
    Properties defaults = {{"compression.codec", compression_name(config_.compression)},
                           {"linger.ms", "20"},
                           {"queue.buffering.max.messages", "200000"},
                           {"queue.buffering.max.kbytes", "131072"}};
    // Levels above take twice the time for a hundredth less.
    if (config_.compression == Compression::zstd) defaults.emplace_back("compression.level", "1");
    ASSIGN(auto producer, Client::make(RD_KAFKA_PRODUCER, config_, defaults, fixed));
    if (transactional())
      TRY(done(*producer, "beginning as " + writer_, rd_kafka_init_transactions(producer->get(), begin_ms)));
    TRY(read_stored());
    ASSIGN(sender_, Sender::make(*producer, config_.topic));
    producer_ = std::move(producer);
    return {};
  }

  /// The offset that the group has in partition 0 of the topic.
  Result<> read_stored() {
    const Partitions::Taken asked{{config_.topic, 0}, RD_KAFKA_OFFSET_INVALID};
    const auto list = partition_list({&asked, 1});
    const auto code = rd_kafka_committed(group_->get(), list.get(), answer_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return group_->error("asking for the last epoch", code);
    if (list->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return group_->error("asking for the last epoch", list->elems[0].err);
    stored_ = list->elems[0].offset < 0 ? 0 : static_cast<Epoch>(list->elems[0].offset);
    return {};
  }

  Result<int64_t> send_transaction(Epoch epoch, Segment& segment) {
    TRY(done(*producer_, "beginning a transaction", rd_kafka_begin_transaction(producer_->get())));
    auto sent = send_all(segment);
    if (!sent) {
      (void)KafkaError(rd_kafka_abort_transaction(producer_->get(), answer_ms));
      return sent;
    }
    const Partitions::Taken mark{{config_.topic, 0}, static_cast<int64_t>(epoch)};
    const auto list = partition_list({&mark, 1});
    const GroupMetadata group(rd_kafka_consumer_group_metadata_new(writer_.c_str()));
    TRY(done(*producer_, "marking the epoch",
             rd_kafka_send_offsets_to_transaction(producer_->get(), list.get(), group.get(), answer_ms)));
    TRY(done(*producer_, "committing the epoch", rd_kafka_commit_transaction(producer_->get(), answer_ms)));
    return delivered(*sent);
  }

  Result<int64_t> send_plainly(Epoch epoch, Segment& segment) {
    ASSIGN(const int64_t sent, send_all(segment));
    const auto code = rd_kafka_flush(producer_->get(), answer_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return producer_->error("sending messages", code);
    ASSIGN(const int64_t rows, delivered(sent));
    const Partitions::Taken mark{{config_.topic, 0}, static_cast<int64_t>(epoch)};
    const auto list = partition_list({&mark, 1});
    const auto marked = rd_kafka_commit(group_->get(), list.get(), 0);
    if (marked != RD_KAFKA_RESP_ERR_NO_ERROR) return group_->error("marking the epoch", marked);
    return rows;
  }

  /// What the brokers have said of each message.
  Result<int64_t> delivered(int64_t sent) const {
    if (const std::string failure = producer_->failure(); !failure.empty())
      return producer_->error("sending messages", failure);
    if (producer_->delivered() != sent)
      return producer_->error("sending messages", fmt::format("{} of {} were taken", producer_->delivered(), sent));
    return sent;
  }

  Result<int64_t> send_all(Segment& segment) {
    producer_->expect_deliveries();
    int64_t sent = 0;
    for (Batch batch;;) {
      ASSIGN(const bool more, segment.next(batch));
      if (!more) return sent;
      ASSIGN(const Rows messages, maker_->finished(batch.rows));
      TRY(sender_->send(*messages));
      sent += batch.size();
    }
  }

  /// What librdkafka says of a step. Another sink of this name that came later shuts this one out for good.
  Result<> done(const Client& client, const std::string& what, rd_kafka_error_t* raw) const {
    const KafkaError failed(raw);
    if (!failed) return {};
    auto error = client.error(what, rd_kafka_error_string(failed.get())).value();
    const auto code = rd_kafka_error_code(failed.get());
    if (code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED) {
      error.retry = false;
      error.hint = "another run sends as " + writer_ + ": end one of them, or give its pipeline another name";
    }
    return tl::unexpected(std::move(error));
  }

  const SinkConfig config_;
  const std::string writer_;
  std::unique_ptr<MessageMaker> maker_;
  std::unique_ptr<Client> group_, producer_;
  std::unique_ptr<Sender> sender_;  ///< of the producer
  Epoch stored_ = 0;                ///< as the brokers said when the producer began, and since then
};

}  // namespace

std::shared_ptr<StoreSink> broker_sink(const SinkConfig& config, const std::string& writer,
                                       std::unique_ptr<MessageMaker> maker) {
  return std::make_shared<BrokerSink>(config, writer, std::move(maker));
}

}  // namespace trommel::kafka
