#include "codecs/text/spell.h"

#include <arrow/api.h>
#include <arrow/util/base64.h>
#include <arrow/util/decimal.h>

#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include "batch/time_unit.h"

namespace trommel::text {

namespace {

using arrow::Type;

template <class Int>
void append_integer(Int value, std::string& out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}

void append_two(uint32_t value, char* at) {
  at[0] = static_cast<char>('0' + value / 10);
  at[1] = static_cast<char>('0' + value % 10);
}

/// Year, month and day of a number of days since 1970-01-01. The year is counted from March: its day tells the month by
/// one division.
void append_date(int64_t days, std::string& out) {
  const int64_t shifted = days + 719468;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const auto day_of_era = static_cast<uint32_t>(shifted - era * 146097);
  const uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint32_t month = (5 * day_of_year + 2) / 153;
  const uint32_t day = day_of_year - (153 * month + 2) / 5 + 1;
  const int64_t year = era * 400 + year_of_era + (month >= 10 ? 1 : 0);
  if (year >= 0 && year <= 9999) {
    char text[10];
    append_two(static_cast<uint32_t>(year / 100), text);
    append_two(static_cast<uint32_t>(year % 100), text + 2);
    text[4] = '-';
    append_two(month < 10 ? month + 3 : month - 9, text + 5);
    text[7] = '-';
    append_two(day, text + 8);
    out.append(text, 10);
    return;
  }
  // ISO 8601's expanded form has a sign.
  if (year > 0) out += '+';
  append_integer(year, out);
  char text[6] = {'-', 0, 0, '-', 0, 0};
  append_two(month < 10 ? month + 3 : month - 9, text + 1);
  append_two(day, text + 4);
  out.append(text, 6);
}

/// A time of day in parts of a second; the fraction has as few groups of three digits as hold it.
void append_time(int64_t of_day, int64_t per_second, std::string& out) {
  const auto seconds = static_cast<uint32_t>(of_day / per_second);
  char text[8] = {0, 0, ':', 0, 0, ':', 0, 0};
  append_two(seconds / 3600, text);
  append_two(seconds / 60 % 60, text + 3);
  append_two(seconds % 60, text + 6);
  out.append(text, 8);
  int64_t fraction = of_day % per_second;
  if (fraction == 0) return;
  int digits = per_second == 1000 ? 3 : per_second == 1000000 ? 6 : 9;
  while (digits > 3 && fraction % 1000 == 0) {
    fraction /= 1000;
    digits -= 3;
  }
  char decimals[10];
  decimals[0] = '.';
  for (int i = digits; i > 0; --i) {
    decimals[i] = static_cast<char>('0' + fraction % 10);
    fraction /= 10;
  }
  out.append(decimals, static_cast<size_t>(digits) + 1);
}

/// `digits` (with a sign, perhaps) divided by ten to the power of `scale`.
void append_decimal(std::string_view digits, int32_t scale, std::string& out) {
  if (digits.starts_with('-')) {
    out += '-';
    digits.remove_prefix(1);
  }
  if (scale <= 0) {
    out += digits;
    if (digits != "0") out.append(static_cast<size_t>(-scale), '0');
    return;
  }
  const auto decimals = static_cast<size_t>(scale);
  if (digits.size() <= decimals) {
    out += "0.";
    out.append(decimals - digits.size(), '0');
    out += digits;
    return;
  }
  out += digits.substr(0, digits.size() - decimals);
  out += '.';
  out += digits.substr(digits.size() - decimals);
}

// ---- a speller a kind
// ------------------------------------------------------------------------------------------------------

template <class Array>
class OfArray : public Speller {
 public:
  explicit OfArray(std::shared_ptr<arrow::Array> column)
      : held_(std::move(column)), array_(static_cast<const Array&>(*held_)) {}

 protected:
  std::shared_ptr<arrow::Array> held_;
  const Array& array_;
};

template <class Array>
class Integers : public OfArray<Array> {
 public:
  using OfArray<Array>::OfArray;
  void spell(int64_t row, std::string& out) const override { append_integer(this->array_.Value(row), out); }
};

class Booleans : public OfArray<arrow::BooleanArray> {
 public:
  using OfArray::OfArray;
  void spell(int64_t row, std::string& out) const override { out += array_.Value(row) ? "true" : "false"; }
};

template <class Array>
class Floats : public OfArray<Array> {
 public:
  Floats(std::shared_ptr<arrow::Array> column, Style style) : OfArray<Array>(std::move(column)), style_(style) {}
  void spell(int64_t row, std::string& out) const override {
    const auto value = this->array_.Value(row);
    if (!std::isfinite(value)) {
      // JSON has no such numbers; as text they are not lost.
      const char* word = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
      if (style_ == Style::json) out += '"';
      out += word;
      if (style_ == Style::json) out += '"';
      return;
    }
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    const std::string_view text(digits, static_cast<size_t>(end - digits));
    out += text;
    if (style_ == Style::plain && text.find_first_of(".e") == std::string_view::npos) out += ".0";
  }

