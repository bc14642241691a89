#include "codecs/json/decode.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "codecs/csv/decode.h"
#include "config/contract.h"
#include "simdjson.h"

namespace trommel::json {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// One block on its way.
class Work {
 public:
  Work(const DecodePlan& plan, const Block& block, const char* data, size_t size)
      : plan_(plan),
        block_(block),
        data_(data),
        size_(size),
        values_(plan.columns.size()),
        seen_in_(plan.columns.size(), -1),
        clean_(simdjson::validate_utf8(data, size)) {}

  void take_all(Outlet& outlet) {
    RecordPlace place;
    for (size_t at = 0; next_record(data_, at, size_, plan_.layout, place); at = place.next) take(place, outlet);
  }

  /// Notes the values of a record, or refuses it.
  void take(const RecordPlace& place, Outlet& outlet) {
    ++records_;
    take_record(place, outlet);
  }

  /// Hands over the rows of what was taken.
  Result<> emit(Outlet& outlet) {
    if (begins_.empty()) return {};
    ASSIGN(Batch batch, convert());
    take_out_failures(outlet);
    if (!keep_.empty()) {
      ASSIGN(batch, filter(batch, keep_));
    }
    if (batch.size() > 0) outlet.emit(std::move(batch));
    return {};
  }

  void refuse(size_t begin, size_t end, std::string code, std::string reason, std::string column = {},
              std::string value = {}) {
    refusals_.push_back({static_cast<int64_t>(begin), static_cast<int64_t>(end - begin), std::move(code),
                         std::move(column), std::move(value), std::move(reason)});
  }

  /// The one record of the block, of which `kept` bytes are there.
  void refuse_long(size_t kept) {
    ++records_;
    size_ = kept;
    refuse(0, kept, "row_too_long", fmt::format("the record is longer than max_row: {} bytes", plan_.max_row));
  }

  /// Hands over what was refused; returns the number of records.
  int64_t finish(Outlet& outlet, bool cut_short) {
    if (cut_short) {
      ++records_;
      refuse(size_, size_, "truncated", "the array is not closed: the file is cut short");
    }
    std::stable_sort(refusals_.begin(), refusals_.end(),
                     [](const RawRefusal& a, const RawRefusal& b) { return a.offset < b.offset; });
    if (!refusals_.empty()) outlet.reject(block_, refusals_);
    return records_;
  }

 private:
  void take_record(const RecordPlace& place, Outlet& outlet) {
    if (place.end - place.begin > static_cast<size_t>(plan_.max_row)) {
      const int64_t kept = std::min<int64_t>(plan_.max_row, static_cast<int64_t>(kept_of_long_record));
      return refuse(place.begin, place.begin + static_cast<size_t>(kept), "row_too_long",
                    fmt::format("the record is longer than max_row: {} bytes", plan_.max_row));
    }
    if (!clean_ && !simdjson::validate_utf8(data_ + place.begin, place.end - place.begin))
      return refuse(place.begin, place.end, "encoding", "not valid " + plan_.encoding);
    other_.reset();
    doubled_.clear();
    Cursor cursor(data_, place.begin, place.end);
    if (cursor.enter('{')) read_members(cursor);
    if (!cursor.failed() && !other_.has_value() && doubled_.empty()) {
      cursor.skip_space();
      if (cursor.at() == place.end) return accept(place);
    }
    take_back();
    explain(place, cursor, outlet);
  }

  /// The values that a refused record left: the next may have none of that name.
  void take_back() {
    for (auto& column : values_) {
      if (column.size() > begins_.size()) column.resize(begins_.size());
    }
  }

  void explain(const RecordPlace& place, const Cursor& cursor, Outlet& outlet) {
    if (!cursor.failed() && !other_.has_value() && doubled_.empty()) {
      refuse(place.begin, place.end, "json", "text behind the object");
    } else if (cursor.failed()) {
      refuse(place.begin, place.end, cursor.code(), cursor.problem());
    } else if (!doubled_.empty()) {
      refuse(place.begin, place.end, "json", fmt::format("the name {} stands there twice", csv::shown(doubled_)),
             doubled_);
    } else if (plan_.others == OtherNames::misfit) {
      outlet.misfit(block_,
                    {other_->first, csv::shown(other_->second), block_.from + static_cast<Position>(place.begin)});
    } else {
      refuse(place.begin, place.end, "extra_column", "no column of that name", other_->first,
             csv::shown(other_->second));
    }
  }

