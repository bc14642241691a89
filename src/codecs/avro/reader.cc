#include "codecs/avro/reader.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "avro/wire.h"

namespace trommel::avro {

namespace {

constexpr size_t step_bytes = 256 << 10;
constexpr size_t kept_of_damage = 64 << 10;
constexpr int64_t block_rows_max = int64_t{1} << 40;  // rows of no bytes at all can be many

/// The damage is one reject, whatever rows it held.
class DamagedDecoder final : public Decoder {
 public:
  explicit DamagedDecoder(std::string reason) : reason_(std::move(reason)) {}
  Result<int64_t> decode(const Block& block, Outlet& outlet) const override {
    const RawRefusal refusal{0, static_cast<int64_t>(block.view().size()), "damaged", {}, {}, reason_};
    outlet.reject(block, {&refusal, 1});
    return 1;
  }
  Bytes record_at(const Block& block, Position) const override { return block.view(); }

 private:
  std::string reason_;
};

class BlockReader final : public Reader {
 public:
  BlockReader(const ContainerHeader& header, std::shared_ptr<const Split> split, std::shared_ptr<const Decoder> decoder,
              std::unique_ptr<InputStream> stream, Position at, int64_t block_bytes)
      : sync_(header.sync),
        to_skip_(header.bytes),
        split_(std::move(split)),
        decoder_(std::move(decoder)),
        stream_(std::move(stream)),
        wanted_(at),
        block_bytes_(static_cast<size_t>(std::max<int64_t>(block_bytes, 1))) {}

  Result<Piece> read() override {
    TRY(skip_header());
    size_t taken = 0;  // bytes of whole blocks at the start of the buffer
    Position from = row_;
    while (true) {
      if (taken == 0) from = row_;
      ASSIGN(const Cut cut, cut_block(taken));
      if (cut.what == Cut::What::block && row_ + cut.rows <= wanted_) {
        row_ += cut.rows;
        drop(taken + cut.size);
        continue;
      }
      if (cut.what == Cut::What::block && row_ < wanted_) {
        return external_error(split_->name, fmt::format("no block begins at row {}", wanted_),
                              "was the file replaced?");
      }
      if (cut.what == Cut::What::block) {
        taken += cut.size;
        row_ += cut.rows;
        if (taken >= block_bytes_) return piece(from, taken, decoder_, false);
        continue;
      }
      if (taken > 0) return piece(from, taken, decoder_, false);
      if (cut.what == Cut::What::end) return piece(from, 0, nullptr, true);
      ASSIGN(auto kept, pass_damage());
      ++row_;
      if (row_ <= wanted_) continue;
      return damage(std::move(kept), cut.why);
    }
  }

  int64_t consumed() const override { return consumed_; }

 private:
  struct Cut {
    enum class What { block, end, damage } what = What::end;
    size_t size = 0;
    int64_t rows = 0;
    std::string why;
  };

  static Cut damaged(std::string why) { return {Cut::What::damage, 0, 0, std::move(why)}; }

  /// Whether so many bytes stand behind `from` in the buffer; false at the end of the file.
  Result<bool> fill(size_t from, size_t bytes) {
    while (buffer_.size() - begin_ < from + bytes && !ended_) {
      if (begin_ > buffer_.size() / 2) {
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(begin_));
        begin_ = 0;
      }
      const size_t size = buffer_.size();
      buffer_.resize(size + std::max(step_bytes, std::min(from + bytes, step_bytes * 16)));
      auto count = stream_->read({buffer_.data() + size, buffer_.size() - size});
      buffer_.resize(size + (count ? *count : 0));
      if (!count) return tl::unexpected(std::move(count).error());
      ended_ = *count == 0;
      consumed_ += static_cast<int64_t>(*count);
    }
    return buffer_.size() - begin_ >= from + bytes;
  }

  Bytes view(size_t from) const { return {buffer_.data() + begin_ + from, buffer_.size() - begin_ - from}; }
  void drop(size_t bytes) { begin_ += bytes; }

  Result<> skip_header() {
    while (to_skip_ > 0) {
      ASSIGN(const bool there, fill(0, 1));
      if (!there) return external_error(split_->name, "the file has become shorter than its header");
      const size_t some = std::min(to_skip_, view(0).size());
      drop(some);
      to_skip_ -= some;
    }
    return {};
  }

