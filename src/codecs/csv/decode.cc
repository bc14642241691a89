#include "codecs/csv/decode.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "simdjson.h"

namespace trommel::csv {

namespace {

/// Rows that are converted at once, column by column: their text stays in the first caches.
constexpr size_t kTile = 512;

/// One block on its way.
class Work {
 public:
  Work(const DecodePlan& plan, const Block& block, const char* data, size_t size, Index& index)
      : plan_(plan), block_(block), data_(data), size_(size), index_(index) {}

  Result<int64_t> run(Outlet& outlet) {
    index_block(data_, size_, plan_.dialect, index_);
    records_ = static_cast<int64_t>(index_.row_count());
    finder_.emplace(data_, size_, plan_.dialect, index_);
    sort_rows();
    if (!good_.empty()) {
      ASSIGN(Batch batch, convert());
      take_out_failures(batch, outlet);
      if (!keep_.empty()) {
        ASSIGN(batch, filter(batch, keep_));
      }
      if (batch.size() > 0) outlet.emit(std::move(batch));
    }
    if (!refusals_.empty()) {
      std::sort(refusals_.begin(), refusals_.end(),
                [](const RawRefusal& a, const RawRefusal& b) { return a.offset < b.offset; });
      outlet.reject(block_, refusals_);
    }
    return records_;
  }

 private:
  /// Which rows are whole, which are refused as they stand, which are none.
  void sort_rows() {
    const FieldFinder& finder = *finder_;
    const auto columns = static_cast<size_t>(plan_.file_columns);
    size_t broken = 0;
    good_.reserve(index_.row_count());
    for (size_t row = 0; row < index_.row_count(); ++row) {
      if (broken < index_.broken.size() && index_.broken[broken].row == row) {
        refuse_broken(index_.broken[broken++]);
        continue;
      }
      switch (finder.judge(row, columns)) {
        case RowVerdict::good:
          good_.push_back(static_cast<uint32_t>(row));
          break;
        case RowVerdict::blank:
          --records_;
          break;
        case RowVerdict::ragged: {
          const size_t fields = index_.fields(row);
          refuse(row, "ragged", fmt::format("{} field{}, expected {}", fields, fields == 1 ? "" : "s", columns));
          break;
        }
        case RowVerdict::not_utf8:
          refuse(row, "encoding", "not valid " + plan_.encoding);
          break;
        case RowVerdict::has_nul:
          refuse(row, "nul", "a NUL byte in the row");
          break;
      }
    }
  }

  void refuse(size_t row, const char* code, std::string reason, std::string column = {}, std::string value = {}) {
    const size_t begin = index_.rows[row].start;
    refusals_.push_back({static_cast<int64_t>(begin), static_cast<int64_t>(finder_->content_end(row) - begin), code,
                         std::move(column), std::move(value), std::move(reason)});
  }

  void refuse_broken(const Index::Broken& broken) {
    const size_t begin = index_.rows[broken.row].start;
    size_t end = broken.end;
    if (end > begin && end < size_ && data_[end] == '\n' && data_[end - 1] == '\r') --end;
    RawRefusal refusal{static_cast<int64_t>(begin), static_cast<int64_t>(end - begin), "quote", {}, {}, {}};
    switch (broken.ending) {
      case Ending::stray_quote:
        refusal.reason = "text behind a closing quote";
        break;
      case Ending::too_long:
        refusal.code = "row_too_long";
        refusal.reason = fmt::format("the line is longer than max_row: {} bytes", plan_.dialect.max_row);
        break;
      default:
        refusal.reason = "a quote that opens here is not closed properly";
        break;
    }
    refusals_.push_back(std::move(refusal));
  }

