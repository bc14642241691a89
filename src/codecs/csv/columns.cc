#include "codecs/csv/columns.h"

#include <arrow/api.h>
#include <arrow/util/base64.h>
#include <arrow/util/bitmap_ops.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "batch/text_value.h"

namespace trommel::csv {

namespace {

using arrow::Type;

/// Memory that Arrow will own; what is behind `size` bytes is not looked at.
class Memory {
 public:
  arrow::Status allocate(int64_t bytes) { return arrow::AllocateResizableBuffer(bytes).Value(&buffer_); }
  arrow::Status grow(int64_t bytes) { return buffer_->Resize(std::max(bytes, buffer_->capacity() * 2), false); }
  uint8_t* data() { return buffer_->mutable_data(); }
  int64_t capacity() const { return buffer_->capacity(); }
  std::shared_ptr<arrow::Buffer> take(int64_t bytes) {
    (void)buffer_->Resize(bytes, false);
    return std::move(buffer_);
  }

 private:
  std::unique_ptr<arrow::ResizableBuffer> buffer_;
};

/// Which rows hold a value: a byte a row while reading, bits in the end.
class Validity {
 public:
  arrow::Status allocate(int64_t rows) { return bytes_.allocate(std::max<int64_t>(rows, 1) + 8); }
  void set(size_t row, bool valid) {
    bytes_.data()[row] = valid ? 1 : 0;
    nulls_ += valid ? 0 : 1;
  }
  int64_t nulls() const { return nulls_; }
  /// Null where every row holds a value.
  arrow::Result<std::shared_ptr<arrow::Buffer>> finish(int64_t rows) {
    if (nulls_ == 0) return nullptr;
    return pack(bytes_.data(), rows);
  }
  static arrow::Result<std::shared_ptr<arrow::Buffer>> pack(const uint8_t* bytes, int64_t rows) {
    ARROW_ASSIGN_OR_RAISE(auto bits, arrow::AllocateEmptyBitmap(rows));
    uint8_t* out = bits->mutable_data();
    int64_t row = 0;
    for (; row + 8 <= rows; row += 8) {
      // Eight bytes of 0 or 1 to eight bits: the product puts byte i's bit at place 56 + i.
      out[row / 8] =
          static_cast<uint8_t>((load8(reinterpret_cast<const char*>(bytes) + row) * 0x0102040810204080) >> 56);
    }
    for (; row < rows; ++row) out[row / 8] = static_cast<uint8_t>(out[row / 8] | (bytes[row] << (row % 8)));
    return bits;
  }