  /// The block that begins `from` bytes behind those that are not yet given out.
  Result<Cut> cut_block(size_t from) {
    ASSIGN([[maybe_unused]] const bool both, fill(from, 2 * long_bytes_max));
    const Bytes head = view(from);
    if (head.empty()) return Cut{};
    int64_t rows = 0, size = 0;
    const uint8_t* at = read_long(head.data(), head.data() + head.size(), rows);
    if (at != nullptr) at = read_long(at, head.data() + head.size(), size);
    if (at == nullptr) return damaged(ended_ ? "the file ends within a block" : "no count and size of a block");
    if (rows < 0 || rows > block_rows_max || size < 0 || size > block_bytes_max)
      return damaged(fmt::format("a block of {} rows and {} bytes cannot be", rows, size));
    const size_t content = static_cast<size_t>(at - head.data()),
                 whole = content + static_cast<size_t>(size) + sync_.size();
    ASSIGN(const bool there, fill(from, whole));
    if (!there) return damaged(fmt::format("the file ends within a block of {} rows", rows));
    if (std::memcmp(view(from).data() + whole - sync_.size(), sync_.data(), sync_.size()) != 0)
      return damaged(fmt::format("no sync marker behind a block of {} rows", rows));
    return Cut{Cut::What::block, whole, rows, {}};
  }

  /// Goes on behind the next sync marker, or at the end; returns the first of what lies before.
  Result<std::string> pass_damage() {
    std::string kept;
    while (true) {
      ASSIGN([[maybe_unused]] const bool more, fill(0, step_bytes));
      const Bytes bytes = view(0);
      const auto found = std::search(bytes.begin(), bytes.end(), sync_.begin(), sync_.end());
      const bool last = found != bytes.end() || ended_;
      // A marker may lie across the end of what is here.
      const size_t size = found != bytes.end() ? static_cast<size_t>(found - bytes.begin()) + sync_.size()
                          : ended_             ? bytes.size()
                                               : bytes.size() - (sync_.size() - 1);
      kept += as_text(bytes.first(size)).substr(0, kept_of_damage - std::min(kept.size(), kept_of_damage));
      drop(size);
      if (last) return kept;
    }
  }

  Piece piece(Position from, size_t bytes, const std::shared_ptr<const Decoder>& decoder, bool ended) {
    Piece out;
    if (bytes > 0) {
      Block block;
      block.split = split_;
      block.decoder = decoder;
      block.bytes = arrow::Buffer::FromString(std::string(as_text(view(0).first(bytes))));
      block.from = from;
      block.to = row_;
      drop(bytes);
      out.block = std::move(block);
    }
    out.next = row_;
    out.then = ended ? Next::ended : Next::more;
    return out;
  }

  Piece damage(std::string kept, const std::string& why) {
    Block block;
    block.split = split_;
    block.decoder = std::make_shared<DamagedDecoder>(why);
    block.bytes = arrow::Buffer::FromString(std::move(kept));
    block.from = row_ - 1;
    block.to = row_;
    Piece out;
    out.block = std::move(block);
    out.next = row_;
    out.then = Next::more;
    return out;
  }

  SyncMarker sync_;
  size_t to_skip_;
  std::shared_ptr<const Split> split_;
  std::shared_ptr<const Decoder> decoder_;
  std::unique_ptr<InputStream> stream_;
  Position wanted_;
  size_t block_bytes_;
  std::vector<uint8_t> buffer_;
  size_t begin_ = 0;  ///< of the buffer, what was not given out yet
  Position row_ = 0;  ///< of the next block
  bool ended_ = false;
  int64_t consumed_ = 0;
};

}  // namespace

std::unique_ptr<Reader> make_reader(const ContainerHeader& header, std::shared_ptr<const Split> split,
                                    std::shared_ptr<const Decoder> decoder, std::unique_ptr<InputStream> stream,
                                    Position at, int64_t block_bytes) {
  return std::make_unique<BlockReader>(header, std::move(split), std::move(decoder), std::move(stream), at,
                                       block_bytes);
}

RawBlock first_block(Bytes& bytes) {
  RawBlock block;
  int64_t size = 0;
  const uint8_t* const end = bytes.data() + bytes.size();
  const uint8_t* at = read_long(bytes.data(), end, block.rows);
  at = at == nullptr ? nullptr : read_long(at, end, size);
  const size_t head = at == nullptr ? bytes.size() : static_cast<size_t>(at - bytes.data());
  const size_t whole = head + static_cast<size_t>(size) + sizeof(SyncMarker);
  TROMMEL_CHECK(at != nullptr && size >= 0 && whole <= bytes.size(), fmt::format("{} bytes", bytes.size()));
  block.content = bytes.subspan(head, static_cast<size_t>(size));
  bytes = bytes.subspan(whole);
  return block;
}

}  // namespace trommel::avro
