#include "connectors/clickhouse/types.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace trommel::clickhouse {
namespace {

using Id = arrow::Type;
using Kind = ColumnType::Kind;
using arrow::TimeUnit;

constexpr int64_t seconds_a_day = 86'400;
// Days since 1970. ClickHouse's calendar: Date32 and DateTime64 know 1900 to 2299, Date is 16 bits, and DateTime 32.
constexpr int64_t day_min = -25'567, day_max = 120'529;
constexpr int64_t date_max = 65'535, old_date_max = 49'672;  // older engines know no day after 2105

bool has_wide_dates(const Engine& engine) { return engine.at_least(21, 9); }
/// The day, or second, 0 is no value to older engines, but the lack of one.
int64_t first_date(const Engine& engine) { return has_wide_dates(engine) ? 0 : 1; }
bool has_datetime64(const Engine& engine) { return engine.at_least(20, 1); }
bool has_bool(const Engine& engine) { return engine.at_least(22, 1); }
bool has_low_cardinality(const Engine& engine) { return engine.at_least(19, 3); }
bool has_decimal256(const Engine& engine) { return engine.at_least(21, 1); }

int64_t per_second(TimeUnit::type unit) {
  switch (unit) {
    case TimeUnit::SECOND:
      return 1;
    case TimeUnit::MILLI:
      return 1'000;
    case TimeUnit::MICRO:
      return 1'000'000;
    case TimeUnit::NANO:
      return 1'000'000'000;
  }
  return 1;
}

int digits(TimeUnit::type unit) { return 3 * static_cast<int>(unit); }

/// `Name(inside)`; nothing where `text` is another one.
std::optional<std::string_view> inside(std::string_view text, std::string_view name) {
  if (!text.starts_with(name) || text.size() < name.size() + 2 || text[name.size()] != '(' || text.back() != ')')
    return std::nullopt;
  return text.substr(name.size() + 1, text.size() - name.size() - 2);
}

/// The number that `text` begins with, which is cut off, with a comma and blanks behind it.
std::optional<int> take_number(std::string_view& text) {
  int value = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  while (!text.empty() && (text.front() == ',' || text.front() == ' ')) text.remove_prefix(1);
  return value;
}

struct Number {
  std::string_view name;
  Type type;
};
const std::vector<Number>& numbers() {
  static const std::vector<Number> list = {{"Int8", arrow::int8()},       {"Int16", arrow::int16()},
                                           {"Int32", arrow::int32()},     {"Int64", arrow::int64()},
                                           {"UInt8", arrow::uint8()},     {"UInt16", arrow::uint16()},
                                           {"UInt32", arrow::uint32()},   {"UInt64", arrow::uint64()},
                                           {"Float32", arrow::float32()}, {"Float64", arrow::float64()}};
  return list;
}

void set_date(ColumnType& type, int width, int64_t min, int64_t max) {
  type.kind = Kind::date;
  type.arrow = arrow::date32();
  type.width = width;
  type.min = min;
  type.max = max;
}

void set_timestamp(ColumnType& type, TimeUnit::type unit, int width, int64_t min_s, int64_t max_s) {
  type.kind = Kind::timestamp;
  type.arrow = arrow::timestamp(unit);
  type.width = width;
  const int64_t units = per_second(unit);
  const int64_t lowest = std::numeric_limits<int64_t>::min() / units,
                highest = std::numeric_limits<int64_t>::max() / units;
  type.min = std::max(min_s, lowest + 1) * units;
  type.max = std::min(max_s, highest - 1) * units + units - 1;
}

bool read_datetime64(std::string_view inner, ColumnType& type) {
  const auto precision = take_number(inner);
  if (!precision || *precision % 3 != 0 || *precision > 9) return false;
  set_timestamp(type, static_cast<TimeUnit::type>(*precision / 3), 8, day_min * seconds_a_day,
                (day_max + 1) * seconds_a_day - 1);
  return true;
}

bool read_decimal(std::string_view inner, ColumnType& type) {
  const auto precision = take_number(inner), scale = take_number(inner);
  if (!precision || !scale) return false;
  type.kind = Kind::decimal;
  type.width = *precision <= 9 ? 4 : *precision <= 18 ? 8 : *precision <= 38 ? 16 : 32;
  if (*precision <= 38) {
    type.arrow = arrow::decimal128(*precision, *scale);
  } else {
    type.arrow = arrow::decimal256(*precision, *scale);
  }
  return true;
}

/// Fills in all but the text. False: a type that we do not write.
bool read_plain(std::string_view text, const Engine& engine, ColumnType& type) {
  for (const Number& number : numbers()) {
    if (text != number.name) continue;
    type.kind = Kind::number;
    type.arrow = number.type;
    type.width = number.type->bit_width() / 8;
    return true;
  }
  if (text == "Bool") {
    type.kind = Kind::boolean;
    type.arrow = arrow::boolean();
    type.width = 1;
    return true;
  }
  if (text == "String") {
    type.kind = Kind::text;
    type.arrow = text_type();
    return true;
  }
  if (text == "UUID") {
    type.kind = Kind::uuid;
    type.arrow = uuid_type();
    type.width = 16;
    return true;
  }
  if (text == "Date") {
    set_date(type, 2, first_date(engine), has_wide_dates(engine) ? date_max : old_date_max);
    return true;
  }
  if (text == "Date32") {
    set_date(type, 4, day_min, day_max);
    return true;
  }
  if (text == "DateTime" || inside(text, "DateTime")) {
    set_timestamp(type, TimeUnit::SECOND, 4, first_date(engine), std::numeric_limits<uint32_t>::max());
    return true;
  }
  if (const auto inner = inside(text, "DateTime64")) return read_datetime64(*inner, type);
  if (const auto inner = inside(text, "Decimal")) return read_decimal(*inner, type);
  if (auto inner = inside(text, "FixedString")) {
    type.kind = Kind::fixed_text;
    type.width = take_number(*inner).value_or(0);
    type.arrow = arrow::binary();
    return type.width > 0;
  }
  return false;
}

std::optional<std::string> timestamp_text(const arrow::TimestampType& type, const Engine& engine) {
  const std::string zone = quote_text(type.timezone().empty() ? "UTC" : type.timezone());
  if (!has_datetime64(engine)) return fmt::format("DateTime({})", zone);
  return fmt::format("DateTime64({}, {})", digits(type.unit()), zone);
}

/// Spelled without Nullable; nothing where there is no such type.
std::optional<std::string> spelled(const arrow::DataType& type, const Engine& engine) {
  switch (type.id()) {
    case Id::BOOL:
      return has_bool(engine) ? "Bool" : "UInt8";
    case Id::NA:
      return "String";
    case Id::HALF_FLOAT:
    case Id::FLOAT:
      return "Float32";
    case Id::DOUBLE:
      return "Float64";
    case Id::DATE32:
    case Id::DATE64:
      return has_wide_dates(engine) ? "Date32" : "Date";
    case Id::TIMESTAMP:
      return timestamp_text(static_cast<const arrow::TimestampType&>(type), engine);
    case Id::DECIMAL32:
    case Id::DECIMAL64:
    case Id::DECIMAL128:
    case Id::DECIMAL256: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      if (decimal.scale() < 0 || (decimal.precision() > 38 && !has_decimal256(engine))) return std::nullopt;
      return fmt::format("Decimal({}, {})", decimal.precision(), decimal.scale());
    }
    case Id::STRING:
    case Id::LARGE_STRING:
    case Id::STRING_VIEW:
    case Id::BINARY:
    case Id::LARGE_BINARY:
    case Id::BINARY_VIEW:
    case Id::FIXED_SIZE_BINARY:
    case Id::TIME32:
    case Id::TIME64:
      return "String";
    case Id::EXTENSION:
      return type_name(type) == "uuid" ? std::optional<std::string>("UUID") : std::nullopt;
    case Id::DICTIONARY:
      return spelled(*static_cast<const arrow::DictionaryType&>(type).value_type(), engine);
    case Id::LIST:
    case Id::LARGE_LIST: {
      const auto item = spelled(*static_cast<const arrow::BaseListType&>(type).value_type(), engine);
      if (!item) return std::nullopt;
      return item->starts_with("Array") ? fmt::format("Array({})", *item) : fmt::format("Array(Nullable({}))", *item);
    }
    default:
      for (const Number& number : numbers())
        if (number.type->Equals(type)) return std::string(number.name);
      return std::nullopt;
  }
}

