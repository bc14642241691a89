#include "batch/row_digest.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "batch/types.h"

#define XXH_INLINE_ALL
#include "xxhash.h"

namespace trommel {
namespace {

using Id = arrow::Type;

// Rows are written out a piece at a time, so that they stay in the cache until they are hashed.
constexpr int64_t kPieceRows = 1024;
constexpr size_t kPieceBytes = 1 << 20;

// A value is written as its bytes behind one byte that says whether there is one, text behind four bytes that say how
// long it is plus one (0: NULL). That makes each value's end known, so that neighbours cannot run into each other.
constexpr uint32_t kMark = 1, kLength = 4;

bool is_short_text(Id::type id) { return id == Id::STRING || id == Id::BINARY; }
bool is_long_text(Id::type id) { return id == Id::LARGE_STRING || id == Id::LARGE_BINARY; }

// Bytes of a value of fixed width, 0 for other types.
uint32_t fixed_bytes(const arrow::DataType& type) {
  if (type.id() == Id::BOOL) return 1;
  if (type.id() == Id::EXTENSION || type.id() == Id::DICTIONARY || type.id() == Id::FIXED_SIZE_LIST) return 0;
  const int bits = type.bit_width();
  return bits > 0 && bits % 8 == 0 && arrow::is_fixed_width(type.id()) ? static_cast<uint32_t>(bits / 8) : 0;
}

bool comparable(const arrow::DataType& type) {
  switch (type.id()) {
    case Id::NA:
    case Id::STRING_VIEW:
    case Id::BINARY_VIEW:
      return true;
    case Id::LIST:
    case Id::LARGE_LIST:
    case Id::FIXED_SIZE_LIST:
    case Id::MAP:
    case Id::STRUCT:
      return std::ranges::all_of(type.fields(), [](const auto& field) { return comparable(*field->type()); });
    case Id::DICTIONARY:
      return comparable(*static_cast<const arrow::DictionaryType&>(type).value_type());
    case Id::EXTENSION:
      return comparable(*static_cast<const arrow::ExtensionType&>(type).storage_type());
    default:
      return is_short_text(type.id()) || is_long_text(type.id()) || fixed_bytes(type) > 0;
  }
}

// Reals that are equal are written alike: one zero, one NaN.
template <class Real>
Real plain(Real value) {
  if (std::isnan(value)) return std::numeric_limits<Real>::quiet_NaN();
  return value == 0 ? Real{0} : value;
}

// memcpy for a few bytes without the call.
void copy_few(uint8_t* to, const uint8_t* from, size_t bytes) {
  if (bytes > 16) {
    std::memcpy(to, from, bytes);
  } else if (bytes >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + bytes - 8, from + bytes - 8, 8);
  } else if (bytes >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + bytes - 4, from + bytes - 4, 4);
  } else {
    for (size_t i = 0; i < bytes; ++i) to[i] = from[i];
  }
}

void write_fixed(const arrow::Array& column, int64_t row, uint32_t bytes, uint8_t* to) {
  const int64_t at = column.offset() + row;
  const auto& buffer = column.data()->buffers[1];
  switch (column.type_id()) {
    case Id::BOOL:
      *to = static_cast<const arrow::BooleanArray&>(column).Value(row) ? 1 : 0;
      break;
    case Id::FLOAT: {
      const float value = plain(static_cast<const arrow::FloatArray&>(column).Value(row));
      std::memcpy(to, &value, sizeof(value));
      break;
    }
    case Id::DOUBLE: {
      const double value = plain(static_cast<const arrow::DoubleArray&>(column).Value(row));
      std::memcpy(to, &value, sizeof(value));
      break;
    }
    default:
      copy_few(to, buffer->data() + at * bytes, bytes);
  }
}

// ---- nested values, one at a time -----------------------------------------------------------------------------------

template <class Number>
void append_number(Number value, std::vector<uint8_t>& out) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
  out.insert(out.end(), bytes, bytes + sizeof(value));
}

void append_value(const arrow::Array& column, int64_t row, std::vector<uint8_t>& out);

void append_items(const arrow::Array& items, int64_t first, int64_t count, std::vector<uint8_t>& out) {
  append_number(static_cast<uint64_t>(count), out);
  for (int64_t i = 0; i < count; ++i) append_value(items, first + i, out);
}

