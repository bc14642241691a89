#include "connectors/clickhouse/native_reader.h"

#include <arrow/api.h>
#include <arrow/util/utf8.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace trommel::clickhouse {
namespace {

using Kind = ColumnType::Kind;

tl::unexpected<Error> torn() { return external_error("", "the answer ends within a block, or is none"); }

/// The bytes that are still to be read.
class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }

  Result<std::string_view> take(uint64_t size) {
    if (size > rest_.size()) return torn();
    const auto out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }

  /// Seven bits a byte, the lowest first.
  Result<uint64_t> length() {
    uint64_t out = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      out |= uint64_t{byte & 127u} << shift;
      if (byte < 128) return out;
    }
    return torn();
  }

  Result<std::string_view> text() {
    ASSIGN(const uint64_t size, length());
    return take(size);
  }

 private:
  std::string_view rest_;
};

Result<std::shared_ptr<arrow::Buffer>> copied(std::string_view bytes) {
  auto buffer = arrow::AllocateBuffer(static_cast<int64_t>(bytes.size()));
  if (!buffer.ok()) return tl::unexpected(from_arrow(buffer.status(), "answer"));
  std::memcpy((*buffer)->mutable_data(), bytes.data(), bytes.size());
  return std::shared_ptr<arrow::Buffer>(std::move(*buffer));
}

/// A bitmap of what is no NULL; nothing where all are.
Result<std::shared_ptr<arrow::Buffer>> validity(std::string_view nulls) {
  if (nulls.find_first_not_of('\0') == std::string_view::npos) return std::shared_ptr<arrow::Buffer>();
  auto bits = arrow::AllocateEmptyBitmap(static_cast<int64_t>(nulls.size()));
  if (!bits.ok()) return tl::unexpected(from_arrow(bits.status(), "answer"));
  for (size_t i = 0; i < nulls.size(); ++i)
    if (nulls[i] == '\0') (*bits)->mutable_data()[i / 8] |= static_cast<uint8_t>(1u << (i % 8));
  return *bits;
}

/// Bytes that are no UTF-8 become U+FFFD.
std::string made_utf8(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t size = 1;
    const auto first = static_cast<unsigned char>(text[at]);
    if (first >= 0xC2) size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    size = std::min(size, text.size() - at);
    const bool valid = arrow::util::ValidateUTF8(text.substr(at, size));
    out += valid ? text.substr(at, size) : std::string_view("\xEF\xBF\xBD");
    at += valid ? size : 1;
  }
  return out;
}

template <class To, class From>
Result<std::shared_ptr<arrow::Buffer>> widened(std::string_view bytes) {
  const size_t rows = bytes.size() / sizeof(From);
  auto buffer = arrow::AllocateBuffer(static_cast<int64_t>(rows * sizeof(To)));
  if (!buffer.ok()) return tl::unexpected(from_arrow(buffer.status(), "answer"));
  for (size_t row = 0; row < rows; ++row) {
    From from;
    std::memcpy(&from, bytes.data() + row * sizeof(From), sizeof(From));
    const To to = from;
    std::memcpy((*buffer)->mutable_data() + row * sizeof(To), &to, sizeof(To));
  }
  return std::shared_ptr<arrow::Buffer>(std::move(*buffer));
}

class ColumnReader {
 public:
  ColumnReader(Input& input, uint64_t rows) : input_(input), rows_(rows) {}

  /// `type.arrow` with the values of the wire.
  Result<std::shared_ptr<arrow::Array>> read(const ColumnType& type, const Type& as) {
    std::shared_ptr<arrow::Buffer> valid;
    if (type.nullable) {
      ASSIGN(const auto nulls, input_.take(rows_));
      ASSIGN(valid, validity(nulls));
    }
    switch (type.kind) {
      case Kind::boolean:
        return read_bools(valid);
      case Kind::text:
        return read_texts(valid);
      case Kind::fixed_text:
        return read_fixed_texts(type, valid);
      case Kind::uuid:
        return read_uuids(valid);
      case Kind::array:
        return read_lists(type, as);
      default:
        return read_numbers(type, as, valid);
    }
  }

 private:
  Result<std::shared_ptr<arrow::Array>> made(const Type& type, std::vector<std::shared_ptr<arrow::Buffer>> buffers,
                                             const std::shared_ptr<arrow::Buffer>& valid) const {
    buffers.insert(buffers.begin(), valid);
    return arrow::MakeArray(arrow::ArrayData::Make(type, static_cast<int64_t>(rows_), std::move(buffers),
                                                   valid ? arrow::kUnknownNullCount : 0));
  }

