#include "codecs/csv/reader.h"

#include <arrow/api.h>

#include <algorithm>
#include <cstring>

namespace trommel::csv {

namespace {

constexpr size_t first_bytes = 64 << 10;

class CsvReader : public Reader {
 public:
  CsvReader(std::shared_ptr<const Split> split, std::shared_ptr<const Decoder> decoder,
            std::unique_ptr<InputStream> stream, ReaderOptions options)
      : split_(std::move(split)),
        decoder_(std::move(decoder)),
        stream_(std::move(stream)),
        options_(options),
        from_(options.at),
        line_(options.line) {}

  Result<Piece> read() override {
    if (from_ < options_.skip) TRY(skip_header());
    const auto wanted = static_cast<size_t>(std::max<int64_t>(options_.block_bytes, 1));
    size_t target = wanted;
    while (true) {
      if (end_ - begin_ < target && !ended_) TRY(fill(target));
      const size_t have = end_ - begin_;
      if (have == 0) return Piece{std::nullopt, from_, Next::ended};
      const Cut cut = cut_block(data(), have, wanted, ended_, options_.dialect);
      if (cut.border > 0) return block(cut.border);
      if (cut.ending == Ending::too_long) return long_line();
      target = have * 2;
    }
  }

 private:
  const char* data() const { return reinterpret_cast<const char*>(held_->data()) + begin_; }

  /// Makes room for `target` bytes, what is there already in front, and reads until it is full or the stream has ended.
  /// Blocks that were handed out keep the old memory.
  Result<> fill(size_t target) {
    // Many files are smaller than a block, and their blocks wait in queues: the first memory is small, too.
    if (!held_ && target > first_bytes) {
      TRY(fill(first_bytes));
      if (ended_) return {};
    }
    auto made = arrow::AllocateBuffer(static_cast<int64_t>(target + kPadding));
    if (!made.ok()) return tl::unexpected(from_arrow(made.status(), split_->name));
    std::shared_ptr<arrow::Buffer> next = std::move(*made);
    uint8_t* out = next->mutable_data();
    const size_t left = end_ - begin_;
    if (left > 0) std::memcpy(out, data(), left);
    held_ = std::move(next);
    begin_ = 0;
    end_ = left;
    while (end_ < target) {
      ASSIGN(const size_t got, stream_->read({out + end_, target - end_}));
      if (got == 0) {
        ended_ = true;
        break;
      }
      end_ += got;
    }
    std::memset(out + end_, 0, kPadding);
    return {};
  }

  Result<> skip_header() {
    while (from_ < options_.skip) {
      if (end_ == begin_) TRY(fill(static_cast<size_t>(std::max<int64_t>(options_.block_bytes, 4096))));
      if (end_ == begin_) break;
      const auto step =
          static_cast<size_t>(std::min<int64_t>(options_.skip - from_, static_cast<int64_t>(end_ - begin_)));
      begin_ += step;
      from_ += static_cast<int64_t>(step);
    }
    return {};
  }

  Piece block(size_t length) {
    Block out{split_,
              decoder_,
              arrow::SliceBuffer(held_, static_cast<int64_t>(begin_), static_cast<int64_t>(length)),
              from_,
              from_ + static_cast<int64_t>(length),
              line_};
    if (line_ > 0) {
      const int64_t feeds = count_byte(data(), length, '\n');
      if (feeds > 0 && options_.dialect.lone_cr) {
        // Both kinds of line ends: no tool would count them as we do, so better none than a wrong number.
        out.line = line_ = 0;
      } else {
        line_ += feeds > 0 ? feeds : count_byte(data(), length, '\r');
      }
    }
    begin_ += length;
    from_ += static_cast<int64_t>(length);
    return Piece{std::move(out), from_, end_ == begin_ && ended_ ? Next::ended : Next::more};
  }

  /// The record at hand has no line end within max_row bytes: keeps its beginning, passes over the rest.
  Result<Piece> long_line() {
    const size_t kept = std::min({end_ - begin_, kept_of_long_line, static_cast<size_t>(options_.dialect.max_row)});
    const auto bytes = arrow::SliceBuffer(held_, static_cast<int64_t>(begin_), static_cast<int64_t>(kept));
    auto copied = bytes->CopySlice(0, static_cast<int64_t>(kept));  // lets the memory behind it go
    if (!copied.ok()) return tl::unexpected(from_arrow(copied.status(), split_->name));
    Block out{split_, decoder_, std::move(*copied), from_, from_, line_};
    size_t looked = static_cast<size_t>(options_.dialect.max_row) + 1;
    bool found = false;
    while (!found) {
      while (begin_ + looked < end_ && !found) found = line_end(looked++);
      if (found) break;
      if (ended_) {
        looked = end_ - begin_;
        break;
      }
      // The last byte stays: it may be a \r whose \n is still to come.
      const size_t passed = end_ - begin_ - 1;
      begin_ += passed;
      from_ += static_cast<int64_t>(passed);
      looked = 0;
      TRY(fill(static_cast<size_t>(std::max<int64_t>(options_.block_bytes, 4096))));
    }
    begin_ += looked;
    from_ += static_cast<int64_t>(looked);
    out.to = from_;
    if (line_ > 0) ++line_;
    return Piece{std::move(out), from_, end_ == begin_ && ended_ ? Next::ended : Next::more};
  }

  bool line_end(size_t at) const {
    const char* bytes = data();
    if (bytes[at] == '\n') return true;
    if (bytes[at] != '\r' || !options_.dialect.lone_cr) return false;
    return begin_ + at + 1 < end_ ? bytes[at + 1] != '\n' : ended_;
  }

  std::shared_ptr<const Split> split_;
  std::shared_ptr<const Decoder> decoder_;
  std::unique_ptr<InputStream> stream_;
  ReaderOptions options_;
  std::shared_ptr<arrow::Buffer> held_;
  size_t begin_ = 0, end_ = 0;  ///< of what lies in `held_` and was not handed out
  Position from_;               ///< of begin_
  int64_t line_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Reader> make_reader(std::shared_ptr<const Split> split, std::shared_ptr<const Decoder> decoder,
                                    std::unique_ptr<InputStream> stream, ReaderOptions options) {
  return std::make_unique<CsvReader>(std::move(split), std::move(decoder), std::move(stream), options);
}

}  // namespace trommel::csv
