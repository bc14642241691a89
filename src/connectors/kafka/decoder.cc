#include "connectors/kafka/decoder.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/json.h"

namespace trommel::kafka {
namespace {

std::shared_ptr<const std::string> facts_of(const std::string& format) {
  return std::make_shared<const std::string>(json_line({{"value", format}}));
}

/// One message, of a block that holds nothing else.
class SingleDecoder final : public Decoder {
 public:
  SingleDecoder(std::shared_ptr<const MessageDecoder> decoder, std::shared_ptr<const std::string> facts,
                Rows letter = nullptr)
      : decoder_(std::move(decoder)), facts_(std::move(facts)), letter_(std::move(letter)) {}

  Result<int64_t> decode(const Block& block, Outlet& outlet) const override {
    const Bytes bytes = block.view();
    std::vector<uint8_t> padded(bytes.size() + Messages::kPadding, 0);
    std::memcpy(padded.data(), bytes.data(), bytes.size());
    const int32_t bounds[] = {0, static_cast<int32_t>(bytes.size())};
    ASSIGN(auto decoded, decoder_->decode({Bytes(padded).first(bytes.size()), bounds}));
    for (Refusal& refusal : decoded.refusals) {
      const RawRefusal raw{0,
                           static_cast<int64_t>(bytes.size()),
                           std::move(refusal.code),
                           std::move(refusal.column),
                           std::move(refusal.value),
                           std::move(refusal.reason)};
      outlet.reject(block, {&raw, 1});
    }
    if (decoded.rows->num_rows() > 0)
      outlet.emit({decoded.rows, Positions::each({block.from}), std::make_shared<const Block>(block)});
    return 1;
  }
  Bytes record_at(const Block& block, Position) const override { return block.view(); }
  std::shared_ptr<const std::string> facts() const override { return facts_; }
  Rows dead_letter(const Block&, const RawRefusal&) const override { return letter_; }

 private:
  std::shared_ptr<const MessageDecoder> decoder_;
  std::shared_ptr<const std::string> facts_;
  Rows letter_;  ///< of a message that was refused
};

/// All messages of one block: it knows where each lies, and decodes no other block.
class BlockDecoder final : public Decoder {
 public:
  BlockDecoder(const MessageReading& reading, Partition partition, Fetched messages)
      : decoder_(reading.decoder),
        facts_(facts_of(reading.format)),
        letters_(reading.dead_letters),
        partition_(std::move(partition)),
        messages_(std::move(messages)) {}

  Result<int64_t> decode(const Block& block, Outlet& outlet) const override {
    const auto count = static_cast<int64_t>(messages_.offsets.size());
    ASSIGN(const auto decoded, decoder_->decode({block.view(), messages_.bounds}));
    TROMMEL_CHECK(decoded.rows->num_rows() + static_cast<int64_t>(decoded.refusals.size()) == count,
                  fmt::format("{} messages became {} rows and {} refusals", count, decoded.rows->num_rows(),
                              decoded.refusals.size()));
    for (size_t i = 0; i < messages_.empty.size(); ++i) {
      const Refusal refusal{0, "empty", {}, {}, "the message has no value"};
      const int64_t offset = messages_.empty[i];
      refuse(block, offset, {0, 0}, refusal, letter(offset, messages_.around_empty, i, std::nullopt, refusal), outlet);
    }
    for (const Refusal& refusal : decoded.refusals) {
      const auto i = static_cast<size_t>(refusal.row);
      const auto value = as_text(Messages{block.view(), messages_.bounds}.at(i));
      refuse(block, messages_.offsets[i], {messages_.bounds[i], messages_.bounds[i + 1]}, refusal,
             letter(messages_.offsets[i], messages_.around, i, value, refusal), outlet);
    }
    if (decoded.rows->num_rows() > 0)
      outlet.emit({decoded.rows, positions(decoded.refusals), std::make_shared<const Block>(block)});
    return count + static_cast<int64_t>(messages_.empty.size());
  }

  Bytes record_at(const Block& block, Position position) const override {
    const auto found = std::ranges::lower_bound(messages_.offsets, position);
    if (found == messages_.offsets.end() || *found != position) return {};
    const auto i = static_cast<size_t>(found - messages_.offsets.begin());
    return Messages{block.view(), messages_.bounds}.at(i);
  }

 private:
  struct Range {
    int32_t begin, end;
  };

  Rows letter(int64_t offset, const std::vector<Envelope>& around, size_t i, std::optional<std::string_view> value,
              const Refusal& refusal) const {
    return letters_ ? letters_->make(partition_, offset, around[i], value, refusal) : nullptr;
  }

  /// A block of the message alone: the offset is its place, which no count of bytes would be.
  void refuse(const Block& block, int64_t offset, Range range, const Refusal& refusal, Rows letter,
              Outlet& outlet) const {
    Block own = block;
    own.decoder = std::make_shared<const SingleDecoder>(decoder_, facts_, std::move(letter));
    own.from = offset;
    own.to = offset + 1;
    own.bytes = arrow::SliceBuffer(block.bytes, range.begin, range.end - range.begin);
    const RawRefusal raw{0, range.end - range.begin, refusal.code, refusal.column, refusal.value, refusal.reason};
    outlet.reject(own, {&raw, 1});
  }

  Positions positions(const std::vector<Refusal>& refusals) const {
    if (refusals.empty()) return Positions::each(messages_.offsets);
    std::vector<Position> out;
    out.reserve(messages_.offsets.size() - refusals.size());
    auto refused = refusals.begin();
    for (size_t i = 0; i < messages_.offsets.size(); ++i) {
      if (refused != refusals.end() && refused->row == static_cast<int64_t>(i))
        ++refused;
      else
        out.push_back(messages_.offsets[i]);
    }
    return Positions::each(std::move(out));
  }

  std::shared_ptr<const MessageDecoder> decoder_;
  std::shared_ptr<const std::string> facts_;
  std::shared_ptr<const DeadLetterMaker> letters_;
  Partition partition_;
  Fetched messages_;
};

}  // namespace

Block block_of(std::shared_ptr<const Split> split, const MessageReading& reading, const Partition& partition,
               Fetched messages) {
  Block block;
  block.split = std::move(split);
  block.bytes = messages.values;
  block.to = messages.next;
  const auto first = [](const std::vector<int64_t>& offsets, int64_t otherwise) {
    return offsets.empty() ? otherwise : offsets.front();
  };
  block.from = std::min(first(messages.offsets, messages.next), first(messages.empty, messages.next));
  block.decoder = std::make_shared<const BlockDecoder>(reading, partition, std::move(messages));
  return block;
}

std::shared_ptr<const Decoder> single_decoder(std::shared_ptr<const MessageDecoder> decoder,
                                              const std::string& format) {
  return std::make_shared<const SingleDecoder>(std::move(decoder), facts_of(format));
}

}  // namespace trommel::kafka