void append_text(std::string_view text, std::vector<uint8_t>& out) {
  append_number(static_cast<uint64_t>(text.size()), out);
  out.insert(out.end(), text.begin(), text.end());
}

void append_value(const arrow::Array& column, int64_t row, std::vector<uint8_t>& out) {
  if (column.type_id() == Id::NA || column.IsNull(row)) {
    out.push_back(0);
    return;
  }
  if (column.type_id() == Id::DICTIONARY) {  // which may itself say NULL
    const auto& dictionary = static_cast<const arrow::DictionaryArray&>(column);
    return append_value(*dictionary.dictionary(), dictionary.GetValueIndex(row), out);
  }
  out.push_back(1);
  switch (column.type_id()) {
    case Id::STRING:
    case Id::BINARY:
      return append_text(static_cast<const arrow::BinaryArray&>(column).GetView(row), out);
    case Id::LARGE_STRING:
    case Id::LARGE_BINARY:
      return append_text(static_cast<const arrow::LargeBinaryArray&>(column).GetView(row), out);
    case Id::STRING_VIEW:
    case Id::BINARY_VIEW:
      return append_text(static_cast<const arrow::BinaryViewArray&>(column).GetView(row), out);
    case Id::LIST:
    case Id::MAP: {
      const auto& list = static_cast<const arrow::ListArray&>(column);
      return append_items(*list.values(), list.value_offset(row), list.value_length(row), out);
    }
    case Id::LARGE_LIST: {
      const auto& list = static_cast<const arrow::LargeListArray&>(column);
      return append_items(*list.values(), list.value_offset(row), list.value_length(row), out);
    }
    case Id::FIXED_SIZE_LIST: {
      const auto& list = static_cast<const arrow::FixedSizeListArray&>(column);
      return append_items(*list.values(), list.value_offset(row), list.value_length(row), out);
    }
    case Id::STRUCT: {
      for (const auto& field : static_cast<const arrow::StructArray&>(column).fields()) append_value(*field, row, out);
      return;
    }
    case Id::EXTENSION:
      return append_value(*static_cast<const arrow::ExtensionArray&>(column).storage(), row, out);
    default: {
      const uint32_t bytes = fixed_bytes(*column.type());
      out.resize(out.size() + bytes);
      write_fixed(column, row, bytes, out.data() + out.size() - bytes);
    }
  }
}

// ---- columns of a piece ---------------------------------------------------------------------------------------------

template <class Text>
void add_lengths(const Text& column, int64_t first, std::span<size_t> lengths) {
  for (size_t i = 0; i < lengths.size(); ++i) {
    const int64_t row = first + static_cast<int64_t>(i);
    lengths[i] += kLength + (column.IsNull(row) ? 0 : static_cast<size_t>(column.value_length(row)));
  }
}

template <class Text>
void write_texts(const Text& column, int64_t first, std::span<size_t> at, uint8_t* out) {
  const uint8_t* bytes = column.raw_data();
  const bool nulls = column.null_count() > 0;
  for (size_t i = 0; i < at.size(); ++i) {
    const int64_t row = first + static_cast<int64_t>(i);
    uint8_t* to = out + at[i];
    uint32_t mark = 0, length = 0;
    if (!nulls || column.IsValid(row)) {
      length = static_cast<uint32_t>(column.value_length(row));
      mark = length + 1;
      copy_few(to + kLength, bytes + column.value_offset(row), length);
    }
    std::memcpy(to, &mark, kLength);
    at[i] += kLength + length;
  }
}

// A NULL takes the same room, filled with zeros.
void write_fixed_column(const arrow::Array& column, int64_t first, uint32_t bytes, std::span<size_t> at, uint8_t* out) {
  const bool nulls = column.null_count() > 0;
  for (size_t i = 0; i < at.size(); ++i) {
    const int64_t row = first + static_cast<int64_t>(i);
    uint8_t* to = out + at[i];
    const bool null = nulls && column.IsNull(row);
    *to = null ? 0 : 1;
    if (null) {
      std::memset(to + kMark, 0, bytes);
    } else {
      write_fixed(column, row, bytes, to + kMark);
    }
    at[i] += kMark + bytes;
  }
}