 private:
  Style style_;
};

template <class Array>
class Decimals : public OfArray<Array> {
 public:
  explicit Decimals(std::shared_ptr<arrow::Array> column)
      : OfArray<Array>(std::move(column)),
        scale_(static_cast<const arrow::DecimalType&>(*this->array_.type()).scale()) {}
  void spell(int64_t row, std::string& out) const override {
    using Decimal =
        std::conditional_t<std::is_same_v<Array, arrow::Decimal128Array>, arrow::Decimal128, arrow::Decimal256>;
    append_decimal(Decimal(this->array_.GetValue(row)).ToIntegerString(), scale_, out);
  }

 private:
  int32_t scale_;
};

/// Puts quotes around what the inner one spells, if the style asks for it.
template <class Inner>
class Quoted : public Speller {
 public:
  Quoted(Inner inner, Style style) : inner_(std::move(inner)), quotes_(style == Style::json) {}
  void spell(int64_t row, std::string& out) const override {
    if (quotes_) out += '"';
    inner_(row, out);
    if (quotes_) out += '"';
  }

 private:
  Inner inner_;
  bool quotes_;
};

template <class Inner>
std::unique_ptr<Speller> quoted(Inner inner, Style style) {
  return std::make_unique<Quoted<Inner>>(std::move(inner), style);
}

template <class Array>
class Texts : public OfArray<Array> {
 public:
  Texts(std::shared_ptr<arrow::Array> column, Style style) : OfArray<Array>(std::move(column)), style_(style) {}
  void spell(int64_t row, std::string& out) const override {
    if (style_ == Style::json)
      append_quoted(this->array_.GetView(row), out);
    else
      out += this->array_.GetView(row);
  }

 private:
  Style style_;
};

template <class Array>
std::unique_ptr<Speller> timestamps(std::shared_ptr<arrow::Array> column, Style style) {
  const auto& type = static_cast<const arrow::TimestampType&>(*column->type());
  const int64_t second = per_second(type.unit());
  const bool zoned = !type.timezone().empty();
  const char between = style == Style::json || zoned ? 'T' : ' ';
  return quoted(
      [column, second, zoned, between](int64_t row, std::string& out) {
        const int64_t value = static_cast<const Array&>(*column).Value(row), day = 86400 * second;
        const int64_t days = value / day - (value % day < 0 ? 1 : 0);
        append_date(days, out);
        out += between;
        append_time(value - days * day, second, out);
        if (zoned) out += 'Z';
      },
      style);
}

void append_uuid(std::string_view bytes, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    const auto byte = static_cast<uint8_t>(bytes[i]);
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

/// Elements of nested values are JSON in both styles.
class Elements {
 public:
  Elements(std::shared_ptr<arrow::Array> column, std::unique_ptr<Speller> speller)
      : column_(std::move(column)), speller_(std::move(speller)) {}
  void spell(int64_t row, std::string& out) const {
    if (column_->IsNull(row))
      out += "null";
    else
      speller_->spell(row, out);
  }

 private:
  std::shared_ptr<arrow::Array> column_;
  std::unique_ptr<Speller> speller_;
};

template <class Array>
class Lists : public OfArray<Array> {
 public:
  Lists(std::shared_ptr<arrow::Array> column, Elements elements)
      : OfArray<Array>(std::move(column)), elements_(std::move(elements)) {}
  void spell(int64_t row, std::string& out) const override {
    out += '[';
    const int64_t begin = this->array_.value_offset(row), end = begin + this->array_.value_length(row);
    for (int64_t i = begin; i < end; ++i) {
      if (i > begin) out += ',';
      elements_.spell(i, out);
    }
    out += ']';
  }

 private:
  Elements elements_;
};

class Structs : public OfArray<arrow::StructArray> {
 public:
  Structs(std::shared_ptr<arrow::Array> column, std::vector<Elements> fields)
      : OfArray(std::move(column)), fields_(std::move(fields)) {
    for (const auto& field : array_.struct_type()->fields()) {
      names_.emplace_back();
      append_quoted(field->name(), names_.back());
      names_.back() += ':';
    }
  }
  void spell(int64_t row, std::string& out) const override {
    out += '{';
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (i > 0) out += ',';
      out += names_[i];
      fields_[i].spell(row, out);
    }
    out += '}';
  }

 private:
  std::vector<Elements> fields_;
  std::vector<std::string> names_;
};

/// Keys become text, since JSON's names are.
class Maps : public OfArray<arrow::MapArray> {
 public:
  Maps(std::shared_ptr<arrow::Array> column, std::unique_ptr<Speller> keys, Elements items)
      : OfArray(std::move(column)), keys_(std::move(keys)), items_(std::move(items)) {}
  void spell(int64_t row, std::string& out) const override {
    out += '{';
    const int64_t begin = array_.value_offset(row), end = begin + array_.value_length(row);
    for (int64_t i = begin; i < end; ++i) {
      if (i > begin) out += ',';
      std::string key;
      keys_->spell(i, key);
      append_quoted(key, out);
      out += ':';
      items_.spell(i, out);
    }
    out += '}';
  }