  Result<std::string_view> take_fixed(uint64_t width) {
    if (rows_ > UINT32_MAX) return torn();
    return input_.take(rows_ * width);
  }

  Result<std::shared_ptr<arrow::Array>> read_numbers(const ColumnType& type, const Type& as,
                                                     const std::shared_ptr<arrow::Buffer>& valid) {
    ASSIGN(const auto bytes, take_fixed(static_cast<uint64_t>(type.width)));
    std::shared_ptr<arrow::Buffer> values;
    if (type.kind == Kind::date && type.width == 2) {
      ASSIGN(values, (widened<int32_t, uint16_t>(bytes)));
    } else if (type.kind == Kind::timestamp && type.width == 4) {
      ASSIGN(values, (widened<int64_t, uint32_t>(bytes)));
    } else if (type.kind == Kind::decimal && type.width < 16) {
      return read_small_decimals(type, bytes, valid);
    } else {
      ASSIGN(values, copied(bytes));
    }
    return made(as, {std::move(values)}, valid);
  }

  Result<std::shared_ptr<arrow::Array>> read_small_decimals(const ColumnType& type, std::string_view bytes,
                                                            const std::shared_ptr<arrow::Buffer>& valid) {
    auto buffer = arrow::AllocateBuffer(static_cast<int64_t>(rows_ * 16));
    if (!buffer.ok()) return tl::unexpected(from_arrow(buffer.status(), "answer"));
    for (uint64_t row = 0; row < rows_; ++row) {
      int64_t value = 0;
      int32_t small = 0;
      if (type.width == 4) {
        std::memcpy(&small, bytes.data() + row * 4, 4);
        value = small;
      } else {
        std::memcpy(&value, bytes.data() + row * 8, 8);
      }
      arrow::Decimal128(value).ToBytes((*buffer)->mutable_data() + row * 16);
    }
    return made(type.arrow, {std::shared_ptr<arrow::Buffer>(std::move(*buffer))}, valid);
  }

  Result<std::shared_ptr<arrow::Array>> read_bools(const std::shared_ptr<arrow::Buffer>& valid) {
    ASSIGN(const auto bytes, take_fixed(1));
    auto bits = arrow::AllocateEmptyBitmap(static_cast<int64_t>(rows_));
    if (!bits.ok()) return tl::unexpected(from_arrow(bits.status(), "answer"));
    for (size_t i = 0; i < bytes.size(); ++i)
      if (bytes[i] != '\0') (*bits)->mutable_data()[i / 8] |= static_cast<uint8_t>(1u << (i % 8));
    return made(arrow::boolean(), {*bits}, valid);
  }

  template <class Next>
  Result<std::shared_ptr<arrow::Array>> build_texts(const std::shared_ptr<arrow::Buffer>& valid, const Next& next) {
    static const bool initialized = [] {
      arrow::util::InitializeUTF8();
      return true;
    }();
    (void)initialized;
    arrow::StringBuilder builder;
    for (uint64_t row = 0; row < rows_; ++row) {
      ASSIGN(const std::string_view text, next(row));
      const bool null = valid && (valid->data()[row / 8] >> (row % 8) & 1) == 0;
      const auto added = null                              ? builder.AppendNull()
                         : arrow::util::ValidateUTF8(text) ? builder.Append(text)
                                                           : builder.Append(made_utf8(text));
      if (!added.ok()) return tl::unexpected(from_arrow(added, "answer"));
    }
    auto array = builder.Finish();
    if (!array.ok()) return tl::unexpected(from_arrow(array.status(), "answer"));
    return *array;
  }

  Result<std::shared_ptr<arrow::Array>> read_texts(const std::shared_ptr<arrow::Buffer>& valid) {
    return build_texts(valid, [&](uint64_t) { return input_.text(); });
  }

  /// What is shorter than its column was filled up with zeros.
  Result<std::shared_ptr<arrow::Array>> read_fixed_texts(const ColumnType& type,
                                                         const std::shared_ptr<arrow::Buffer>& valid) {
    const auto width = static_cast<uint64_t>(type.width);
    ASSIGN(const auto bytes, take_fixed(width));
    return build_texts(valid, [&](uint64_t row) -> Result<std::string_view> {
      const auto text = bytes.substr(row * width, width);
      const auto last = text.find_last_not_of('\0');
      return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
    });
  }

  Result<std::shared_ptr<arrow::Array>> read_uuids(const std::shared_ptr<arrow::Buffer>& valid) {
    ASSIGN(const auto bytes, take_fixed(16));
    ASSIGN(auto buffer, copied(bytes));
    uint8_t* values = const_cast<uint8_t*>(buffer->data());
    for (uint64_t half = 0; half < rows_ * 2; ++half) std::reverse(values + half * 8, values + half * 8 + 8);
    return made(uuid_type(), {std::move(buffer)}, valid);
  }