  Result<Batch> convert() {
    std::vector<std::unique_ptr<Column>> columns;
    for (size_t i = 0; i < plan_.columns.size(); ++i) {
      ASSIGN(auto column, make_column(plan_.columns[i], plan_.dialect, static_cast<uint32_t>(i),
                                      static_cast<int64_t>(good_.size())));
      columns.push_back(std::move(column));
    }
    std::vector<Span> fields(kTile);
    for (size_t begin = 0; begin < good_.size(); begin += kTile) {
      const std::span<const uint32_t> rows(good_.data() + begin, std::min(kTile, good_.size() - begin));
      for (size_t i = 0; i < columns.size(); ++i) {
        if (plan_.columns[i].from < 0) continue;
        finder_->fields(rows, static_cast<size_t>(plan_.columns[i].from), static_cast<size_t>(plan_.file_columns),
                        fields.data());
        columns[i]->take(data_, fields.data(), rows.size(), failures_);
      }
    }
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (auto& column : columns) {
      ASSIGN(auto array, column->finish());
      arrays.push_back(std::move(array));
    }
    std::vector<Position> positions(good_.size());
    for (size_t i = 0; i < good_.size(); ++i) positions[i] = block_.from + index_.rows[good_[i]].start;
    return Batch{arrow::RecordBatch::Make(plan_.schema, static_cast<int64_t>(good_.size()), std::move(arrays)),
                 Positions::each(std::move(positions)), std::make_shared<const Block>(block_)};
  }

  /// One word a row: its first column that did not fit.
  void take_out_failures(const Batch& batch, Outlet& outlet) {
    if (failures_.empty()) return;
    std::sort(failures_.begin(), failures_.end(),
              [](const Failure& a, const Failure& b) { return a.row != b.row ? a.row < b.row : a.column < b.column; });
    keep_.assign(good_.size(), 1);
    for (const Failure& failure : failures_) {
      if (keep_[failure.row] == 0) continue;
      keep_[failure.row] = 0;
      const ColumnPlan& column = plan_.columns[failure.column];
      std::string value = failure.field.escaped ? plain_text(failure.field.in(data_), plan_.dialect)
                                                : std::string(failure.field.in(data_));
      if (plan_.guessed) {
        outlet.misfit(block_, {column.name, shown(value), batch.positions.at(failure.row)});
      } else {
        refuse(good_[failure.row], "cast", fmt::format("not a {}: '{}'", type_name(*column.type), shown(value)),
               column.name, shown(value));
      }
    }
  }

  const DecodePlan& plan_;
  const Block& block_;
  const char* data_;
  size_t size_;
  Index& index_;
  std::optional<FieldFinder> finder_;  ///< once there is an index
  std::vector<uint32_t> good_;         ///< places in index_.rows
  std::vector<Failure> failures_;
  std::vector<uint8_t> keep_;
  std::vector<RawRefusal> refusals_;
  int64_t records_ = 0;  ///< lines of the index that are not blank
};

class CsvDecoder : public Decoder {
 public:
  explicit CsvDecoder(DecodePlan plan) : plan_(std::move(plan)) {}

  Result<int64_t> decode(const Block& block, Outlet& outlet) const override {
    const auto size = static_cast<size_t>(block.view().size());
    if (static_cast<int64_t>(size) < block.to - block.from) return refuse_long_line(block, outlet);
    if (size == 0) return 0;
    ASSIGN(const auto bytes, padded(block.bytes));
    thread_local Index index;
    Work work(plan_, block, reinterpret_cast<const char*>(bytes->data()), size, index);
    return work.run(outlet);
  }
  std::shared_ptr<const std::string> facts() const override { return plan_.facts; }

 private:
  /// The reader leaves out most of a line that is too long.
  Result<int64_t> refuse_long_line(const Block& block, Outlet& outlet) const {
    const RawRefusal refusal{0,
                             static_cast<int64_t>(block.view().size()),
                             "row_too_long",
                             {},
                             {},
                             fmt::format("the line is longer than max_row: {} bytes", plan_.dialect.max_row)};
    outlet.reject(block, {&refusal, 1});
    return 1;
  }