bool is_bytes(const arrow::DataType& type) {
  const auto id = type.id();
  return id == Id::STRING || id == Id::BINARY || id == Id::LARGE_STRING || id == Id::LARGE_BINARY;
}

const arrow::DataType& value_of(const arrow::DataType& type) {
  return type.id() == Id::DICTIONARY ? *static_cast<const arrow::DictionaryType&>(type).value_type() : type;
}

bool takes_number(const arrow::DataType& to, const arrow::DataType& from) {
  if (from.id() == Id::BOOL) return to.id() == Id::UINT8;
  if (arrow::is_integer(from.id()) && arrow::is_integer(to.id())) {
    const int more = to.bit_width() - from.bit_width();
    const bool to_signed = arrow::is_signed_integer(to.id());
    return arrow::is_signed_integer(from.id()) == to_signed ? more >= 0 : to_signed && more > 0;
  }
  if (from.id() == Id::HALF_FLOAT || from.id() == Id::FLOAT) return to.id() == Id::FLOAT || to.id() == Id::DOUBLE;
  return from.id() == Id::DOUBLE && to.id() == Id::DOUBLE;
}

bool takes_decimal(const arrow::DataType& to, const arrow::DataType& from) {
  if (!arrow::is_decimal(from.id())) return false;
  const auto& a = static_cast<const arrow::DecimalType&>(from);
  const auto& b = static_cast<const arrow::DecimalType&>(to);
  return b.scale() >= a.scale() && b.precision() - b.scale() >= a.precision() - a.scale();
}

