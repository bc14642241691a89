#include "codecs/json/reader.h"

#include <arrow/api.h>

#include <algorithm>
#include <cstring>

#include "codecs/json/token.h"

namespace trommel::json {

namespace {

class JsonReader : public Reader {
 public:
  JsonReader(std::shared_ptr<const Split> split, std::shared_ptr<const Decoder> decoder,
             std::shared_ptr<const Decoder> cut_short, std::unique_ptr<InputStream> stream, ReaderOptions options)
      : split_(std::move(split)),
        decoder_(std::move(decoder)),
        cut_short_(std::move(cut_short)),
        stream_(std::move(stream)),
        options_(options),
        wanted_(static_cast<size_t>(std::max<int64_t>(options.block_bytes, 1))),
        from_(options.at),
        line_(options.line),
        looked_from_(options.at) {
    if (options_.layout == Layout::array && options_.at > options_.skip) borders_.assume_in_array();
  }

  /// The last byte that was read stays back until it is known whether more come: only the last block knows whether the
  /// array is closed.
  Result<Piece> read() override {
    if (from_ < options_.skip) TRY(skip_mark());
    while (true) {
      if (ended_ && begin_ == end_) return Piece{std::nullopt, from_, Next::ended};
      while (scanned_ < end_) {
        if (!borders_.next(data(), scanned_, end_)) break;
        border_ = scanned_;
        if (border_ - begin_ >= wanted_ && border_ < end_) return block(border_, decoder_);
      }
      if (ended_) {
        const bool open = borders_.between() && borders_.open_arrays() > 0;
        return block(end_, open ? cut_short_ : decoder_);
      }
      const size_t have = end_ - begin_;
      if (have >= wanted_) {
        if (border_ > begin_ && border_ < end_) return block(border_, decoder_);
        if (borders_.between() && border_ == begin_ && have > 1) return block(end_ - 1, decoder_);
        if (!borders_.between() && record_bytes() > options_.max_row) {
          const auto begin = static_cast<size_t>(record_begin() - from_) + begin_;
          return begin > begin_ ? block(begin, decoder_) : long_record();
        }
      }
      TRY(fill(std::max(wanted_ + 1, have * 2)));
    }
  }

 private:
  const char* data() const { return held_ ? reinterpret_cast<const char*>(held_->data()) : nullptr; }
  Position record_begin() const { return looked_from_ + borders_.begin(); }
  int64_t record_bytes() const { return from_ + static_cast<int64_t>(scanned_ - begin_) - record_begin(); }

  /// Makes room for `target` bytes, what is there already in front, and reads until it is full or the stream has ended.
  Result<> fill(size_t target) {
    auto made = arrow::AllocateBuffer(static_cast<int64_t>(target + kPadding));
    if (!made.ok()) return tl::unexpected(from_arrow(made.status(), split_->name));
    std::shared_ptr<arrow::Buffer> next = std::move(*made);
    uint8_t* out = next->mutable_data();
    const size_t left = end_ - begin_;
    if (left > 0) std::memcpy(out, data() + begin_, left);
    scanned_ -= begin_;
    border_ -= begin_;
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

  Result<> skip_mark() {
    TRY(fill(std::max<size_t>(wanted_, 4096)));
    const auto step =
        static_cast<size_t>(std::min<int64_t>(options_.skip - from_, static_cast<int64_t>(end_ - begin_)));
    begin_ = scanned_ = border_ = step;
    from_ += static_cast<int64_t>(step);
    looked_from_ = from_;
    return {};
  }

  void count_lines(size_t from, size_t to) {
    if (line_ > 0) line_ += std::count(data() + from, data() + to, '\n');
  }

  Piece block(size_t end, const std::shared_ptr<const Decoder>& decoder) {
    const auto length = static_cast<int64_t>(end - begin_);
    Block out{split_, decoder,        arrow::SliceBuffer(held_, static_cast<int64_t>(begin_), length),
              from_,  from_ + length, line_};
    count_lines(begin_, end);
    begin_ = end;
    border_ = std::max(border_, begin_);
    from_ += length;
    return Piece{std::move(out), from_, ended_ && begin_ == end_ ? Next::ended : Next::more};
  }

  /// The record that begins at `begin_`: keeps its beginning, passes over the rest.
  Result<Piece> long_record() {
    const size_t kept =
        std::min({end_ - begin_, kept_of_long_record, static_cast<size_t>(std::max<int64_t>(options_.max_row, 1))});
    const auto bytes = arrow::SliceBuffer(held_, static_cast<int64_t>(begin_), static_cast<int64_t>(kept));
    auto copied = bytes->CopySlice(0, static_cast<int64_t>(kept));  // lets the memory behind it go
    if (!copied.ok()) return tl::unexpected(from_arrow(copied.status(), split_->name));
    Block out{split_, decoder_, std::move(*copied), from_, from_, line_};
    while (true) {
      const bool found = borders_.next(data(), scanned_, end_);
      // The byte behind the record stays, as everywhere.
      count_lines(begin_, scanned_);
      from_ += static_cast<int64_t>(scanned_ - begin_);
      begin_ = border_ = scanned_;
      if (ended_ || (found && begin_ < end_)) break;
      TRY(fill(wanted_ + 1));
      if (found) break;
    }
    if (ended_ && begin_ == end_ && borders_.between() && borders_.open_arrays() > 0) out.decoder = cut_short_;
    out.to = from_;
    return Piece{std::move(out), from_, ended_ && begin_ == end_ ? Next::ended : Next::more};
  }

  std::shared_ptr<const Split> split_;
  std::shared_ptr<const Decoder> decoder_;
  std::shared_ptr<const Decoder> cut_short_;
  std::unique_ptr<InputStream> stream_;
  ReaderOptions options_;
  size_t wanted_;
  std::shared_ptr<arrow::Buffer> held_;
  size_t begin_ = 0, end_ = 0;  ///< of what lies in `held_` and was not handed out
  size_t scanned_ = 0;          ///< so far the borders are known
  size_t border_ = 0;           ///< behind the last whole record, or begin_
  Position from_;               ///< of begin_
  int64_t line_;
  Position looked_from_;  ///< where `borders_` began to count
  Borders borders_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Reader> make_reader(std::shared_ptr<const Split> split, std::shared_ptr<const Decoder> decoder,
                                    std::shared_ptr<const Decoder> cut_short, std::unique_ptr<InputStream> stream,
                                    ReaderOptions options) {
  return std::make_unique<JsonReader>(std::move(split), std::move(decoder), std::move(cut_short), std::move(stream),
                                      options);
}

}  // namespace trommel::json
