#include "codecs/json/columns.h"

#include <arrow/api.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "batch/batch.h"

namespace trommel::json {

namespace {

using Arrays = std::vector<std::shared_ptr<arrow::Array>>;
using Spans = std::vector<csv::Span>;

bool is_null(const csv::Span& span) { return span.length == 0 && span.quoted == 0; }

/// Which of `values` are there, as Arrow wants it; null where all are.
arrow::Result<std::shared_ptr<arrow::Buffer>> validity_of(const std::vector<uint8_t>& valid, int64_t& nulls) {
  nulls = std::count(valid.begin(), valid.end(), 0);
  if (nulls == 0) return nullptr;
  ARROW_ASSIGN_OR_RAISE(auto bits, arrow::AllocateEmptyBitmap(static_cast<int64_t>(valid.size())));
  for (size_t i = 0; i < valid.size(); ++i) {
    if (valid[i] != 0) bits->mutable_data()[i / 8] = static_cast<uint8_t>(bits->data()[i / 8] | 1 << (i % 8));
  }
  return bits;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> buffer_of(const std::vector<int32_t>& numbers) {
  const auto bytes = static_cast<int64_t>(numbers.size() * sizeof(int32_t));
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer(bytes));
  std::memcpy(buffer->mutable_data(), numbers.data(), static_cast<size_t>(bytes));
  return buffer;
}

bool is_text(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRING || type.id() == arrow::Type::LARGE_STRING;
}
bool is_number_or_bool(const arrow::DataType& type) {
  return arrow::is_numeric(type.id()) || arrow::is_decimal(type.id()) || type.id() == arrow::Type::BOOL;
}

/// Builds one column, and those within it. Values are rows of its own: those of a list's items are more.
class Builder {
 public:
  Builder(const ValuesPlan& plan, Text& text, uint32_t index, std::vector<csv::Failure>& failures)
      : plan_(plan), text_(text), index_(index), failures_(failures) {}

  Result<std::shared_ptr<arrow::Array>> build(const Type& type, std::span<csv::Span> values) {
    switch (type->id()) {
      case arrow::Type::STRUCT:
        return build_struct(static_cast<const arrow::StructType&>(*type), type, values);
      case arrow::Type::LIST:
        return build_list(static_cast<const arrow::ListType&>(*type).value_field()->type(), type, values);
      case arrow::Type::MAP:
        return build_map(static_cast<const arrow::MapType&>(*type), type, values);
      default:
        return build_leaf(type, values);
    }
  }

 private:
  void fail(size_t row, const csv::Span& value) { failures_.push_back({static_cast<uint32_t>(row), index_, value}); }

  Result<std::shared_ptr<arrow::Array>> build_leaf(const Type& type, std::span<csv::Span> values) {
    const bool text = is_text(*type);
    const bool only_bare = plan_.column.strict && is_number_or_bool(*type);
    for (size_t row = 0; row < values.size(); ++row) {
      csv::Span& value = values[row];
      if (value.quoted != 0) {
        if (only_bare) {
          fail(row, value);
          value = {};
          continue;
        }
        if (value.escaped != 0) {
          char* at = text_.changeable() + value.begin;
          value.length = static_cast<uint32_t>(unescape(at, value.length, at)) & 0x3fffffff;
          value.escaped = 0;
        }
        // Only the empty text has to be told from NULL; that others were quoted must not keep them from being one.
        value.quoted = value.length == 0 ? 1 : 0;
      } else if (text && value.length > 2 && is_open(text_.data()[value.begin])) {
        char* at = text_.changeable() + value.begin;
        value.length = static_cast<uint32_t>(minify(at, value.length, at)) & 0x3fffffff;
      }
    }
    csv::ColumnPlan plan = plan_.column;
    plan.type = type;
    plan.from = 0;
    ASSIGN(const auto column, csv::make_column(plan, csv::Dialect{}, index_, static_cast<int64_t>(values.size())));
    column->take(text_.data(), values.data(), values.size(), failures_);
    return column->finish();
  }

  static bool is_open(char c) { return c == '{' || c == '['; }

  /// A cursor within the value; nothing where it is none of the kind.
  std::optional<Cursor> into(const csv::Span& value, char open) const {
    if (value.quoted != 0 || value.length == 0 || text_.data()[value.begin] != open) return std::nullopt;
    Cursor cursor(text_.data(), value.begin, value.begin + value.length);
    cursor.enter(open);
    return cursor;
  }

  std::string_view name_text(const Token& name, std::string& room) const {
    if (!name.escaped) return name.in(text_.data());
    room = name.in(text_.data());
    room.resize(unescape(room.data(), room.size(), room.data()));
    return room;
  }

  Result<std::shared_ptr<arrow::Array>> build_struct(const arrow::StructType& fields, const Type& type,
                                                     std::span<csv::Span> values) {
    std::unordered_map<std::string_view, size_t> places;
    for (int i = 0; i < fields.num_fields(); ++i) places.emplace(fields.field(i)->name(), static_cast<size_t>(i));
    std::vector<Spans> parts(places.size(), Spans(values.size()));
    parts.resize(static_cast<size_t>(fields.num_fields()), Spans(values.size()));
    std::vector<uint8_t> valid(values.size(), 0);
    std::string room;
    for (size_t row = 0; row < values.size(); ++row) {
      if (is_null(values[row])) continue;
      auto cursor = into(values[row], '{');
      if (!cursor) {
        fail(row, values[row]);
        continue;
      }
      valid[row] = 1;
      Token name, part;
      while (cursor->member(name, part)) {
        const auto found = places.find(name_text(name, room));
        if (found != places.end()) {
          csv::Span& place = parts[found->second][row];
          if (!is_null(place)) {  // a name that stands there twice: one of the values would be lost
            fail(row, values[row]);
            break;
          }
          place = span_of(part);
        } else if (plan_.others != OtherNames::drop && part.kind != Kind::null) {
          fail(row, values[row]);
          break;
        }
      }
    }
    Arrays children;
    for (int i = 0; i < fields.num_fields(); ++i) {
      ASSIGN(auto child, build(fields.field(i)->type(), parts[static_cast<size_t>(i)]));
      children.push_back(std::move(child));
    }
    int64_t nulls = 0;
    auto bits = validity_of(valid, nulls);
    if (!bits.ok()) return tl::unexpected(from_arrow(bits.status(), "json"));
    return std::make_shared<arrow::StructArray>(type, static_cast<int64_t>(values.size()), std::move(children), *bits,
                                                nulls);
  }

