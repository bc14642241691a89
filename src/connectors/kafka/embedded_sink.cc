#include <arrow/api.h>

#include "connectors/kafka/sinks.h"

namespace trommel::kafka {
namespace {

constexpr int64_t us_a_ms = 1000;

class EmbeddedSink final : public StoreSink {
 public:
  EmbeddedSink(Env& env, EmbeddedTopic topic, std::string writer, std::unique_ptr<MessageMaker> maker)
      : env_(env), topic_(std::move(topic)), writer_(std::move(writer)), maker_(std::move(maker)) {}

  Guarantee guarantee() const override { return Guarantee::exactly_once; }
  Result<Epoch> last_committed() override { return topic_.last_epoch(writer_); }
  Schema spooled() const override { return maker_->schema(); }
  Result<Spooled> spool(const Batch& batch) override { return maker_->make(batch); }
  Result<int64_t> commit(Epoch epoch, Segment& segment) override {
    const int64_t now_ms = env_.now_us() / us_a_ms;
    return topic_.add(writer_, epoch, [&]() -> Result<Rows> {
      Batch batch;
      ASSIGN(const bool more, segment.next(batch));
      if (!more) return Rows();
      ASSIGN(const Rows messages, maker_->finished(batch.rows));
      return stored(*messages, now_ms);
    });
  }

 private:
  /// With all columns that messages have there.
  static Result<Rows> stored(const arrow::RecordBatch& messages, int64_t now_ms) {
    arrow::ArrayVector columns;
    for (const auto& field : stored_messages()->fields()) {
      auto column = messages.GetColumnByName(field->name());
      if (!column) {
        const bool time = field->type()->id() == arrow::Type::TIMESTAMP;
        auto made = time
                        ? arrow::MakeArrayFromScalar(arrow::TimestampScalar(now_ms, field->type()), messages.num_rows())
                        : arrow::MakeArrayOfNull(field->type(), messages.num_rows());
        if (!made.ok()) return tl::unexpected(from_arrow(made.status(), "messages"));
        column = *made;
      }
      columns.push_back(std::move(column));
    }
    return arrow::RecordBatch::Make(stored_messages(), messages.num_rows(), std::move(columns));
  }

  Env& env_;
  EmbeddedTopic topic_;
  const std::string writer_;
  std::unique_ptr<MessageMaker> maker_;
};

}  // namespace

std::shared_ptr<StoreSink> embedded_sink(Env& env, EmbeddedTopic topic, const std::string& writer,
                                         std::unique_ptr<MessageMaker> maker) {
  return std::make_shared<EmbeddedSink>(env, std::move(topic), writer, std::move(maker));
}

}  // namespace trommel::kafka
