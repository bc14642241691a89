#include "connectors/clickhouse/native.h"

#include <arrow/api.h>

#include <bit>
#include <cstring>

namespace trommel::clickhouse {
namespace {

using Kind = ColumnType::Kind;
static_assert(std::endian::native == std::endian::little,
              "blocks are little-endian, and so is what they are copied from");

constexpr size_t longest_length = 10;

/// Seven bits a byte, the lowest first; all but the last have the eighth bit set. Returns what follows.
char* put_length(char* at, uint64_t length) {
  while (length > 127) {
    *at++ = static_cast<char>(length | 128);
    length >>= 7;
  }
  *at++ = static_cast<char>(length);
  return at;
}

void add_length(std::string& out, uint64_t length) {
  char bytes[longest_length];
  out.append(bytes, put_length(bytes, length));
}

void add_text(std::string& out, const std::string& text) {
  add_length(out, text.size());
  out += text;
}

/// Room for so many bytes more at the end of `out`.
char* grow(std::string& out, size_t bytes) {
  const size_t before = out.size();
  out.resize(before + bytes);
  return out.data() + before;
}

void append_nulls(const arrow::Array& column, std::string& out) {
  const auto rows = static_cast<size_t>(column.length());
  char* at = grow(out, rows);
  if (column.null_count() == 0) return;
  for (int64_t row = 0; row < column.length(); ++row) at[row] = column.IsNull(row) ? 1 : 0;
}

template <class Array>
void append_texts(const Array& column, std::string& out) {
  const int64_t rows = column.length();
  if (rows == 0) return;
  const auto bytes = static_cast<size_t>(column.value_offset(rows) - column.value_offset(0));
  const size_t before = out.size();
  out.resize(before + bytes + static_cast<size_t>(rows) * longest_length);
  char* at = out.data() + before;
  const bool has_nulls = column.null_count() > 0;
  for (int64_t row = 0; row < rows; ++row) {
    if (has_nulls && column.IsNull(row)) {
      *at++ = 0;
      continue;
    }
    const std::string_view text = column.GetView(row);
    at = put_length(at, text.size());
    std::memcpy(at, text.data(), text.size());
    at += text.size();
  }
  out.resize(static_cast<size_t>(at - out.data()));
}

void append_any_texts(const arrow::Array& column, std::string& out) {
  const auto id = column.type_id();
  if (id == arrow::Type::LARGE_STRING || id == arrow::Type::LARGE_BINARY) {
    append_texts(static_cast<const arrow::LargeBinaryArray&>(column), out);
  } else {
    append_texts(static_cast<const arrow::BinaryArray&>(column), out);
  }
}

void append_fixed_texts(const arrow::Array& column, size_t width, std::string& out) {
  const auto& texts = static_cast<const arrow::BinaryArray&>(column);
  char* at = grow(out, static_cast<size_t>(column.length()) * width);
  for (int64_t row = 0; row < column.length(); ++row, at += width)
    if (!column.IsNull(row)) std::memcpy(at, texts.GetView(row).data(), width);
}

/// Values of `from` bytes each, of which the lowest `to` are taken; NULL is 0, so that equal rows are equal bytes.
void append_fixed(const arrow::Array& column, size_t from, size_t to, std::string& out) {
  const auto rows = static_cast<size_t>(column.length());
  const uint8_t* values = column.data()->buffers[1]->data() + static_cast<size_t>(column.offset()) * from;
  char* at = grow(out, rows * to);
  if (from == to) {
    std::memcpy(at, values, rows * to);
  } else {
    for (size_t row = 0; row < rows; ++row) std::memcpy(at + row * to, values + row * from, to);
  }
  if (column.null_count() == 0) return;
  for (size_t row = 0; row < rows; ++row)
    if (column.IsNull(static_cast<int64_t>(row))) std::memset(at + row * to, 0, to);
}

void append_bools(const arrow::Array& column, std::string& out) {
  const auto& bools = static_cast<const arrow::BooleanArray&>(column);
  char* at = grow(out, static_cast<size_t>(column.length()));
  for (int64_t row = 0; row < column.length(); ++row) at[row] = !column.IsNull(row) && bools.Value(row) ? 1 : 0;
}

/// Two numbers of eight bytes, the higher one first, each little-endian.
void append_uuids(const arrow::Array& column, std::string& out) {
  const auto& storage = *static_cast<const arrow::ExtensionArray&>(column).storage();
  const auto& uuids = static_cast<const arrow::FixedSizeBinaryArray&>(storage);
  char* at = grow(out, static_cast<size_t>(column.length()) * 16);
  for (int64_t row = 0; row < column.length(); ++row, at += 16) {
    if (column.IsNull(row)) continue;
    const uint8_t* value = uuids.GetValue(row);
    for (int half = 0; half < 2; ++half)
      for (int i = 0; i < 8; ++i) at[half * 8 + i] = static_cast<char>(value[half * 8 + 7 - i]);
  }
}

size_t width_of(const arrow::DataType& type) { return static_cast<size_t>(type.bit_width()) / 8; }

}  // namespace

size_t NativeWriter::Values::bytes() const {
  return offsets.size() + nulls.size() + values.size() + (item.empty() ? 0 : item[0].bytes());
}

void NativeWriter::Values::clear() {
  offsets.clear();
  nulls.clear();
  values.clear();
  items = 0;
  for (Values& inner : item) inner.clear();
}

void NativeWriter::Values::write(std::string& out) const {
  out += offsets;
  out += nulls;
  out += values;
  for (const Values& inner : item) inner.write(out);
}

NativeWriter::Values NativeWriter::values_for(const ColumnType& type) {
  Values values;
  if (type.item) values.item.push_back(values_for(*type.item));
  return values;
}

NativeWriter::NativeWriter(std::vector<NativeColumn> columns) : columns_(std::move(columns)) {
  for (const NativeColumn& column : columns_) values_.push_back(values_for(column.type));
}

void NativeWriter::append(const arrow::Array& column, const ColumnType& type, Values& values) {
  if (type.nullable) append_nulls(column, values.nulls);
  const auto width = static_cast<size_t>(type.width);
  switch (type.kind) {
    case Kind::boolean:
      append_bools(column, values.values);
      break;
    case Kind::number:
    case Kind::date:
    case Kind::timestamp:
    case Kind::decimal:
      append_fixed(column, width_of(*column.type()), width, values.values);
      break;
    case Kind::text:
      append_any_texts(column, values.values);
      break;
    case Kind::fixed_text:
      append_fixed_texts(column, width, values.values);
      break;
    case Kind::uuid:
      append_uuids(column, values.values);
      break;
    case Kind::array: {
      const auto& lists = static_cast<const arrow::ListArray&>(column);
      char* at = grow(values.offsets, static_cast<size_t>(lists.length()) * sizeof(uint64_t));
      const int64_t first = lists.value_offset(0);
      for (int64_t row = 0; row < lists.length(); ++row, at += sizeof(uint64_t)) {
        const uint64_t end = values.items + static_cast<uint64_t>(lists.value_offset(row + 1) - first);
        std::memcpy(at, &end, sizeof(end));
      }
      const int64_t items = lists.value_offset(lists.length()) - first;
      append(*lists.values()->Slice(first, items), *type.item, values.item[0]);
      values.items += static_cast<uint64_t>(items);
      break;
    }
  }
}

void NativeWriter::append(const std::vector<std::shared_ptr<arrow::Array>>& columns, int64_t rows) {
  if (rows == 0) return;
  size_t next = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].constant) continue;
    append(*columns[next++], columns_[i].type, values_[i]);
  }
  rows_ += rows;
}

size_t NativeWriter::bytes() const {
  size_t bytes = 0;
  for (const Values& values : values_) bytes += values.bytes();
  return bytes;
}

void NativeWriter::finish(std::string& out) {
  out.reserve(out.size() + bytes() + 64 * columns_.size());
  add_length(out, columns_.size());
  add_length(out, static_cast<uint64_t>(rows_));
  for (size_t i = 0; i < columns_.size(); ++i) {
    add_text(out, columns_[i].name);
    add_text(out, columns_[i].type.sent_as());
    if (const auto& constant = columns_[i].constant) {
      char* at = grow(out, static_cast<size_t>(rows_) * sizeof(*constant));
      for (int64_t row = 0; row < rows_; ++row, at += sizeof(*constant)) std::memcpy(at, &*constant, sizeof(*constant));
    }
    values_[i].write(out);
    values_[i].clear();
  }
  rows_ = 0;
}

}  // namespace trommel::clickhouse