  void accept(const RecordPlace& place) {
    begins_.push_back(place.begin);
    ends_.push_back(place.end);
  }

  void read_members(Cursor& cursor) {
    Token name, value;
    const size_t row = begins_.size();
    size_t expected = 0;
    ++attempts_;
    while (cursor.member(name, value)) {
      const int column = column_of(name, expected, value);
      if (column < 0) continue;
      const auto place = static_cast<size_t>(column);
      if (seen_in_[place] == attempts_) {
        doubled_ = plan_.columns[place].column.name;
        continue;
      }
      seen_in_[place] = attempts_;
      values_[place].resize(row);
      values_[place].push_back(span_of(value));
    }
  }

  int column_of(const Token& name, size_t& expected, const Token& value) {
    std::string_view text = name.in(data_);
    std::string room;
    if (name.escaped) {
      room = text;
      room.resize(unescape(room.data(), room.size(), room.data()));
      text = room;
    }
    if (expected < plan_.names.size() && plan_.names[expected] == text) return plan_.targets[expected++];
    if (const auto found = plan_.places.find(text); found != plan_.places.end()) {
      expected = found->second + 1;
      return plan_.targets[found->second];
    }
    if (!plan_.awaited.empty()) {
      const auto awaited = plan_.awaited.find(name_key(text));
      if (awaited != plan_.awaited.end()) return awaited->second;
    }
    if (plan_.others != OtherNames::drop && value.kind != Kind::null && !other_)
      other_.emplace(std::string(text), std::string(value.in(data_)));
    return -1;
  }

  Result<Batch> convert() {
    Text text(data_, size_);
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (size_t i = 0; i < plan_.columns.size(); ++i) {
      values_[i].resize(begins_.size());
      ASSIGN(auto array, make_column(plan_.columns[i], text, values_[i], static_cast<uint32_t>(i), failures_));
      arrays.push_back(std::move(array));
    }
    // Shown before the copy goes in which escapes were undone; objects and arrays as they were before that.
    for (const csv::Failure& failure : failures_) {
      const char first = data_[failure.field.begin];
      failed_values_.push_back(csv::shown(failure.field.in(first == '{' || first == '[' ? data_ : text.data())));
    }
    std::vector<Position> positions(begins_.size());
    for (size_t i = 0; i < begins_.size(); ++i) positions[i] = block_.from + static_cast<Position>(begins_[i]);
    return Batch{arrow::RecordBatch::Make(plan_.schema, static_cast<int64_t>(begins_.size()), std::move(arrays)),
                 Positions::each(std::move(positions)), std::make_shared<const Block>(block_)};
  }

  /// One word a row: its first column that did not fit.
  void take_out_failures(Outlet& outlet) {
    if (failures_.empty()) return;
    std::vector<size_t> order(failures_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      const csv::Failure &x = failures_[a], &y = failures_[b];
      return x.row != y.row ? x.row < y.row : x.column < y.column;
    });
    keep_.assign(begins_.size(), 1);
    for (const size_t i : order) {
      const csv::Failure& failure = failures_[i];
      if (keep_[failure.row] == 0) continue;
      keep_[failure.row] = 0;
      const csv::ColumnPlan& column = plan_.columns[failure.column].column;
      const size_t begin = begins_[failure.row];
      if (plan_.others == OtherNames::misfit) {
        outlet.misfit(block_, {column.name, failed_values_[i], block_.from + static_cast<Position>(begin)});
      } else {
        refuse(begin, ends_[failure.row], "cast",
               fmt::format("not a {}: '{}'", type_name(*column.type), failed_values_[i]), column.name,
               failed_values_[i]);
      }
    }
  }