const arrow::Array& storage(const arrow::Array& column) {
  return column.type_id() == Id::EXTENSION ? *static_cast<const arrow::ExtensionArray&>(column).storage() : column;
}

}  // namespace

Result<RowDigester> RowDigester::of(const arrow::Schema& schema, std::vector<int> columns) {
  std::string compares;
  for (const int column : columns) {
    const auto& field = schema.field(column);
    const std::string type = type_name(*field->type());
    if (!comparable(*field->type()))
      return config_error(
          "", fmt::format("column `{}` is {}, and values of that type cannot be compared", field->name(), type));
    compares += fmt::format("{}{} {}", compares.empty() ? "" : ", ", field->name(), type);
  }
  return RowDigester(std::move(columns), std::move(compares));
}

Result<RowDigester> RowDigester::of(const arrow::Schema& schema) {
  std::vector<int> columns(static_cast<size_t>(schema.num_fields()));
  std::iota(columns.begin(), columns.end(), 0);
  return of(schema, std::move(columns));
}

void RowDigester::digest(const arrow::RecordBatch& rows, std::vector<Digest>& digests) {
  digests.resize(static_cast<size_t>(rows.num_rows()));
  for (int64_t first = 0; first < rows.num_rows(); first += kPieceRows) {
    digest_some(rows, first, std::min(kPieceRows, rows.num_rows() - first), digests.data() + first);
  }
}

void RowDigester::digest_some(const arrow::RecordBatch& rows, int64_t first, int64_t count, Digest* digests) {
  const auto size = static_cast<size_t>(count);
  at_.assign(size, 0);  // first the lengths of the rows
  odd_.resize(columns_.size());
  odd_begins_.resize(columns_.size());
  size_t same = 0;  // bytes that every row has
  for (size_t c = 0; c < columns_.size(); ++c) {
    const arrow::Array& column = storage(*rows.column(columns_[c]));
    const uint32_t bytes = fixed_bytes(*column.type());
    if (bytes > 0) {
      same += kMark + bytes;
    } else if (is_short_text(column.type_id())) {
      add_lengths(static_cast<const arrow::BinaryArray&>(column), first, at_);
    } else if (is_long_text(column.type_id())) {
      add_lengths(static_cast<const arrow::LargeBinaryArray&>(column), first, at_);
    } else {
      odd_[c].clear();
      odd_begins_[c].assign(1, 0);
      for (size_t i = 0; i < size; ++i) {
        append_value(column, first + static_cast<int64_t>(i), odd_[c]);
        odd_begins_[c].push_back(odd_[c].size());
        at_[i] += odd_begins_[c][i + 1] - odd_begins_[c][i];
      }
    }
  }
  begins_.resize(size + 1);
  size_t end = 0;
  for (size_t i = 0; i < size; ++i) {
    begins_[i] = end;
    end += at_[i] + same;
    at_[i] = begins_[i];
  }
  begins_[size] = end;
  if (end > kPieceBytes && count > 1) {
    digest_some(rows, first, count / 2, digests);
    return digest_some(rows, first + count / 2, count - count / 2, digests + count / 2);
  }
  if (written_.size() < end) written_.resize(end);
  for (size_t c = 0; c < columns_.size(); ++c) {
    const arrow::Array& column = storage(*rows.column(columns_[c]));
    const uint32_t bytes = fixed_bytes(*column.type());
    if (bytes > 0) {
      write_fixed_column(column, first, bytes, at_, written_.data());
    } else if (is_short_text(column.type_id())) {
      write_texts(static_cast<const arrow::BinaryArray&>(column), first, at_, written_.data());
    } else if (is_long_text(column.type_id())) {
      write_texts(static_cast<const arrow::LargeBinaryArray&>(column), first, at_, written_.data());
    } else {
      for (size_t i = 0; i < size; ++i) {
        const size_t length = odd_begins_[c][i + 1] - odd_begins_[c][i];
        std::copy_n(odd_[c].data() + odd_begins_[c][i], length, written_.data() + at_[i]);
        at_[i] += length;
      }
    }
  }
  for (size_t i = 0; i < size; ++i) {
    const XXH128_hash_t hash = XXH3_128bits(written_.data() + begins_[i], begins_[i + 1] - begins_[i]);
    digests[i] = {hash.low64, hash.high64};
  }
}

}  // namespace trommel