 private:
  Memory bytes_;
  int64_t nulls_ = 0;
};

bool is_one_of(std::string_view text, const std::vector<std::string>& nulls) {
  for (const std::string& null : nulls) {
    if (text == null) return true;
  }
  return false;
}

// ---- a parser a type: `Value` as it lies in the buffer, `parse` in one go, `plan` for what it needs to know
// ------------------

template <class Int, bool strict>
struct ParseInt {
  using Value = Int;
  explicit ParseInt(const ColumnPlan&) {}
  bool operator()(const char* at, size_t size, Int& value) const {
    if constexpr (std::is_same_v<Int, uint64_t>) {
      return parse_uint64(at, size, value);
    } else {
      int64_t wide = 0;
      if (!parse_int64<strict>(at, size, wide) || !std::in_range<Int>(wide)) return false;
      value = static_cast<Int>(wide);
      return true;
    }
  }
};

template <class Float, bool strict>
struct ParseFloat {
  using Value = Float;
  explicit ParseFloat(const ColumnPlan&) {}
  bool operator()(const char* at, size_t size, Float& value) const {
    double wide = 0;
    if (!parse_double<strict>(at, size, wide)) return false;
    if constexpr (std::is_same_v<Float, float>) {
      if (std::isfinite(wide)) {
        // Rounded once, from the text: a double in between can be off by one.
        const size_t plus = *at == '+' ? 1 : 0;
        const auto [end, error] = std::from_chars(at + plus, at + size, value);
        return error == std::errc{} && end == at + size;
      }
    }
    value = static_cast<Float>(wide);
    return true;
  }
};

struct ParseBool {
  using Value = uint8_t;
  explicit ParseBool(const ColumnPlan& plan) : strict(plan.strict) {}
  bool strict;
  bool operator()(const char* at, size_t size, uint8_t& value) const {
    bool yes = false;
    if (parse_bool(at, size, yes)) {
      value = yes ? 1 : 0;
      return true;
    }
    const auto word = strict ? std::nullopt : bool_from_text({at, size});
    if (!word) return false;
    value = *word ? 1 : 0;
    return true;
  }
};

template <bool strict>
struct ParseDecimal {
  using Value = __int128;
  explicit ParseDecimal(const ColumnPlan& plan) {
    const auto& type = static_cast<const arrow::Decimal128Type&>(*plan.type);
    precision = type.precision();
    scale = type.scale();
  }
  int precision = 0, scale = 0;
  bool operator()(const char* at, size_t size, __int128& value) const {
    return parse_decimal<strict>(at, size, precision, scale, value) == DecimalOutcome::ok;
  }
};

struct ParseDate32 {
  using Value = int32_t;
  explicit ParseDate32(const ColumnPlan& plan) : layout(plan.layout), pattern(plan.pattern) {}
  DateLayout layout;
  std::string pattern;
  bool operator()(const char* at, size_t size, int32_t& value) const {
    if (pattern.empty()) return parse_date(at, size, layout, value);
    int64_t us = 0;
    bool zoned = false;
    if (!parse_by_pattern({at, size}, pattern, us, zoned) || us % 86400000000 != 0) return false;
    value = static_cast<int32_t>(us / 86400000000);
    return true;
  }
};

struct ParseDate64 : ParseDate32 {
  using Value = int64_t;
  using ParseDate32::ParseDate32;
  bool operator()(const char* at, size_t size, int64_t& value) const {
    int32_t days = 0;
    if (!ParseDate32::operator()(at, size, days)) return false;
    value = int64_t{days} * 86400000;
    return true;
  }
};

/// Microseconds and nanoseconds to the unit of the type; finer than the unit is refused, not cut off.
struct InUnit {
  explicit InUnit(arrow::TimeUnit::type unit) {
    if (unit == arrow::TimeUnit::SECOND) divide = 1000000;
    if (unit == arrow::TimeUnit::MILLI) divide = 1000;
    if (unit == arrow::TimeUnit::NANO) multiply = 1000;
  }
  int64_t divide = 1, multiply = 1;
  template <class Int>
  bool operator()(int64_t us, int32_t ns, Int& value) const {
    if (divide != 1 && us % divide != 0) return false;
    if (ns != 0 && multiply == 1) return false;
    int64_t scaled = 0;
    if (__builtin_mul_overflow(us / divide, multiply, &scaled) || __builtin_add_overflow(scaled, int64_t{ns}, &scaled))
      return false;
    value = static_cast<Int>(scaled);
    return true;
  }
};

struct ParseTimestamp {
  using Value = int64_t;
  explicit ParseTimestamp(const ColumnPlan& plan)
      : layout(plan.layout), pattern(plan.pattern), unit(static_cast<const arrow::TimestampType&>(*plan.type).unit()) {
    // What was written without a zone can only be meant in UTC where the type says so.
    const std::string& of_type = static_cast<const arrow::TimestampType&>(*plan.type).timezone();
    zone = of_type.empty() ? Zone::none : plan.strict || of_type != "UTC" ? Zone::required : Zone::either;
  }
  DateLayout layout;
  std::string pattern;
  InUnit unit;
  Zone zone;
  bool operator()(const char* at, size_t size, int64_t& value) const {
    int64_t us = 0;
    int32_t ns = 0;
    if (pattern.empty()) {
      if (!parse_timestamp(at, size, layout, zone, us, &ns)) return false;
    } else {
      bool zoned = false;
      if (!parse_by_pattern({at, size}, pattern, us, zoned, &ns) || (zoned && zone == Zone::none)) return false;
    }
    return unit(us, ns, value);
  }
};

template <class Int>
struct ParseTime {
  using Value = Int;
  explicit ParseTime(const ColumnPlan& plan)
      : pattern(plan.pattern), strict(plan.strict), unit(static_cast<const arrow::TimeType&>(*plan.type).unit()) {}
  std::string pattern;
  bool strict;
  InUnit unit;
  bool operator()(const char* at, size_t size, Int& value) const {
    int64_t us = 0;
    int32_t ns = 0;
    bool zoned = false;
    size_t used = 0;
    if (!pattern.empty()) {
      if (!parse_by_pattern({at, size}, pattern, us, zoned, &ns)) return false;
      us = (us % 86400000000 + 86400000000) % 86400000000;
    } else if (strict ? !parse_time(at, size, us, &ns) : !(parse_time_front(at, size, us, used, &ns) && used == size)) {
      return false;
    }
    return unit(us, ns, value);
  }
};

// ---- columns
// -------------------------------------------------------------------------------------------------------------

template <class Parse>
class FixedColumn : public Column {
  using Value = typename Parse::Value;