  /// Failures of items, from `first` on, become those of the rows that hold them.
  void blame_rows(size_t first, const std::vector<int32_t>& offsets) {
    for (size_t i = first; i < failures_.size(); ++i) {
      const auto above = std::upper_bound(offsets.begin(), offsets.end(), static_cast<int32_t>(failures_[i].row));
      failures_[i].row = static_cast<uint32_t>(above - offsets.begin() - 1);
    }
  }

  Result<std::shared_ptr<arrow::Array>> build_list(const Type& item_type, const Type& type,
                                                   std::span<csv::Span> values) {
    Spans items;
    std::vector<int32_t> offsets = {0};
    std::vector<uint8_t> valid(values.size(), 0);
    for (size_t row = 0; row < values.size(); ++row) {
      if (!is_null(values[row])) {
        auto cursor = into(values[row], '[');
        if (cursor) {
          valid[row] = 1;
          Token item;
          while (cursor->item(item)) items.push_back(span_of(item));
        } else {
          fail(row, values[row]);
        }
      }
      offsets.push_back(static_cast<int32_t>(items.size()));
    }
    const size_t before = failures_.size();
    ASSIGN(auto child, build(item_type, items));
    blame_rows(before, offsets);
    return assemble(type, valid, offsets, {child->data()});
  }

  Result<std::shared_ptr<arrow::Array>> build_map(const arrow::MapType& map, const Type& type,
                                                  std::span<csv::Span> values) {
    Spans names, items;
    std::vector<int32_t> offsets = {0};
    std::vector<uint8_t> valid(values.size(), 0);
    for (size_t row = 0; row < values.size(); ++row) {
      if (!is_null(values[row])) {
        auto cursor = into(values[row], '{');
        if (cursor) {
          valid[row] = 1;
          Token name, part;
          while (cursor->member(name, part)) {
            names.push_back(span_of(name));
            items.push_back(span_of(part));
          }
        } else {
          fail(row, values[row]);
        }
      }
      offsets.push_back(static_cast<int32_t>(items.size()));
    }
    const size_t before = failures_.size();
    ASSIGN(auto keys, build(map.key_type(), names));
    ASSIGN(auto mapped, build(map.item_type(), items));
    blame_rows(before, offsets);
    const auto entries = std::make_shared<arrow::StructArray>(map.value_type(), static_cast<int64_t>(items.size()),
                                                              Arrays{std::move(keys), std::move(mapped)});
    return assemble(type, valid, offsets, {entries->data()});
  }

  static Result<std::shared_ptr<arrow::Array>> assemble(const Type& type, const std::vector<uint8_t>& valid,
                                                        const std::vector<int32_t>& offsets,
                                                        std::vector<std::shared_ptr<arrow::ArrayData>> children) {
    int64_t nulls = 0;
    auto bits = validity_of(valid, nulls);
    if (!bits.ok()) return tl::unexpected(from_arrow(bits.status(), "json"));
    auto places = buffer_of(offsets);
    if (!places.ok()) return tl::unexpected(from_arrow(places.status(), "json"));
    return arrow::MakeArray(
        arrow::ArrayData::Make(type, static_cast<int64_t>(valid.size()), {*bits, *places}, std::move(children), nulls));
  }

  const ValuesPlan& plan_;
  Text& text_;
  uint32_t index_;
  std::vector<csv::Failure>& failures_;
};

std::string unreadable_within(csv::ColumnPlan plan) {
  switch (plan.type->id()) {
    case arrow::Type::STRUCT:
    case arrow::Type::LIST:
    case arrow::Type::MAP: {
      const Type whole = plan.type;
      const bool map = whole->id() == arrow::Type::MAP;
      const auto& parts = map ? static_cast<const arrow::MapType&>(*whole).value_type()->fields() : whole->fields();
      for (const auto& part : parts) {
        plan.type = part->type();
        if (std::string why = unreadable_within(plan); !why.empty()) return why;
      }
      return {};
    }
    default:
      return csv::unreadable(plan);
  }
}

}  // namespace

char* Text::changeable() {
  if (!copy_) {
    copy_ = std::make_unique<char[]>(size_ + kPadding);
    std::memcpy(copy_.get(), data_, size_);
    data_ = copy_.get();
  }
  return copy_.get();
}

csv::Span span_of(const Token& value) {
  if (value.kind == Kind::null) return {0, 0, 0, 0};
  return {value.begin, (value.end - value.begin) & 0x3fffffff, value.escaped ? 1U : 0U,
          value.kind == Kind::string ? 1U : 0U};
}

Result<std::shared_ptr<arrow::Array>> make_column(const ValuesPlan& plan, Text& text, std::span<csv::Span> values,
                                                  uint32_t index, std::vector<csv::Failure>& failures) {
  return Builder(plan, text, index, failures).build(plan.column.type, values);
}

std::string unreadable(const csv::ColumnPlan& plan) { return unreadable_within(plan); }

}  // namespace trommel::json