 private:
  std::unique_ptr<Speller> keys_;
  Elements items_;
};

class Dictionaries : public OfArray<arrow::DictionaryArray> {
 public:
  Dictionaries(std::shared_ptr<arrow::Array> column, std::unique_ptr<Speller> values)
      : OfArray(std::move(column)), values_(std::move(values)) {}
  void spell(int64_t row, std::string& out) const override { values_->spell(array_.GetValueIndex(row), out); }

 private:
  std::unique_ptr<Speller> values_;
};

Result<Elements> elements_of(std::shared_ptr<arrow::Array> column) {
  ASSIGN(auto speller, make_speller(column, Style::json));
  return Elements(std::move(column), std::move(speller));
}

template <class Array>
Result<std::unique_ptr<Speller>> lists(std::shared_ptr<arrow::Array> column) {
  ASSIGN(auto elements, elements_of(static_cast<const Array&>(*column).values()));
  return std::make_unique<Lists<Array>>(std::move(column), std::move(elements));
}

Result<std::unique_ptr<Speller>> structs(std::shared_ptr<arrow::Array> column) {
  std::vector<Elements> fields;
  // `field` cuts the children to the struct's own slice.
  for (int i = 0; i < column->type()->num_fields(); ++i) {
    ASSIGN(auto field, elements_of(static_cast<const arrow::StructArray&>(*column).field(i)));
    fields.push_back(std::move(field));
  }
  return std::make_unique<Structs>(std::move(column), std::move(fields));
}

Result<std::unique_ptr<Speller>> maps(std::shared_ptr<arrow::Array> column) {
  const auto& map = static_cast<const arrow::MapArray&>(*column);
  ASSIGN(auto keys, make_speller(map.keys(), Style::plain));
  ASSIGN(auto items, elements_of(map.items()));
  return std::make_unique<Maps>(std::move(column), std::move(keys), std::move(items));
}

template <class Array>
std::unique_ptr<Speller> binaries(std::shared_ptr<arrow::Array> column, Style style) {
  return quoted(
      [column](int64_t row, std::string& out) {
        out += arrow::util::base64_encode(static_cast<const Array&>(*column).GetView(row));
      },
      style);
}

template <class Array>
std::unique_ptr<Speller> dates(std::shared_ptr<arrow::Array> column, int64_t per_day, Style style) {
  return quoted(
      [column, per_day](int64_t row, std::string& out) {
        const int64_t value = static_cast<const Array&>(*column).Value(row);
        append_date(value / per_day - (value % per_day < 0 ? 1 : 0), out);
      },
      style);
}

template <class Array>
std::unique_ptr<Speller> times(std::shared_ptr<arrow::Array> column, Style style) {
  const int64_t second = per_second(static_cast<const arrow::TimeType&>(*column->type()).unit());
  return quoted(
      [column, second](int64_t row, std::string& out) {
        append_time(static_cast<const Array&>(*column).Value(row), second, out);
      },
      style);
}

class Nothing : public Speller {
 public:
  void spell(int64_t, std::string& out) const override { out += "null"; }
};

}  // namespace

Content content_of(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::STRING:
    case Type::LARGE_STRING:
    case Type::STRING_VIEW:
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::FIXED_SIZE_LIST:
    case Type::STRUCT:
    case Type::MAP:
      return Content::text;
    case Type::DICTIONARY:
      return content_of(*static_cast<const arrow::DictionaryType&>(type).value_type());
    case Type::EXTENSION:
      return content_of(*static_cast<const arrow::ExtensionType&>(type).storage_type());
    default:
      return Content::safe;
  }
}