 public:
  FixedColumn(const ColumnPlan& plan, const Dialect& dialect, uint32_t index)
      : plan_(plan), dialect_(dialect), index_(index), parse_(plan) {}

  arrow::Status allocate(int64_t rows) {
    ARROW_RETURN_NOT_OK(values_.allocate(std::max<int64_t>(rows, 1) * static_cast<int64_t>(sizeof(Value)) + 8));
    return validity_.allocate(rows);
  }

  void take(const char* data, const Span* fields, size_t count, std::vector<Failure>& failures) override {
    Value* out = reinterpret_cast<Value*>(values_.data());
    for (size_t i = 0; i < count; ++i) {
      const Span field = fields[i];
      Value value{};
      const bool valid = field.length != 0 &&
                         (parse_(data + field.begin, field.length, value) || parse_again(data, field, value, failures));
      out[row_] = valid ? value : Value{};
      validity_.set(row_++, valid);
    }
  }

  Result<std::shared_ptr<arrow::Array>> finish() override {
    const auto rows = static_cast<int64_t>(row_);
    auto validity = validity_.finish(rows);
    if (!validity.ok()) return tl::unexpected(from_arrow(validity.status(), "csv"));
    std::shared_ptr<arrow::Buffer> values;
    if (plan_.type->id() == Type::BOOL) {
      auto bits = Validity::pack(values_.data(), rows);
      if (!bits.ok()) return tl::unexpected(from_arrow(bits.status(), "csv"));
      values = *bits;
    } else {
      values = values_.take(rows * static_cast<int64_t>(sizeof(Value)));
    }
    return arrow::MakeArray(
        arrow::ArrayData::Make(plan_.type, rows, {*validity, std::move(values)}, validity_.nulls()));
  }

 private:
  /// Blanks around it, a null marker, undone quotes: what is rare. NULL is `false` without a failure.
  [[gnu::noinline]] bool parse_again(const char* data, Span field, Value& value, std::vector<Failure>& failures) {
    std::string_view text = field.in(data);
    std::string undone;
    if (field.escaped) {
      undone = plain_text(text, dialect_);
      const size_t size = undone.size();
      undone.append(kPadding, '\0');
      text = std::string_view(undone).substr(0, size);
    }
    if (is_one_of(text, plan_.nulls)) return false;
    const std::string_view inner = trimmed(text);
    if (is_one_of(inner, plan_.nulls)) return false;
    if (!inner.empty() && inner.size() != field.length && parse_(inner.data(), inner.size(), value)) return true;
    failures.push_back({static_cast<uint32_t>(row_), index_, field});
    return false;
  }

