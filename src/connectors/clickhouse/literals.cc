#include "connectors/clickhouse/literals.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <cmath>

#include "connectors/clickhouse/types.h"

namespace trommel::clickhouse {
namespace {

using Id = arrow::Type;

bool is_null(const QueryParameter& parameter) { return !parameter.value || parameter.value->IsNull(0); }

/// The same moment or wall clock without its zone: 2026-01-01 13:45:07.250000
Result<std::string> moment_text(const arrow::Array& value) {
  const auto unit = static_cast<const arrow::TimestampType&>(*value.type()).unit();
  auto view = value.View(arrow::timestamp(unit));
  if (!view.ok()) return tl::unexpected(from_arrow(view.status(), "parameter"));
  auto text = value_text(**view, 0);
  if (text.size() > 10) text[10] = ' ';
  return text;
}

/// A value as ClickHouse reads it from text, not escaped.
Result<std::string> plain_text(const arrow::Array& value) {
  switch (value.type_id()) {
    case Id::TIMESTAMP:
      return moment_text(value);
    case Id::BOOL:
      return std::string(static_cast<const arrow::BooleanArray&>(value).Value(0) ? "1" : "0");
    case Id::FLOAT:
    case Id::DOUBLE: {
      const double number = value.type_id() == Id::FLOAT ? static_cast<const arrow::FloatArray&>(value).Value(0)
                                                         : static_cast<const arrow::DoubleArray&>(value).Value(0);
      if (std::isnan(number)) return std::string("nan");
      if (std::isinf(number)) return std::string(number > 0 ? "inf" : "-inf");
      return value.type_id() == Id::FLOAT ? fmt::format("{}", static_cast<float>(number)) : fmt::format("{}", number);
    }
    default:
      return value_text(value, 0);
  }
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    constexpr std::string_view meant("\t\n\r\b\f\0\\", 7), written = "tnrbf0\\";
    const size_t at = meant.find(c);
    if (at == std::string_view::npos)
      out += c;
    else
      out += {'\\', written[at]};
  }
  return out;
}

/// A text in quotes, in which no character means anything but itself.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : escaped(text)) {
    if (c == '\'') out += '\\';
    out += c;
  }
  return out + "'";
}

/// NULL needs a type that has it; with any other value an index is of use without it.
Result<ColumnType> type_of(const QueryParameter& parameter, const Engine& engine) {
  // Moments are written as they are in UTC, whatever zone their column shows them in.
  const bool moment = parameter.type->id() == Id::TIMESTAMP;
  const Type as = moment ? arrow::timestamp(static_cast<const arrow::TimestampType&>(*parameter.type).unit(), "UTC")
                         : parameter.type;
  auto type = column_type(*as, is_null(parameter), false, engine);
  if (!type)
    return config_error("", fmt::format("parameter `{}`: {}", parameter.name, type.error().what), type.error().hint);
  return type;
}

/// The value as a column of the type would hold it, as text that is not escaped.
Result<std::string> text_as(const QueryParameter& parameter, const ColumnType& type, const Engine& engine) {
  ASSIGN(const auto written, as_written(parameter.value, type));
  if (written.refused.empty()) return plain_text(*written.column);
  return data_error("", fmt::format("ClickHouse {} has no value like {} of a {}", engine.version,
                                    value_text(*parameter.value, 0), type_name(*parameter.type)));
}

}  // namespace

Result<std::string> bound(const QueryParameter& parameter, const Engine& engine) {
  ASSIGN(const auto type, type_of(parameter, engine));
  return fmt::format("{{{}:{}}}", parameter.name, type.text);
}

Result<std::string> parameter_text(const QueryParameter& parameter, const Engine& engine) {
  if (is_null(parameter)) return std::string("\\N");
  ASSIGN(const auto type, type_of(parameter, engine));
  ASSIGN(const auto text, text_as(parameter, type, engine));
  return escaped(text);
}

Result<std::string> literal(const QueryParameter& parameter, const Engine& engine) {
  ASSIGN(const auto type, type_of(parameter, engine));
  if (is_null(parameter)) return fmt::format("CAST(NULL AS {})", type.text);
  ASSIGN(const auto text, text_as(parameter, type, engine));
  // A CAST to DateTime reads the text in the zone of the server.
  if (type.kind == ColumnType::Kind::timestamp) return fmt::format("toDateTime({}, 'UTC')", quoted(text));
  if (type.kind == ColumnType::Kind::uuid) return fmt::format("toUUID({})", quoted(text));
  return fmt::format("CAST({} AS {})", quoted(text), type.text);
}

}  // namespace trommel::clickhouse
