#include "query/parameters.h"

#include <algorithm>

#include "arrow/api.h"
#include "fmt/format.h"

namespace trommel::query {
namespace {

template <class ArrayType>
auto first(const arrow::Array& array) {
  return static_cast<const ArrayType&>(array).Value(0);
}

duckdb_value text_value(std::string_view text) { return duckdb_create_varchar_length(text.data(), text.size()); }

duckdb_value timestamp_value(const arrow::Array& array) {
  const auto& type = static_cast<const arrow::TimestampType&>(*array.type());
  const int64_t value = first<arrow::TimestampArray>(array);
  // A column with a zone is a TIMESTAMPTZ, which counts microseconds.
  switch (type.unit()) {
    case arrow::TimeUnit::SECOND:
      return type.timezone().empty() ? duckdb_create_timestamp_s({value})
                                     : duckdb_create_timestamp_tz({value * 1'000'000});
    case arrow::TimeUnit::MILLI:
      return type.timezone().empty() ? duckdb_create_timestamp_ms({value})
                                     : duckdb_create_timestamp_tz({value * 1'000});
    case arrow::TimeUnit::MICRO:
      return type.timezone().empty() ? duckdb_create_timestamp({value}) : duckdb_create_timestamp_tz({value});
    case arrow::TimeUnit::NANO:
      return type.timezone().empty() ? duckdb_create_timestamp_ns({value})
                                     : duckdb_create_timestamp_tz({value / 1'000});
  }
  return nullptr;
}

duckdb_value time_value(const arrow::Array& array) {
  if (array.type_id() == arrow::Type::TIME32) {
    const auto unit = static_cast<const arrow::TimeType&>(*array.type()).unit();
    const int64_t value = first<arrow::Time32Array>(array);
    return duckdb_create_time({value * (unit == arrow::TimeUnit::SECOND ? 1'000'000 : 1'000)});
  }
  const auto unit = static_cast<const arrow::TimeType&>(*array.type()).unit();
  const int64_t value = first<arrow::Time64Array>(array);
  return duckdb_create_time({unit == arrow::TimeUnit::MICRO ? value : value / 1'000});
}

duckdb_value decimal_value(const arrow::Array& array) {
  const auto& type = static_cast<const arrow::Decimal128Type&>(*array.type());
  const arrow::Decimal128 value(static_cast<const arrow::Decimal128Array&>(array).GetValue(0));
  return duckdb_create_decimal({static_cast<uint8_t>(type.precision()),
                                static_cast<uint8_t>(type.scale()),
                                {value.low_bits(), value.high_bits()}});
}

duckdb_value uuid_value(const arrow::Array& array) {
  const auto& storage = *static_cast<const arrow::ExtensionArray&>(array).storage();
  const uint8_t* bytes = static_cast<const arrow::FixedSizeBinaryArray&>(storage).GetValue(0);
  duckdb_uhugeint value{0, 0};
  for (int i = 0; i < 8; ++i) value.upper = value.upper << 8 | bytes[i];
  for (int i = 8; i < 16; ++i) value.lower = value.lower << 8 | bytes[i];
  return duckdb_create_uuid(value);
}

/// Null: values of the type cannot be bound.
duckdb_value value_of(const arrow::Array& array) {
  switch (array.type_id()) {
    case arrow::Type::NA:
      return duckdb_create_null_value();
    case arrow::Type::BOOL:
      return duckdb_create_bool(first<arrow::BooleanArray>(array));
    case arrow::Type::INT8:
      return duckdb_create_int8(first<arrow::Int8Array>(array));
    case arrow::Type::INT16:
      return duckdb_create_int16(first<arrow::Int16Array>(array));
    case arrow::Type::INT32:
      return duckdb_create_int32(first<arrow::Int32Array>(array));
    case arrow::Type::INT64:
      return duckdb_create_int64(first<arrow::Int64Array>(array));
    case arrow::Type::UINT8:
      return duckdb_create_uint8(first<arrow::UInt8Array>(array));
    case arrow::Type::UINT16:
      return duckdb_create_uint16(first<arrow::UInt16Array>(array));
    case arrow::Type::UINT32:
      return duckdb_create_uint32(first<arrow::UInt32Array>(array));
    case arrow::Type::UINT64:
      return duckdb_create_uint64(first<arrow::UInt64Array>(array));
    case arrow::Type::FLOAT:
      return duckdb_create_float(first<arrow::FloatArray>(array));
    case arrow::Type::DOUBLE:
      return duckdb_create_double(first<arrow::DoubleArray>(array));
    case arrow::Type::STRING:
      return text_value(static_cast<const arrow::StringArray&>(array).GetView(0));
    case arrow::Type::LARGE_STRING:
      return text_value(static_cast<const arrow::LargeStringArray&>(array).GetView(0));
    case arrow::Type::STRING_VIEW:
      return text_value(static_cast<const arrow::StringViewArray&>(array).GetView(0));
    case arrow::Type::BINARY: {
      const auto bytes = static_cast<const arrow::BinaryArray&>(array).GetView(0);
      return duckdb_create_blob(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    }
    case arrow::Type::DATE32:
      return duckdb_create_date({first<arrow::Date32Array>(array)});
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
      return time_value(array);
    case arrow::Type::TIMESTAMP:
      return timestamp_value(array);
    case arrow::Type::DECIMAL128:
      return decimal_value(array);
    case arrow::Type::EXTENSION:
      return same_type(*array.type(), *uuid_type()) ? uuid_value(array) : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

Result<> bind_parameters(duckdb_prepared_statement statement, const std::vector<Parameter>& parameters) {
  const auto names = parameter_names(statement);
  for (idx_t i = 0; i < names.size(); ++i) {
    const auto found = std::ranges::find(parameters, names[i], &Parameter::name);
    if (found == parameters.end())
      return config_error("SQL", fmt::format("there is no value for the parameter `${}`", names[i]));
    const bool null = !found->value || found->value->IsNull(0);
    ValueHandle value(null ? duckdb_create_null_value() : value_of(*found->value));
    if (!value)
      return config_error(
          "SQL", fmt::format("parameter `${}`: {} cannot be bound", names[i], type_name(*found->value->type())));
    if (duckdb_bind_value(statement, i + 1, value.get()) != DuckDBSuccess)
      return tl::unexpected(from_duckdb(duckdb_prepare_error(statement)));
  }
  return {};
}

std::vector<std::string> parameter_names(duckdb_prepared_statement statement) {
  std::vector<std::string> names;
  for (idx_t i = 1; i <= duckdb_nparams(statement); ++i) {
    const char* name = duckdb_parameter_name(statement, i);
    names.emplace_back(name ? name : "");
    duckdb_free(const_cast<char*>(name));
  }
  return names;
}

}  // namespace trommel::query