void append_quoted(std::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  size_t copied = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out += text.substr(copied, i - copied);
    copied = i + 1;
    out += '\\';
    switch (c) {
      case '"':
      case '\\':
        out += static_cast<char>(c);
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      case '\b':
        out += 'b';
        break;
      case '\f':
        out += 'f';
        break;
      default:
        out += "u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out += text.substr(copied);
  out += '"';
}

Result<std::unique_ptr<Speller>> make_speller(std::shared_ptr<arrow::Array> column, Style style) {
  switch (column->type_id()) {
    case Type::NA:
      return std::make_unique<Nothing>();
    case Type::BOOL:
      return std::make_unique<Booleans>(std::move(column));
    case Type::INT8:
      return std::make_unique<Integers<arrow::Int8Array>>(std::move(column));
    case Type::INT16:
      return std::make_unique<Integers<arrow::Int16Array>>(std::move(column));
    case Type::INT32:
      return std::make_unique<Integers<arrow::Int32Array>>(std::move(column));
    case Type::INT64:
      return std::make_unique<Integers<arrow::Int64Array>>(std::move(column));
    case Type::UINT8:
      return std::make_unique<Integers<arrow::UInt8Array>>(std::move(column));
    case Type::UINT16:
      return std::make_unique<Integers<arrow::UInt16Array>>(std::move(column));
    case Type::UINT32:
      return std::make_unique<Integers<arrow::UInt32Array>>(std::move(column));
    case Type::UINT64:
      return std::make_unique<Integers<arrow::UInt64Array>>(std::move(column));
    case Type::DURATION:
      return std::make_unique<Integers<arrow::DurationArray>>(std::move(column));
    case Type::FLOAT:
      return std::make_unique<Floats<arrow::FloatArray>>(std::move(column), style);
    case Type::DOUBLE:
      return std::make_unique<Floats<arrow::DoubleArray>>(std::move(column), style);
    case Type::DECIMAL128:
      return std::make_unique<Decimals<arrow::Decimal128Array>>(std::move(column));
    case Type::DECIMAL256:
      return std::make_unique<Decimals<arrow::Decimal256Array>>(std::move(column));
    case Type::STRING:
      return std::make_unique<Texts<arrow::StringArray>>(std::move(column), style);
    case Type::LARGE_STRING:
      return std::make_unique<Texts<arrow::LargeStringArray>>(std::move(column), style);
    case Type::STRING_VIEW:
      return std::make_unique<Texts<arrow::StringViewArray>>(std::move(column), style);
    case Type::BINARY:
      return binaries<arrow::BinaryArray>(std::move(column), style);
    case Type::LARGE_BINARY:
      return binaries<arrow::LargeBinaryArray>(std::move(column), style);
    case Type::FIXED_SIZE_BINARY:
      return binaries<arrow::FixedSizeBinaryArray>(std::move(column), style);
    case Type::DATE32:
      return dates<arrow::Date32Array>(std::move(column), 1, style);
    case Type::DATE64:
      return dates<arrow::Date64Array>(std::move(column), 86400000, style);
    case Type::TIME32:
      return times<arrow::Time32Array>(std::move(column), style);
    case Type::TIME64:
      return times<arrow::Time64Array>(std::move(column), style);
    case Type::TIMESTAMP:
      return timestamps<arrow::TimestampArray>(std::move(column), style);
    case Type::LIST:
      return lists<arrow::ListArray>(std::move(column));
    case Type::LARGE_LIST:
      return lists<arrow::LargeListArray>(std::move(column));
    case Type::FIXED_SIZE_LIST:
      return lists<arrow::FixedSizeListArray>(std::move(column));
    case Type::STRUCT:
      return structs(std::move(column));
    case Type::MAP:
      return maps(std::move(column));
    case Type::DICTIONARY: {
      ASSIGN(auto values, make_speller(static_cast<const arrow::DictionaryArray&>(*column).dictionary(), style));
      return std::make_unique<Dictionaries>(std::move(column), std::move(values));
    }
    case Type::EXTENSION: {
      const auto& extension = static_cast<const arrow::ExtensionArray&>(*column);
      if (extension.extension_type()->extension_name() == "arrow.uuid") {
        const auto storage = extension.storage();
        return quoted(
            [storage](int64_t row, std::string& out) {
              append_uuid(static_cast<const arrow::FixedSizeBinaryArray&>(*storage).GetView(row), out);
            },
            style);
      }
      return make_speller(extension.storage(), style);
    }
    default:
      return internal_error("spelling a column", "a type that has no text: " + column->type()->ToString());
  }
}

bool can_spell(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::SPARSE_UNION:
    case Type::DENSE_UNION:
    case Type::INTERVAL_MONTHS:
    case Type::INTERVAL_DAY_TIME:
    case Type::INTERVAL_MONTH_DAY_NANO:
    case Type::HALF_FLOAT:
    case Type::RUN_END_ENCODED:
    case Type::BINARY_VIEW:
    case Type::LIST_VIEW:
    case Type::LARGE_LIST_VIEW:
      return false;
    case Type::DICTIONARY:
      return can_spell(*static_cast<const arrow::DictionaryType&>(type).value_type());
    case Type::EXTENSION:
      return can_spell(*static_cast<const arrow::ExtensionType&>(type).storage_type());
    default:
      break;
  }
  for (const auto& field : type.fields()) {
    if (!can_spell(*field->type())) return false;
  }
  return true;
}

}  // namespace trommel::text