  const ColumnPlan& plan_;
  const Dialect& dialect_;
  uint32_t index_;
  Parse parse_;
  Memory values_;
  Validity validity_;
  size_t row_ = 0;
};

/// Takes the quoting of `content` back; returns how many bytes were written.
size_t undo_quotes(const char* at, size_t size, const Dialect& dialect, char* out) {
  char* const begin = out;
  const char* const end = at + size;
  while (at < end) {
    if (dialect.escape != 0 && *at == dialect.escape && at + 1 < end) {
      *out++ = at[1];
      at += 2;
    } else if (*at == dialect.quote && at + 1 < end && at[1] == dialect.quote) {
      *out++ = *at;
      at += 2;
    } else {
      *out++ = *at++;
    }
  }
  return static_cast<size_t>(out - begin);
}

/// Text as it stands.
struct KeepText {
  explicit KeepText(const ColumnPlan&) {}
  static constexpr bool plain = true;
  bool operator()(const char*, size_t, std::string&) const { return true; }
};

/// Binary written as base64.
struct FromBase64 {
  explicit FromBase64(const ColumnPlan&) {}
  static constexpr bool plain = false;
  bool operator()(const char* at, size_t size, std::string& value) const {
    auto bytes = arrow::util::base64_decode(std::string_view(at, size));
    if (!bytes.ok()) return false;
    value = std::move(bytes).ValueUnsafe();
    return true;
  }
};

template <class Convert, class Offset>
class TextColumn : public Column {
 public:
  TextColumn(const ColumnPlan& plan, const Dialect& dialect, uint32_t index)
      : plan_(plan), dialect_(dialect), index_(index), convert_(plan) {}

  arrow::Status allocate(int64_t rows) {
    ARROW_RETURN_NOT_OK(offsets_.allocate((rows + 1) * static_cast<int64_t>(sizeof(Offset))));
    ARROW_RETURN_NOT_OK(bytes_.allocate(rows * 16 + 64));
    reinterpret_cast<Offset*>(offsets_.data())[0] = 0;
    return validity_.allocate(rows);
  }

  void take(const char* data, const Span* fields, size_t count, std::vector<Failure>& failures) override {
    int64_t needed = used_ + 64;
    for (size_t i = 0; i < count; ++i) needed += fields[i].length;
    if (needed > bytes_.capacity()) status_ &= bytes_.grow(needed);
    if (!status_.ok()) return;
    char* out = reinterpret_cast<char*>(bytes_.data()) + used_;
    Offset* offsets = reinterpret_cast<Offset*>(offsets_.data());
    char* const begin = reinterpret_cast<char*>(bytes_.data());
    const bool markers = !plan_.nulls.empty();
    for (size_t i = 0; i < count; ++i) {
      const Span field = fields[i];
      const char* at = data + field.begin;
      bool valid = field.length != 0 || field.quoted;
      if (markers && !field.quoted && is_one_of(field.in(data), plan_.nulls)) {
        valid = false;
      } else if constexpr (!Convert::plain) {
        valid = valid && convert(data, field, out, failures);
      } else if (field.escaped) {
        out += undo_quotes(at, field.length, dialect_, out);
      } else if (field.length <= 16) {
        std::memcpy(out, at, 16);
        out += field.length;
      } else {
        std::memcpy(out, at, field.length);
        out += field.length;
      }
      validity_.set(row_++, valid);
      offsets[row_] = static_cast<Offset>(out - begin);
    }
    used_ = out - begin;
  }