  const DecodePlan& plan_;
  const Block& block_;
  const char* data_;
  size_t size_;
  std::vector<std::vector<csv::Span>> values_;  ///< by column; shorter than the rows where the last have none
  std::vector<int64_t> seen_in_;                ///< by column: the attempt that gave it a value
  bool clean_;                                  ///< the whole block is UTF-8
  int64_t attempts_ = 0;
  std::vector<size_t> begins_, ends_;                         ///< of the records that are rows
  std::optional<std::pair<std::string, std::string>> other_;  ///< a name of the record at hand that is not known
  std::string doubled_;
  std::vector<csv::Failure> failures_;
  std::vector<std::string> failed_values_;
  std::vector<uint8_t> keep_;
  std::vector<RawRefusal> refusals_;
  int64_t records_ = 0;
};

class JsonDecoder : public Decoder {
 public:
  JsonDecoder(std::shared_ptr<const DecodePlan> plan, bool cut_short) : plan_(std::move(plan)), cut_short_(cut_short) {}

  Result<int64_t> decode(const Block& block, Outlet& outlet) const override {
    const size_t size = block.view().size();
    if (static_cast<int64_t>(size) < block.to - block.from) return refuse_long(block, outlet);
    ASSIGN(const auto bytes, csv::padded(block.bytes));
    Work work(*plan_, block, reinterpret_cast<const char*>(bytes->data()), size);
    work.take_all(outlet);
    TRY(work.emit(outlet));
    return work.finish(outlet, cut_short_);
  }

  std::shared_ptr<const std::string> facts() const override { return plan_->facts; }

  Bytes record_at(const Block& block, Position position) const override {
    const Bytes bytes = block.view();
    const auto at =
        static_cast<size_t>(std::clamp<Position>(position - block.from, 0, static_cast<Position>(bytes.size())));
    RecordPlace place;
    if (!next_record(reinterpret_cast<const char*>(bytes.data()), at, bytes.size(), plan_->layout, place)) return {};
    return bytes.subspan(place.begin, place.end - place.begin);
  }

 private:
  /// The reader leaves out most of a record that is too long.
  Result<int64_t> refuse_long(const Block& block, Outlet& outlet) const {
    Work work(*plan_, block, nullptr, 0);
    work.refuse_long(static_cast<size_t>(block.view().size()));
    return work.finish(outlet, cut_short_);
  }

  std::shared_ptr<const DecodePlan> plan_;
  bool cut_short_;
};

/// The end of what stands at `begin` without the blanks behind it.
size_t trimmed_end(const char* data, size_t begin, size_t end) {
  while (end > begin && is_blank(data[end - 1])) --end;
  return end;
}

}  // namespace

std::shared_ptr<const Decoder> make_decoder(std::shared_ptr<const DecodePlan> plan, bool cut_short) {
  return std::make_shared<JsonDecoder>(std::move(plan), cut_short);
}

Result<> decode_records(const DecodePlan& plan, const Block& block, std::span<const RecordPlace> places,
                        Outlet& outlet) {
  const Bytes bytes = block.view();
  Work work(plan, block, reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const RecordPlace& place : places) work.take(place, outlet);
  TRY(work.emit(outlet));
  work.finish(outlet, false);
  return {};
}

bool next_record(const char* data, size_t at, size_t size, Layout layout, RecordPlace& place) {
  if (layout == Layout::lines) {
    while (at < size && is_blank(data[at])) ++at;
    if (at >= size) return false;
    const void* feed = std::memchr(data + at, '\n', size - at);
    const size_t end = feed == nullptr ? size : static_cast<size_t>(static_cast<const char*>(feed) - data);
    place = {at, trimmed_end(data, at, end), std::min(end + 1, size)};
    return true;
  }
  Borders borders;
  size_t next = at;
  const bool ended = borders.next(data, next, size);
  if (!ended && borders.between()) return false;
  const size_t begin = at + static_cast<size_t>(borders.begin());
  place = {begin, next, next};
  return true;
}

}  // namespace trommel::json