  Result<std::shared_ptr<arrow::Array>> read_lists(const ColumnType& type, const Type& as) {
    ASSIGN(const auto bytes, take_fixed(sizeof(uint64_t)));
    auto offsets = arrow::AllocateBuffer(static_cast<int64_t>((rows_ + 1) * sizeof(int32_t)));
    if (!offsets.ok()) return tl::unexpected(from_arrow(offsets.status(), "answer"));
    auto* at = reinterpret_cast<int32_t*>((*offsets)->mutable_data());
    *at = 0;
    uint64_t end = 0;
    for (uint64_t row = 0; row < rows_; ++row) {
      uint64_t next = 0;
      std::memcpy(&next, bytes.data() + row * sizeof(uint64_t), sizeof(uint64_t));
      if (next < end || next > INT32_MAX) return torn();
      at[row + 1] = static_cast<int32_t>(end = next);
    }
    ASSIGN(const auto items,
           ColumnReader(input_, end).read(*type.item, static_cast<const arrow::ListType&>(*as).value_type()));
    return std::shared_ptr<arrow::Array>(
        std::make_shared<arrow::ListArray>(arrow::list(items->type()), static_cast<int64_t>(rows_),
                                           std::shared_ptr<arrow::Buffer>(std::move(*offsets)), items));
  }

  Input& input_;
  uint64_t rows_;
};

/// The zone within `DateTime('Europe/Berlin')`; empty: none.
std::string zone_in(std::string_view type) {
  const size_t begin = type.find('\'');
  const size_t end = begin == std::string_view::npos ? begin : type.find('\'', begin + 1);
  return end == std::string_view::npos ? "" : std::string(type.substr(begin + 1, end - begin - 1));
}

Type arrow_type(const ColumnType& type, const Engine& engine) {
  if (type.kind == Kind::array) return arrow::list(arrow_type(*type.item, engine));
  if (type.kind == Kind::fixed_text) return text_type();
  if (type.kind != Kind::timestamp) return type.arrow;
  const auto unit = static_cast<const arrow::TimestampType&>(*type.arrow).unit();
  const auto zone = zone_in(type.text);
  // Older engines take every text for a time in the zone of the server: what comes from there is a moment.
  const bool is_clock = zone.empty() && engine.at_least(23, 7);
  return arrow::timestamp(unit, zone.empty() && !is_clock ? "UTC" : zone);
}

}  // namespace

Result<std::vector<AnswerColumn>> answer_columns(const std::vector<std::pair<std::string, std::string>>& columns,
                                                 const Engine& engine) {
  std::vector<AnswerColumn> out;
  for (const auto& [name, text] : columns) {
    auto type = parse_column_type(text, engine);
    if (type && type->low_cardinality) type = parse_column_type(type->sent_as(), engine);
    if (!type)
      return config_error("", fmt::format("column `{}` is a {}, which answers cannot have", name, text),
                          fmt::format("make another type of it: toString({})", name));
    out.push_back({name, *type, arrow_type(*type, engine)});
  }
  return out;
}

Schema schema_of(const std::vector<AnswerColumn>& columns) {
  std::vector<ColumnInfo> out;
  for (const AnswerColumn& column : columns) out.push_back({column.name, column.arrow, column.type.nullable});
  return make_schema(out);
}

Result<NativeAnswer> read_native(std::string_view bytes, const Engine& engine) {
  NativeAnswer out;
  Schema schema;
  for (Input input(bytes); !input.empty();) {
    ASSIGN(const uint64_t count, input.length());
    ASSIGN(const uint64_t rows, input.length());
    if (count == 0 && rows == 0) continue;
    if (schema && count != out.columns.size()) return torn();
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (uint64_t i = 0; i < count; ++i) {
      ASSIGN(const auto name, input.text());
      ASSIGN(const auto type, input.text());
      if (!schema) {
        ASSIGN(auto column, answer_columns({{std::string(name), std::string(type)}}, engine));
        out.columns.push_back(std::move(column[0]));
      }
      const AnswerColumn& column = out.columns[i];
      if (type != column.type.text) return torn();
      if (rows == 0) continue;
      ASSIGN(auto array, ColumnReader(input, rows).read(column.type, column.arrow));
      arrays.push_back(std::move(array));
    }
    if (!schema) schema = schema_of(out.columns);
    if (rows > 0) out.rows.push_back(arrow::RecordBatch::Make(schema, static_cast<int64_t>(rows), std::move(arrays)));
  }
  return out;
}

}  // namespace trommel::clickhouse