/// The type that values of `from` are cast to for the column.
Type target_of(const ColumnType& type, const arrow::DataType& from) {
  if (type.kind == Kind::timestamp && from.id() == Id::TIMESTAMP)
    return arrow::timestamp(static_cast<const arrow::TimestampType&>(*type.arrow).unit(),
                            static_cast<const arrow::TimestampType&>(from).timezone());
  if (type.kind == Kind::text || type.kind == Kind::fixed_text)
    return from.id() == Id::BINARY_VIEW || from.id() == Id::FIXED_SIZE_BINARY ? arrow::binary() : type.arrow;
  return type.arrow;
}

/// Refuses what lies outside of the column's range.
template <class Value>
void refuse_outside(const arrow::Array& values, const ColumnType& type, std::vector<int64_t>& refused) {
  const auto* raw = values.data()->GetValues<Value>(1);
  for (int64_t row = 0; row < values.length(); ++row) {
    if ((raw[row] < type.min || raw[row] > type.max) && !values.IsNull(row)) refused.push_back(row);
  }
}

void refuse_other_lengths(const arrow::Array& values, const ColumnType& type, std::vector<int64_t>& refused) {
  const auto& texts = static_cast<const arrow::BinaryArray&>(values);
  for (int64_t row = 0; row < values.length(); ++row)
    if (!values.IsNull(row) && texts.value_length(row) != type.width) refused.push_back(row);
}

Result<CastOutcome> list_as_written(const std::shared_ptr<arrow::Array>& values, const ColumnType& type) {
  std::shared_ptr<arrow::Array> list = values;
  if (list->type_id() != Id::LIST) {
    ASSIGN(auto cast,
           cast_column(list, arrow::list(static_cast<const arrow::BaseListType&>(*list->type()).value_type())));
    list = std::move(cast.column);
  }
  const auto& lists = static_cast<const arrow::ListArray&>(*list);
  ASSIGN(auto items, as_written(lists.values(), *type.item));
  std::vector<int64_t> refused;
  for (int64_t row = 0, next = 0; row < lists.length() && next < std::ssize(items.refused); ++row) {
    const int64_t end = lists.value_offset(row) + lists.value_length(row);
    bool inside_row = false;
    for (; next < std::ssize(items.refused) && items.refused[static_cast<size_t>(next)] < end; ++next)
      inside_row = inside_row || items.refused[static_cast<size_t>(next)] >= lists.value_offset(row);
    if (inside_row) refused.push_back(row);
  }
  auto data = list->data()->Copy();
  data->child_data = {items.column->data()};
  data->type = arrow::list(items.column->type());
  return CastOutcome{arrow::MakeArray(std::move(data)), std::move(refused)};
}

}  // namespace