  Result<std::shared_ptr<arrow::Array>> finish() override {
    if (!status_.ok()) return tl::unexpected(from_arrow(status_, "csv"));
    const auto rows = static_cast<int64_t>(row_);
    auto validity = validity_.finish(rows);
    if (!validity.ok()) return tl::unexpected(from_arrow(validity.status(), "csv"));
    return arrow::MakeArray(arrow::ArrayData::Make(
        plan_.type, rows,
        {*validity, offsets_.take((rows + 1) * static_cast<int64_t>(sizeof(Offset))), bytes_.take(used_)},
        validity_.nulls()));
  }

 private:
  bool convert(const char* data, Span field, char*& out, std::vector<Failure>& failures) {
    std::string plain = field.escaped ? plain_text(field.in(data), dialect_) : std::string(field.in(data)), value;
    if (!convert_(plain.data(), plain.size(), value) || value.size() > field.length) {
      failures.push_back({static_cast<uint32_t>(row_), index_, field});
      return false;
    }
    std::memcpy(out, value.data(), value.size());
    out += value.size();
    return true;
  }

  const ColumnPlan& plan_;
  const Dialect& dialect_;
  uint32_t index_;
  Convert convert_;
  Memory offsets_, bytes_;
  Validity validity_;
  int64_t used_ = 0;
  size_t row_ = 0;
  arrow::Status status_;
};

/// A column that the file does not have.
class NullColumn : public Column {
 public:
  NullColumn(const ColumnPlan& plan, int64_t rows) : plan_(plan), rows_(rows) {}
  void take(const char*, const Span*, size_t, std::vector<Failure>&) override {}
  Result<std::shared_ptr<arrow::Array>> finish() override {
    auto made = arrow::MakeArrayOfNull(plan_.type, rows_);
    if (!made.ok()) return tl::unexpected(from_arrow(made.status(), "csv"));
    return *made;
  }

