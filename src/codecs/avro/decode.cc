// Blocks of a container file to rows.
#include "avro/decode.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "codecs/avro/reader.h"

namespace trommel::avro {

namespace {

/// One engine block: container blocks one after the other, each unpacked and read by itself.
class Reading {
 public:
  Reading(const ContainerPlan& plan, const Block& block, Outlet& outlet)
      : plan_(plan), block_(block), outlet_(outlet), decoder_(plan.program->layout), row_(block.from) {}

  Result<int64_t> read() {
    for (Bytes bytes = block_.view(); !bytes.empty();) TRY(read_block(first_block(bytes)));
    TRY(hand_over());
    return records_;
  }

 private:
  Result<> read_block(const RawBlock& raw) {
    const Position first = row_;
    row_ += raw.rows;
    auto content = unpacked(plan_.codec, raw.content);
    if (!content && content.error().domain != Error::Domain::data) return tl::unexpected(std::move(content).error());
    if (!content) {
      refuse("damaged", first, raw.content, {}, fmt::format("a block of {} rows: {}", raw.rows, content.error().what));
      return {};
    }
    Bytes rest = *content;
    for (int64_t i = 0; i < raw.rows; ++i) {
      const auto size = decoder_.add(*plan_.program, rest);
      if (size) {
        positions_.push_back(first + i);
        rest = rest.subspan(*size);
        continue;
      }
      const DatumRefusal& refusal = decoder_.refusal();
      const auto passed = refusal.skippable ? datum_size(*plan_.program, rest) : std::nullopt;
      if (!passed) {
        const std::string others =
            raw.rows - i == 1 ? "" : fmt::format("; the {} rows from it on cannot be told apart", raw.rows - i);
        refuse("damaged", first + i, rest, refusal.column, refusal.reason + others);
        return {};
      }
      refuse("avro", first + i, rest.first(*passed), refusal.column, refusal.reason);
      rest = rest.subspan(*passed);
    }
    if (!rest.empty())
      refuse("damaged", row_ - 1, rest, {}, fmt::format("{} bytes follow the last row of a block", rest.size()));
    return {};
  }

  /// A reject of its own block: its place is a row, and its bytes lie in no file as they are.
  void refuse(const char* code, Position row, Bytes bytes, std::string column, std::string reason) {
    Block one = block_;
    one.from = row;
    one.to = row + 1;
    one.bytes = arrow::Buffer::FromString(std::string(as_text(bytes.first(std::min<size_t>(bytes.size(), 64 << 10)))));
    const RawRefusal refusal{
        0, static_cast<int64_t>(one.bytes->size()), code, std::move(column), {}, std::move(reason)};
    outlet_.reject(one, {&refusal, 1});
    ++records_;
  }

  Result<> hand_over() {
    const int64_t count = decoder_.rows();
    records_ += count;
    if (count == 0) return {};
    const bool run = positions_.back() - positions_.front() == count - 1;
    const Positions positions = run ? Positions::run(positions_.front()) : Positions::each(std::move(positions_));
    // Rows do not lie in the block's bytes one by one: who wants a row's text gets it from its values.
    auto without_bytes = std::make_shared<Block>(block_);
    without_bytes->bytes = nullptr;
    return emit_cast({decoder_.finish(), positions, without_bytes}, plan_.target, outlet_);
  }

  const ContainerPlan& plan_;
  const Block& block_;
  Outlet& outlet_;
  DatumDecoder decoder_;
  Position row_;
  std::vector<Position> positions_;
  int64_t records_ = 0;
};

class ContainerDecoder final : public Decoder {
 public:
  explicit ContainerDecoder(std::shared_ptr<const ContainerPlan> plan) : plan_(std::move(plan)) {}
  Result<int64_t> decode(const Block& block, Outlet& outlet) const override {
    return Reading(*plan_, block, outlet).read();
  }
  Bytes record_at(const Block& block, Position) const override { return block.view(); }

 private:
  std::shared_ptr<const ContainerPlan> plan_;
};

}  // namespace

std::shared_ptr<const Decoder> make_decoder(std::shared_ptr<const ContainerPlan> plan) {
  return std::make_shared<ContainerDecoder>(std::move(plan));
}

}  // namespace trommel::avro