  DecodePlan plan_;
};

}  // namespace

std::string shown(std::string_view value) {
  constexpr size_t most = 200;
  if (value.size() <= most) return std::string(value);
  size_t end = most;
  while (end > 0 && (static_cast<uint8_t>(value[end]) & 0xC0) == 0x80) --end;
  return std::string(value.substr(0, end)) + "…";
}

std::shared_ptr<const Decoder> make_decoder(DecodePlan plan) { return std::make_shared<CsvDecoder>(std::move(plan)); }

Result<std::shared_ptr<arrow::Buffer>> padded(const std::shared_ptr<arrow::Buffer>& bytes) {
  const arrow::Buffer& whole = bytes->parent() ? *bytes->parent() : *bytes;
  if (bytes->data() + bytes->size() + kPadding <= whole.data() + whole.capacity()) return bytes;
  auto copy = arrow::AllocateBuffer(bytes->size() + static_cast<int64_t>(kPadding));
  if (!copy.ok()) return tl::unexpected(from_arrow(copy.status(), "csv"));
  uint8_t* out = (*copy)->mutable_data();
  std::memcpy(out, bytes->data(), static_cast<size_t>(bytes->size()));
  std::memset(out + bytes->size(), 0, kPadding);
  return std::shared_ptr<arrow::Buffer>(std::move(*copy));
}

FieldFinder::FieldFinder(const char* data, size_t size, const Dialect& dialect, const Index& index)
    : data_(data),
      size_(size),
      dialect_(dialect),
      index_(index),
      clean_(simdjson::validate_utf8(data, size) && std::memchr(data, 0, size) == nullptr) {}

size_t FieldFinder::content_end(size_t row) const {
  const size_t begin = index_.rows[row].start;
  size_t end = index_.fields(row) > 0 ? index_.ends[index_.rows[row + 1].first - 1] : index_.rows[row + 1].start;
  if (end > begin && data_[end - 1] == '\r' && (end >= size_ || data_[end] == '\n')) --end;
  return end;
}

RowVerdict FieldFinder::judge(size_t row, size_t columns) const {
  const size_t fields = index_.fields(row), begin = index_.rows[row].start;
  if (fields != columns) {
    if (fields == 1 && content_end(row) == begin) return RowVerdict::blank;
    if (!dialect_.pad || fields > columns) return RowVerdict::ragged;
  }
  if (clean_) return RowVerdict::good;
  const size_t length = content_end(row) - begin;
  if (!simdjson::validate_utf8(data_ + begin, length)) return RowVerdict::not_utf8;
  return std::memchr(data_ + begin, 0, length) == nullptr ? RowVerdict::good : RowVerdict::has_nul;
}

void FieldFinder::fields(std::span<const uint32_t> rows, size_t column, size_t columns, Span* out) const {
  const uint32_t* ends = index_.ends.get();
  const bool last = column + 1 == columns;
  const char quote = dialect_.quote;
  for (const uint32_t row : rows) {
    const Index::Row place = index_.rows[row];
    const uint32_t which = place.first + static_cast<uint32_t>(column);
    if (dialect_.pad && which >= index_.rows[row + 1].first) {
      *out++ = {place.start, 0, 0, 0};
      continue;
    }
    uint32_t begin = column == 0 ? place.start : ends[which - 1] + 1;
    uint32_t end = ends[which];
    if (last || (dialect_.pad && which + 1 == index_.rows[row + 1].first)) {
      if (end > begin && data_[end - 1] == '\r' && (end >= size_ || data_[end] == '\n')) --end;
    }
    Span span{begin, end - begin, 0, 0};
    if (end > begin && data_[begin] == quote && quote != 0) {
      span = {begin + 1, end - begin - 2, 0, 1};
      if (index_.escapes && span.length > 0) {
        span.escaped =
            std::memchr(data_ + span.begin, quote, span.length) != nullptr ||
            (dialect_.escape != 0 && std::memchr(data_ + span.begin, dialect_.escape, span.length) != nullptr);
      }
    }
    *out++ = span;
  }
}

}  // namespace trommel::csv
