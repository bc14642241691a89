// Casts that refuse rather than round. Text is read by our own strict readers. Everything else goes through Arrow's
// checked casts, and where those are not exact, back again to see whether the value came through.
#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <arrow/extension/uuid.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "batch/text_value.h"
#include "batch/time_unit.h"
#include "batch/types.h"

namespace trommel {

namespace {

using Id = arrow::Type;
using Column = std::shared_ptr<arrow::Array>;

bool is_text(const arrow::DataType& type) {
  return type.id() == Id::STRING || type.id() == Id::LARGE_STRING || type.id() == Id::STRING_VIEW;
}
bool is_bytes(const arrow::DataType& type) {
  return type.id() == Id::BINARY || type.id() == Id::LARGE_BINARY || type.id() == Id::BINARY_VIEW ||
         type.id() == Id::FIXED_SIZE_BINARY;
}
bool is_uuid(const arrow::DataType& type) {
  return type.id() == Id::EXTENSION && static_cast<const arrow::ExtensionType&>(type).extension_name() == "arrow.uuid";
}
bool is_number(const arrow::DataType& type) { return arrow::is_numeric(type.id()) || arrow::is_decimal(type.id()); }
bool is_real(const arrow::DataType& type) {
  return type.id() == Id::FLOAT || type.id() == Id::DOUBLE || type.id() == Id::HALF_FLOAT;
}
bool is_date(const arrow::DataType& type) { return type.id() == Id::DATE32 || type.id() == Id::DATE64; }
bool is_time(const arrow::DataType& type) { return type.id() == Id::TIME32 || type.id() == Id::TIME64; }

template <class T>
Result<T> unwrapped(arrow::Result<T> result) {
  if (result.ok()) return std::move(result).ValueUnsafe();
  return tl::unexpected(from_arrow(result.status(), "cast"));
}

#define TRY_ARROW(expression)                                            \
  do {                                                                   \
    if (const arrow::Status try_status = (expression); !try_status.ok()) \
      return tl::unexpected(from_arrow(try_status, "cast"));             \
  } while (false)

Result<Column> arrow_cast(const Column& column, const Type& to) {
  return unwrapped(arrow::compute::Cast(*column, to, arrow::compute::CastOptions::Safe(to)));
}

// ---- from text ----------------------------------------------------------------------------------------------------

/// Builds a column of `to` from each value of `texts`; `read(text, builder)` appends one value or returns false, which
/// refuses the row.
template <class Builder, class Read>
Result<CastOutcome> read_each(const arrow::StringArray& texts, Builder& builder, const Read& read) {
  CastOutcome out;
  TRY_ARROW(builder.Reserve(texts.length()));
  for (int64_t row = 0; row < texts.length(); ++row) {
    if (texts.IsNull(row)) {
      builder.UnsafeAppendNull();
    } else if (!read(texts.GetView(row), builder)) {
      builder.UnsafeAppendNull();
      out.refused.push_back(row);
    }
  }
  ASSIGN(out.column, unwrapped(builder.Finish()));
  return out;
}

/// As above, for a reader that gives one value or nothing.
template <class ArrowType, class Read>
Result<CastOutcome> read_values(const arrow::StringArray& texts, const Type& to, const Read& read) {
  typename arrow::TypeTraits<ArrowType>::BuilderType builder(to, arrow::default_memory_pool());
  return read_each(texts, builder, [&](std::string_view text, auto& target) {
    const auto value = read(text);
    if (value) target.UnsafeAppend(*value);
    return value.has_value();
  });
}

template <class ArrowType>
Result<CastOutcome> read_integers(const arrow::StringArray& texts, const Type& to) {
  return read_values<ArrowType>(
      texts, to, [](std::string_view text) { return integer_from_text<typename ArrowType::c_type>(text); });
}

Result<CastOutcome> read_decimals(const arrow::StringArray& texts, const Type& to) {
  const auto& type = static_cast<const arrow::DecimalType&>(*to);
  return read_values<arrow::Decimal128Type>(texts, to, [&](std::string_view text) -> std::optional<arrow::Decimal128> {
    const auto value = decimal_from_text(text, type.precision(), type.scale());
    if (!value) return std::nullopt;
    return arrow::Decimal128(static_cast<int64_t>(*value >> 64), static_cast<uint64_t>(*value));
  });
}

Result<CastOutcome> read_timestamps(const arrow::StringArray& texts, const Type& to) {
  const auto& type = static_cast<const arrow::TimestampType&>(*to);
  const bool zoned = !type.timezone().empty();
  const bool utc =
      type.timezone() == "UTC" || type.timezone() == "Etc/UTC" || type.timezone() == "GMT" || type.timezone() == "Z";
  return read_values<arrow::TimestampType>(texts, to, [&](std::string_view text) -> std::optional<int64_t> {
    const auto read = timestamp_from_text(text, per_second(type.unit()));
    if (!read) return std::nullopt;
    if (read->has_zone ? !zoned : zoned && !utc) return std::nullopt;
    return read->value;
  });
}

template <class ArrowType>
Result<CastOutcome> read_times(const arrow::StringArray& texts, const Type& to) {
  const int64_t unit = per_second(static_cast<const arrow::TimeType&>(*to).unit());
  return read_values<ArrowType>(texts, to, [&](std::string_view text) -> std::optional<typename ArrowType::c_type> {
    const auto value = time_from_text(text, unit);
    if (!value) return std::nullopt;
    return static_cast<typename ArrowType::c_type>(*value);
  });
}

Result<CastOutcome> read_uuids(const arrow::StringArray& texts, const Type& to) {
  arrow::FixedSizeBinaryBuilder builder(arrow::fixed_size_binary(16));
  auto out = read_each(texts, builder, [](std::string_view text, auto& target) {
    uint8_t bytes[16];
    if (!uuid_from_text(text, bytes)) return false;
    target.UnsafeAppend(bytes);
    return true;
  });
  if (out) out->column = arrow::ExtensionType::WrapArray(to, out->column);
  return out;
}

Result<CastOutcome> cast_text(const Column& column, const Type& to) {
  ASSIGN(const Column plain,
         column->type_id() == Id::STRING ? Result<Column>(column) : arrow_cast(column, arrow::utf8()));
  const auto& texts = static_cast<const arrow::StringArray&>(*plain);
  switch (to->id()) {
    case Id::BOOL:
      return read_values<arrow::BooleanType>(texts, to, bool_from_text);
    case Id::INT8:
      return read_integers<arrow::Int8Type>(texts, to);
    case Id::INT16:
      return read_integers<arrow::Int16Type>(texts, to);
    case Id::INT32:
      return read_integers<arrow::Int32Type>(texts, to);
    case Id::INT64:
      return read_integers<arrow::Int64Type>(texts, to);
    case Id::UINT8:
      return read_integers<arrow::UInt8Type>(texts, to);
    case Id::UINT16:
      return read_integers<arrow::UInt16Type>(texts, to);
    case Id::UINT32:
      return read_integers<arrow::UInt32Type>(texts, to);
    case Id::UINT64:
      return read_integers<arrow::UInt64Type>(texts, to);
    case Id::FLOAT:
      return read_values<arrow::FloatType>(texts, to, real_from_text<float>);
    case Id::DOUBLE:
      return read_values<arrow::DoubleType>(texts, to, real_from_text<double>);
    case Id::DECIMAL128:
      return read_decimals(texts, to);
    case Id::DATE32:
      return read_values<arrow::Date32Type>(texts, to, date_from_text);
    case Id::TIME32:
      return read_times<arrow::Time32Type>(texts, to);
    case Id::TIME64:
      return read_times<arrow::Time64Type>(texts, to);
    case Id::TIMESTAMP:
      return read_timestamps(texts, to);
    case Id::EXTENSION:
      return read_uuids(texts, to);
    default: {
      ASSIGN(Column cast, arrow_cast(column, to));
      return CastOutcome{cast, {}};
    }
  }
}

// ---- through Arrow ------------------------------------------------------------------------------------------------

/// Whether Arrow's checked cast may give a value that is near and not equal, so that the way back has to be tried.
bool needs_way_back(const arrow::DataType& from, const arrow::DataType& to) {
  if (to.id() == Id::BOOL) return true;
  if (is_real(from) && arrow::is_decimal(to.id())) return true;
  if (arrow::is_decimal(from.id()) && arrow::is_decimal(to.id())) return true;
  if (from.id() == Id::TIMESTAMP && is_date(to)) return true;
  if (from.id() == Id::DATE64 && to.id() == Id::DATE32) return true;
  return is_real(from) && arrow::is_integer(to.id());
}

Result<Column> nulls_of(const Type& type, int64_t length) { return unwrapped(arrow::MakeArrayOfNull(type, length)); }

/// The rows where the value does not come back as it was.
Result<std::vector<int64_t>> changed_rows(const Column& before, const Column& after) {
  std::vector<int64_t> changed;
  auto back = arrow::compute::Cast(*after, before->type(), arrow::compute::CastOptions::Unsafe(before->type()));
  if (!back.ok()) return tl::unexpected(from_arrow(back.status(), "cast"));
  if (before->Equals(**back)) return changed;
  for (int64_t row = 0; row < before->length(); ++row) {
    if (!before->RangeEquals(row, row + 1, row, **back)) changed.push_back(row);
  }
  return changed;
}

/// The rows named as NULL.
Result<Column> without(const Column& column, const std::vector<int64_t>& rows) {
  if (rows.empty()) return column;
  const auto& old = *column->data();
  arrow::TypedBufferBuilder<bool> valid;
  TRY_ARROW(valid.Append(old.offset, true));
  auto next = rows.begin();
  for (int64_t row = 0; row < column->length(); ++row) {
    const bool refused = next != rows.end() && *next == row;
    if (refused) ++next;
    TRY_ARROW(valid.Append(!refused && column->IsValid(row)));
  }
  auto data = old.Copy();
  ASSIGN(data->buffers[0], unwrapped(valid.Finish()));
  data->SetNullCount(arrow::kUnknownNullCount);
  return arrow::MakeArray(data);
}

/// The same, for a map, where a NULL row must not have entries.
Result<Column> emptied(const Column& column, const std::vector<int64_t>& rows) {
  arrow::Int64Builder indices;
  auto next = rows.begin();
  for (int64_t row = 0; row < column->length(); ++row) {
    const bool refused = next != rows.end() && *next == row;
    if (refused) ++next;
    TRY_ARROW(refused ? indices.AppendNull() : indices.Append(row));
  }
  ASSIGN(const Column picks, unwrapped(indices.Finish()));
  return unwrapped(arrow::compute::Take(*column, *picks));
}

/// A range that Arrow refuses is halved until the failing rows stand alone.
Result<> cast_range(const Column& column, const Type& to, int64_t offset, arrow::ArrayVector& parts,
                    std::vector<int64_t>& refused) {
  auto cast = arrow::compute::Cast(*column, to, arrow::compute::CastOptions::Safe(to));
  if (cast.ok()) {
    Column good = *cast;
    if (needs_way_back(*column->type(), *to)) {
      ASSIGN(const auto changed, changed_rows(column, good));
      ASSIGN(good, without(good, changed));
      for (const int64_t row : changed) refused.push_back(offset + row);
    }
    parts.push_back(good);
    return {};
  }
  if (cast.status().IsOutOfMemory()) return tl::unexpected(from_arrow(cast.status(), "cast"));
  if (column->length() <= 1) {
    ASSIGN(Column nothing, nulls_of(to, column->length()));
    parts.push_back(std::move(nothing));
    if (column->length() == 1) refused.push_back(offset);
    return {};
  }
  const int64_t half = column->length() / 2;
  TRY(cast_range(column->Slice(0, half), to, offset, parts, refused));
  return cast_range(column->Slice(half), to, offset + half, parts, refused);
}

Result<CastOutcome> cast_by_arrow(const Column& column, const Type& to) {
  CastOutcome out;
  arrow::ArrayVector parts;
  TRY(cast_range(column, to, 0, parts, out.refused));
  if (parts.size() == 1) {
    out.column = parts[0];
  } else {
    ASSIGN(out.column, unwrapped(arrow::Concatenate(parts)));
  }
  return out;
}

// ---- uuid, and types with types inside ----------------------------------------------------------------------------

Result<CastOutcome> uuid_to_text(const Column& column, const Type& to) {
  const auto& bytes =
      static_cast<const arrow::FixedSizeBinaryArray&>(*static_cast<const arrow::ExtensionArray&>(*column).storage());
  arrow::StringBuilder builder;
  for (int64_t row = 0; row < bytes.length(); ++row) {
    if (bytes.IsNull(row)) {
      TRY_ARROW(builder.AppendNull());
      continue;
    }
    std::string text;
    for (int i = 0; i < 16; ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
      text += fmt::format("{:02x}", bytes.GetValue(row)[i]);
    }
    TRY_ARROW(builder.Append(text));
  }
  ASSIGN(Column texts, unwrapped(builder.Finish()));
  if (to->id() != Id::STRING) {
    ASSIGN(texts, arrow_cast(texts, to));
  }
  return CastOutcome{texts, {}};
}

Result<CastOutcome> binary_to_uuid(const Column& column, const Type& to) {
  ASSIGN(const Column plain, arrow_cast(column, arrow::binary()));
  const auto& values = static_cast<const arrow::BinaryArray&>(*plain);
  arrow::FixedSizeBinaryBuilder builder(arrow::fixed_size_binary(16));
  CastOutcome out;
  for (int64_t row = 0; row < values.length(); ++row) {
    const bool fits = !values.IsNull(row) && values.GetView(row).size() == 16;
    if (!fits && !values.IsNull(row)) out.refused.push_back(row);
    TRY_ARROW(fits ? builder.Append(values.GetView(row)) : builder.AppendNull());
  }
  ASSIGN(const Column bytes, unwrapped(builder.Finish()));
  out.column = arrow::ExtensionType::WrapArray(to, bytes);
  return out;
}

/// The rows of a list (or map) whose items hold one that was refused.
template <class List>
std::vector<int64_t> rows_with(const List& list, const std::vector<int64_t>& refused_items) {
  std::vector<int64_t> rows;
  auto item = refused_items.begin();
  for (int64_t row = 0; row < list.length() && item != refused_items.end(); ++row) {
    item = std::lower_bound(item, refused_items.end(), int64_t{list.value_offset(row)});
    const bool inside =
        item != refused_items.end() && *item < int64_t{list.value_offset(row)} + int64_t{list.value_length(row)};
    if (inside && !list.IsNull(row)) rows.push_back(row);
  }
  return rows;
}

/// The validity bitmap and offsets of `like` around other items.
Column with_items(const arrow::Array& like, const Type& to, const std::shared_ptr<arrow::ArrayData>& items) {
  auto data = like.data()->Copy();
  data->type = to;
  data->child_data = {items};
  return arrow::MakeArray(data);
}

Result<CastOutcome> cast_list(const Column& column, const Type& to) {
  const auto& list = static_cast<const arrow::ListArray&>(*column);
  CastOutcome out;
  ASSIGN(const CastOutcome items, cast_column(list.values(), static_cast<const arrow::ListType&>(*to).value_type()));
  out.refused = rows_with(list, items.refused);
  ASSIGN(out.column, without(with_items(list, to, items.column->data()), out.refused));
  return out;
}

Result<CastOutcome> cast_map(const Column& column, const Type& to) {
  const auto& map = static_cast<const arrow::MapArray&>(*column);
  const auto& type = static_cast<const arrow::MapType&>(*to);
  CastOutcome out;
  ASSIGN(const CastOutcome keys, cast_column(map.keys(), type.key_type()));
  ASSIGN(const CastOutcome values, cast_column(map.items(), type.item_type()));
  std::vector<int64_t> refused;
  std::set_union(keys.refused.begin(), keys.refused.end(), values.refused.begin(), values.refused.end(),
                 std::back_inserter(refused));
  out.refused = rows_with(map, refused);
  if (!keys.refused.empty()) {
    // A key must not be NULL, not even in a row that is: those rows lose their entries first.
    ASSIGN(const Column rest, emptied(column, out.refused));
    ASSIGN(const CastOutcome cast, cast_map(rest, to));
    return CastOutcome{cast.column, out.refused};
  }
  const auto entries = arrow::ArrayData::Make(type.value_type(), keys.column->length(), {nullptr},
                                              {keys.column->data(), values.column->data()}, 0);
  ASSIGN(out.column, without(with_items(map, to, entries), out.refused));
  return out;
}

Result<CastOutcome> cast_struct(const Column& column, const Type& to) {
  const auto& from = static_cast<const arrow::StructArray&>(*column);
  CastOutcome out;
  arrow::ArrayVector fields;
  for (int i = 0; i < to->num_fields(); ++i) {
    ASSIGN(const CastOutcome field, cast_column(from.field(i), to->field(i)->type()));
    std::vector<int64_t> both;
    std::set_union(out.refused.begin(), out.refused.end(), field.refused.begin(), field.refused.end(),
                   std::back_inserter(both));
    out.refused = std::move(both);
    fields.push_back(field.column);
  }
  std::erase_if(out.refused, [&](int64_t row) { return from.IsNull(row); });
  std::shared_ptr<arrow::Buffer> valid;
  if (from.null_count() > 0) {
    ASSIGN(const Column mask, unwrapped(arrow::compute::IsValid(column)).map([](const arrow::Datum& datum) {
      return datum.make_array();
    }));
    valid = mask->data()->buffers[1];
  }
  const Column whole = std::make_shared<arrow::StructArray>(to, column->length(), fields, valid);
  ASSIGN(out.column, without(whole, out.refused));
  return out;
}

/// A double as the nearest float; what is beyond a float's range is refused.
Result<CastOutcome> double_to_float(const Column& column) {
  const auto& values = static_cast<const arrow::DoubleArray&>(*column);
  arrow::FloatBuilder builder;
  TRY_ARROW(builder.Reserve(values.length()));
  CastOutcome out;
  for (int64_t row = 0; row < values.length(); ++row) {
    const double value = values.Value(row);
    const bool fits = !std::isfinite(value) || std::fabs(value) <= std::numeric_limits<float>::max();
    if (!values.IsNull(row) && fits) {
      builder.UnsafeAppend(static_cast<float>(value));
      continue;
    }
    builder.UnsafeAppendNull();
    if (!values.IsNull(row)) out.refused.push_back(row);
  }
  ASSIGN(out.column, unwrapped(builder.Finish()));
  return out;
}

bool same_fields(const arrow::DataType& from, const arrow::DataType& to) {
  if (from.num_fields() != to.num_fields()) return false;
  for (int i = 0; i < from.num_fields(); ++i) {
    if (from.field(i)->name() != to.field(i)->name() || !can_cast(*from.field(i)->type(), *to.field(i)->type()))
      return false;
  }
  return true;
}

Result<CastOutcome> cast_known(const Column& column, const Type& to) {
  const arrow::DataType& from = *column->type();
  if (from.id() == Id::NA) {
    ASSIGN(Column nothing, nulls_of(to, column->length()));
    return CastOutcome{nothing, {}};
  }
  if (is_text(from)) return cast_text(column, to);
  if (is_uuid(from) && is_text(*to)) return uuid_to_text(column, to);
  if (is_uuid(from)) {
    return cast_by_arrow(static_cast<const arrow::ExtensionArray&>(*column).storage(), to);
  }
  if (is_uuid(*to)) return binary_to_uuid(column, to);
  if (arrow::is_integer(from.id()) && arrow::is_decimal(to->id())) {
    // Arrow asks for room for every integer of the type, whatever the values are: the widest decimal has it.
    ASSIGN(const Column wide, arrow_cast(column, arrow::decimal128(38, 0)));
    return cast_by_arrow(wide, to);
  }
  if (from.id() == Id::DOUBLE && to->id() == Id::FLOAT) return double_to_float(column);
  if (from.id() == Id::LIST && to->id() == Id::LIST) return cast_list(column, to);
  if (from.id() == Id::MAP && to->id() == Id::MAP) return cast_map(column, to);
  if (from.id() == Id::STRUCT && to->id() == Id::STRUCT) return cast_struct(column, to);
  return cast_by_arrow(column, to);
}

}  // namespace

bool can_cast(const arrow::DataType& from, const arrow::DataType& to) {
  if (from.Equals(to) || from.id() == Id::NA) return true;
  if (from.id() == Id::DICTIONARY) return can_cast(*static_cast<const arrow::DictionaryType&>(from).value_type(), to);
  if (from.id() == Id::MAP && to.id() == Id::MAP) {
    const auto& a = static_cast<const arrow::MapType&>(from);
    const auto& b = static_cast<const arrow::MapType&>(to);
    return can_cast(*a.key_type(), *b.key_type()) && can_cast(*a.item_type(), *b.item_type());
  }
  if (from.id() == Id::LIST && to.id() == Id::LIST) return can_cast(*from.field(0)->type(), *to.field(0)->type());
  if (from.id() == Id::STRUCT && to.id() == Id::STRUCT) return same_fields(from, to);
  if (from.num_fields() > 0 || to.num_fields() > 0)
    return arrow::is_list_like(from.id()) && arrow::is_list_like(to.id()) && same_type(from, to);
  if (is_uuid(from)) return is_text(to) || is_bytes(to) || is_uuid(to);
  if (is_uuid(to)) return is_text(from) || is_bytes(from);
  const bool has_reader =
      to.id() != Id::HALF_FLOAT && to.id() != Id::DATE64 && (!arrow::is_decimal(to.id()) || to.id() == Id::DECIMAL128);
  if (is_text(from))
    return is_text(to) || is_bytes(to) ||
           (has_reader &&
            (is_number(to) || to.id() == Id::BOOL || is_date(to) || is_time(to) || to.id() == Id::TIMESTAMP));
  if (is_text(to))
    return is_number(from) || from.id() == Id::BOOL || is_date(from) || is_time(from) || from.id() == Id::TIMESTAMP ||
           is_bytes(from);
  if (is_bytes(from)) return is_bytes(to);
  if (from.id() == Id::BOOL) return arrow::is_numeric(to.id());
  if (to.id() == Id::BOOL) return arrow::is_integer(from.id());
  if (is_number(from)) return is_number(to);
  if (is_date(from)) return is_date(to) || to.id() == Id::TIMESTAMP;
  if (from.id() == Id::TIMESTAMP) return is_date(to) || to.id() == Id::TIMESTAMP;
  return is_time(from) && is_time(to);
}

Result<CastOutcome> cast_column(const std::shared_ptr<arrow::Array>& column, const Type& to) {
  if (column->type()->Equals(*to)) return CastOutcome{column, {}};
  if (!can_cast(*column->type(), *to)) {
    return config_error("cast",
                        fmt::format("there is no cast from {} to {}", type_name(*column->type()), type_name(*to)),
                        "sql can say how it is meant");
  }
  if (column->type_id() == Id::DICTIONARY) {
    ASSIGN(const Column plain,
           arrow_cast(column, static_cast<const arrow::DictionaryType&>(*column->type()).value_type()));
    return cast_column(plain, to);
  }
  return cast_known(column, to);
}

bool text_fits(std::string_view text, const Type& type) {
  arrow::StringBuilder builder;
  std::shared_ptr<arrow::Array> column;
  if (!builder.Append(text).ok() || !builder.Finish(&column).ok() || !can_cast(*column->type(), *type)) return false;
  const auto cast = cast_column(column, type);
  return cast && cast->refused.empty();
}

}  // namespace trommel