 private:
  const ColumnPlan& plan_;
  int64_t rows_;
};

/// 32 hexadecimal digits, with dashes or without.
struct ParseUuid {
  using Value = __int128;  // sixteen bytes in the order in which they are written
  explicit ParseUuid(const ColumnPlan&) {}
  bool operator()(const char* at, size_t size, __int128& value) const {
    if (size > 2 && *at == '{' && at[size - 1] == '}') {
      ++at;
      size -= 2;
    }
    if (size != 36 && size != 32) return false;
    std::array<uint8_t, 16> bytes{};
    size_t digits = 0;
    for (size_t i = 0; i < size; ++i) {
      if (size == 36 && (i == 8 || i == 13 || i == 18 || i == 23)) {
        if (at[i] != '-') return false;
        continue;
      }
      const char c = at[i], lower = static_cast<char>(c | 0x20);
      const int digit = c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
      if (digit < 0) return false;
      bytes[digits / 2] = static_cast<uint8_t>(bytes[digits / 2] << 4 | digit);
      ++digits;
    }
    std::memcpy(&value, bytes.data(), 16);
    return true;
  }
};

/// Calls `make.template operator()<Column>()` with the column class for the type; false if there is none.
template <bool strict, class Make>
bool with_column(const arrow::DataType& type, Make&& make) {
  switch (type.id()) {
    case Type::BOOL:
      make.template operator()<FixedColumn<ParseBool>>();
      return true;
    case Type::INT8:
      make.template operator()<FixedColumn<ParseInt<int8_t, strict>>>();
      return true;
    case Type::INT16:
      make.template operator()<FixedColumn<ParseInt<int16_t, strict>>>();
      return true;
    case Type::INT32:
      make.template operator()<FixedColumn<ParseInt<int32_t, strict>>>();
      return true;
    case Type::INT64:
      make.template operator()<FixedColumn<ParseInt<int64_t, strict>>>();
      return true;
    case Type::UINT8:
      make.template operator()<FixedColumn<ParseInt<uint8_t, strict>>>();
      return true;
    case Type::UINT16:
      make.template operator()<FixedColumn<ParseInt<uint16_t, strict>>>();
      return true;
    case Type::UINT32:
      make.template operator()<FixedColumn<ParseInt<uint32_t, strict>>>();
      return true;
    case Type::UINT64:
      make.template operator()<FixedColumn<ParseInt<uint64_t, strict>>>();
      return true;
    case Type::FLOAT:
      make.template operator()<FixedColumn<ParseFloat<float, strict>>>();
      return true;
    case Type::DOUBLE:
      make.template operator()<FixedColumn<ParseFloat<double, strict>>>();
      return true;
    case Type::DECIMAL128:
      make.template operator()<FixedColumn<ParseDecimal<strict>>>();
      return true;
    case Type::DATE32:
      make.template operator()<FixedColumn<ParseDate32>>();
      return true;
    case Type::DATE64:
      make.template operator()<FixedColumn<ParseDate64>>();
      return true;
    case Type::TIMESTAMP:
      make.template operator()<FixedColumn<ParseTimestamp>>();
      return true;
    case Type::TIME32:
      make.template operator()<FixedColumn<ParseTime<int32_t>>>();
      return true;
    case Type::TIME64:
      make.template operator()<FixedColumn<ParseTime<int64_t>>>();
      return true;
    case Type::STRING:
      make.template operator()<TextColumn<KeepText, int32_t>>();
      return true;
    case Type::LARGE_STRING:
      make.template operator()<TextColumn<KeepText, int64_t>>();
      return true;
    case Type::BINARY:
      make.template operator()<TextColumn<FromBase64, int32_t>>();
      return true;
    case Type::LARGE_BINARY:
      make.template operator()<TextColumn<FromBase64, int64_t>>();
      return true;
    case Type::FIXED_SIZE_BINARY:
      if (static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width() != 16) return false;
      make.template operator()<FixedColumn<ParseUuid>>();
      return true;
    case Type::EXTENSION: {
      const auto& extension = static_cast<const arrow::ExtensionType&>(type);
      return extension.extension_name() == "arrow.uuid" && with_column<strict>(*extension.storage_type(), make);
    }
    default:
      return false;
  }
}

}  // namespace

std::string plain_text(std::string_view content, const Dialect& dialect) {
  std::string out(content.size(), '\0');
  out.resize(undo_quotes(content.data(), content.size(), dialect, out.data()));
  return out;
}

void take_contract(const Contract& contract, ColumnPlan& column) {
  column.nulls.insert(column.nulls.end(), contract.nulls.begin(), contract.nulls.end());
  if (const ContractColumn* known = contract.find(column.name)) {
    column.nulls.insert(column.nulls.end(), known->nulls.begin(), known->nulls.end());
    column.pattern = known->format;
  }
  std::erase(column.nulls, std::string());
}

std::string unreadable(const ColumnPlan& plan) {
  const auto nothing = []<class C>() {};
  if (!with_column<false>(*plan.type, nothing)) return "a " + plan.type->ToString() + " has no spelling in CSV";
  if (const std::string directive = unknown_directive(plan.pattern); !directive.empty())
    return "its format has " + directive + ", which is not known";
  return {};
}

Result<std::unique_ptr<Column>> make_column(const ColumnPlan& plan, const Dialect& dialect, uint32_t index,
                                            int64_t rows) {
  if (plan.from < 0) return std::make_unique<NullColumn>(plan, rows);
  std::unique_ptr<Column> column;
  arrow::Status status;
  const auto make = [&]<class C>() {
    auto made = std::make_unique<C>(plan, dialect, index);
    status = made->allocate(rows);
    column = std::move(made);
  };
  const bool known = plan.strict ? with_column<true>(*plan.type, make) : with_column<false>(*plan.type, make);
  if (!known)
    return internal_error("csv", "column " + plan.name + " of a type that cannot be read: " + plan.type->ToString());
  if (!status.ok()) return tl::unexpected(from_arrow(status, "csv"));
  return column;
}

}  // namespace trommel::csv