std::string ColumnType::sent_as() const {
  if (!low_cardinality) return text;
  constexpr size_t word = sizeof("LowCardinality(") - 1;
  return text.substr(word, text.size() - word - 1);
}

Result<ColumnType> parse_column_type(std::string_view text, const Engine& engine) {
  ColumnType type;
  type.text = text;
  std::string_view rest = text;
  const auto wrong = [&] { return config_error("", fmt::format("`{}` is no type that rows are written to", text)); };
  if (const auto inner = inside(rest, "LowCardinality")) {
    type.low_cardinality = true;
    rest = *inner;
  }
  if (const auto inner = inside(rest, "Nullable")) {
    type.nullable = true;
    rest = *inner;
  }
  if (const auto inner = inside(rest, "Array"); inner && !type.nullable && !type.low_cardinality) {
    ASSIGN(auto item, parse_column_type(*inner, engine));
    type.kind = Kind::array;
    type.arrow = arrow::list(item.arrow);
    type.item = std::make_shared<ColumnType>(std::move(item));
    return type;
  }
  if (!read_plain(rest, engine, type)) return wrong();
  return type;
}

Result<ColumnType> column_type(const arrow::DataType& type, bool nullable, bool low_cardinality, const Engine& engine) {
  auto text = spelled(type, engine);
  if (!text) {
    return config_error("", fmt::format("ClickHouse's tables have no column for {}", type_name(type)),
                        "make text of it, or columns of its fields");
  }
  if (nullable && !text->starts_with("Array")) text = fmt::format("Nullable({})", *text);
  if (low_cardinality && has_low_cardinality(engine)) text = fmt::format("LowCardinality({})", *text);
  return parse_column_type(*text, engine);
}

bool takes(const ColumnType& column, const arrow::DataType& from) {
  const arrow::DataType& type = value_of(from);
  if (type.id() == Id::NA) return column.takes_null();
  switch (column.kind) {
    case Kind::boolean:
      return type.id() == Id::BOOL;
    case Kind::number:
      return takes_number(*column.arrow, type);
    case Kind::text:
      return type.id() == Id::TIME32 || type.id() == Id::TIME64 || type.id() == Id::STRING_VIEW ||
             type.id() == Id::BINARY_VIEW || type.id() == Id::FIXED_SIZE_BINARY || is_bytes(type);
    case Kind::fixed_text:
      return type.id() == Id::FIXED_SIZE_BINARY || is_bytes(type);
    case Kind::date:
      return type.id() == Id::DATE32 || type.id() == Id::DATE64;
    case Kind::timestamp:
      return type.id() == Id::TIMESTAMP;
    case Kind::decimal:
      return takes_decimal(*column.arrow, type);
    case Kind::uuid:
      return type_name(type) == "uuid";
    case Kind::array:
      return (type.id() == Id::LIST || type.id() == Id::LARGE_LIST) &&
             takes(*column.item, *static_cast<const arrow::BaseListType&>(type).value_type());
  }
  return false;
}

Result<CastOutcome> as_written(const std::shared_ptr<arrow::Array>& values, const ColumnType& type) {
  if (type.kind == Kind::array) return list_as_written(values, type);
  const bool as_it_is = (type.kind == Kind::text || type.kind == Kind::fixed_text) && is_bytes(*values->type());
  CastOutcome out{values, {}};
  if (!as_it_is) {
    ASSIGN(out, cast_column(values, target_of(type, *values->type())));
  }
  const size_t before = out.refused.size();
  if (type.kind == Kind::date) refuse_outside<int32_t>(*out.column, type, out.refused);
  if (type.kind == Kind::timestamp) refuse_outside<int64_t>(*out.column, type, out.refused);
  if (type.kind == Kind::fixed_text) {
    ASSIGN(auto bytes, cast_column(out.column, arrow::binary()));
    out.column = std::move(bytes.column);
    refuse_other_lengths(*out.column, type, out.refused);
  }
  if (before > 0 && out.refused.size() > before) std::ranges::sort(out.refused);
  return out;
}

}  // namespace trommel::clickhouse
