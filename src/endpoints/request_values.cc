#include "endpoints/request_values.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "arrow/api.h"
#include "arrow/builder.h"
#include "codecs/text/encoding.h"
#include "fmt/format.h"

namespace trommel::endpoints {
namespace {

Value cast_text(const std::string& text, const Type& type) {
  arrow::StringBuilder builder;
  std::shared_ptr<arrow::Array> array;
  if (!builder.Append(text).ok() || !builder.Finish(&array).ok()) return nullptr;
  const auto cast = cast_column(array, type);
  return cast && cast->refused.empty() ? cast->column : nullptr;
}

/// A date with no time behind it.
bool is_date_alone(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  return std::ranges::all_of(text, [](char c) { return c == '-' || (c >= '0' && c <= '9'); });
}

/// The same counts as another type of the same width.
Value as_type(const Value& value, const Type& type) {
  auto viewed = value->View(type);
  return viewed.ok() ? *viewed : nullptr;
}

int64_t units_a_day(const arrow::TimestampType& type) {
  constexpr int64_t seconds = 86'400;
  switch (type.unit()) {
    case arrow::TimeUnit::SECOND:
      return seconds;
    case arrow::TimeUnit::MILLI:
      return seconds * 1'000;
    case arrow::TimeUnit::MICRO:
      return seconds * 1'000'000;
    case arrow::TimeUnit::NANO:
      return seconds * 1'000'000'000;
  }
  return seconds;
}

/// Midnight after the day that `value` begins; null: there is no such time.
Value next_day(const Value& value) {
  const auto& type = static_cast<const arrow::TimestampType&>(*value->type());
  int64_t count = static_cast<const arrow::TimestampArray&>(*value).Value(0);
  if (__builtin_add_overflow(count, units_a_day(type), &count)) return nullptr;
  arrow::TimestampBuilder builder(value->type(), arrow::default_memory_pool());
  std::shared_ptr<arrow::Array> array;
  return builder.Append(count).ok() && builder.Finish(&array).ok() ? array : nullptr;
}

Compared compared_with(const std::string& text, const Type& type) {
  if (type->id() == arrow::Type::TIMESTAMP && is_date_alone(text)) {
    const Value day = value_of(text + "T00:00:00", type);
    const Value end = day ? next_day(day) : nullptr;
    return end ? Compared{day, end} : Compared{};
  }
  return {value_of(text, type), nullptr};
}

std::string wanted(const Type& type) {
  switch (type->id()) {
    case arrow::Type::TIMESTAMP:
      return "a date or a time, such as 2026-01-31 or 2026-01-31T12:00:00Z";
    case arrow::Type::DATE32:
      return "a date, such as 2026-01-31";
    case arrow::Type::BOOL:
      return "true or false";
    default:
      return "a value of type " + type_name(*type);
  }
}

class Reader {
 public:
  Reader(const BoundEndpoint& endpoint, const server::Request& request, std::vector<ParameterMistake>& mistakes)
      : endpoint_(endpoint), request_(request), mistakes_(mistakes) {}

  RequestValues read() {
    for (const Filter& filter : endpoint_.filters) read_filter(filter);
    for (const EndpointParameter& parameter : endpoint_.settings.parameters) read_parameter(parameter);
    if (endpoint_.settings.pages) read_page(*endpoint_.settings.pages);
    refuse_others();
    return std::move(values_);
  }

 private:
  void mistake(const std::string& parameter, std::string detail) {
    mistakes_.push_back({parameter, std::move(detail)});
  }

  /// All that the request says under a name.
  std::vector<std::string> given(const std::string& name) {
    known_.push_back(name);
    std::vector<std::string> texts;
    for (const auto& field : request_.query) {
      if (field.name == name) texts.push_back(field.value);
    }
    for (const auto& text : texts) {
      if (text::is_utf8(text)) continue;
      mistake(name, "it is not UTF-8");
      return {};
    }
    return texts;
  }

  std::optional<std::string> given_once(const std::string& name) {
    const auto texts = given(name);
    if (texts.size() > 1) {
      mistake(name, "it is given more than once");
      return std::nullopt;
    }
    return texts.empty() ? std::nullopt : std::optional(texts.front());
  }

  void read_filter(const Filter& filter) {
    const auto& name = filter.settings.parameter;
    const auto texts = given(name);
    if (texts.empty()) return;
    if (texts.size() > 1 && filter.settings.comparison != Comparison::in)
      return mistake(name, "it is given more than once");
    if (texts.size() > values_max) return mistake(name, fmt::format("it has more than {} values", values_max));
    GivenFilter out{&filter, {}};
    for (const auto& text : texts) {
      auto compared = compared_with(text, filter.type);
      if (!compared.value) return mistake(name, fmt::format("it must be {}, not `{}`", wanted(filter.type), text));
      out.values.push_back(std::move(compared));
    }
    values_.filters.push_back(std::move(out));
  }

  void read_parameter(const EndpointParameter& parameter) {
    const size_t before = mistakes_.size();
    auto text = given_once(parameter.name);
    if (mistakes_.size() != before) return;
    if (!text && parameter.required) return mistake(parameter.name, "it is missing");
    if (!text) text = parameter.default_text;
    Value value;
    if (text) {
      value = value_of(*text, parameter.type);
      if (!value) return mistake(parameter.name, fmt::format("it must be {}, not `{}`", wanted(parameter.type), *text));
    }
    values_.parameters.emplace_back(&parameter, std::move(value));
  }

  void read_page(const EndpointPages& pages) {
    GivenPage page;
    page.size = pages.default_size;
    read_integer(pages.size, page.size, pages.max_size);
    const bool numbered = read_integer(pages.number, page.number, page_number_max);
    page.cursor = given_once(pages.cursor);
    if (numbered && page.cursor)
      mistake(pages.cursor, fmt::format("a page is named by `{}` or by `{}`, not by both", pages.number, pages.cursor));
    values_.page = std::move(page);
  }

  bool read_integer(const std::string& name, int64_t& value, int64_t most) {
    const auto text = given_once(name);
    if (!text) return false;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size() || number < 1 || number > most)
      mistake(name, fmt::format("it must be a whole number from 1 to {}, not `{}`", most, *text));
    else
      value = number;
    return true;
  }

  void refuse_others() {
    std::set<std::string> told;
    for (const auto& field : request_.query) {
      if (std::ranges::find(known_, field.name) != known_.end() || !told.insert(field.name).second) continue;
      const auto near = did_you_mean(field.name, known_);
      std::string detail = "there is no such parameter";
      if (!near.empty()) detail += fmt::format("; did you mean `{}`?", near);
      mistake(text::is_utf8(field.name) ? field.name : "", detail);
    }
  }

  static constexpr size_t values_max = 1000;

  const BoundEndpoint& endpoint_;
  const server::Request& request_;
  std::vector<ParameterMistake>& mistakes_;
  std::vector<std::string> known_;
  RequestValues values_;
};

}  // namespace

Value value_of(const std::string& text, const Type& type) {
  if (auto value = cast_text(text, type)) return value;
  if (type->id() != arrow::Type::TIMESTAMP) return nullptr;
  const auto& timestamp = static_cast<const arrow::TimestampType&>(*type);
  if (!timestamp.timezone().empty()) return nullptr;
  // The column has no zone, the text has one: what its clock shows in UTC.
  const Type zoned = arrow::timestamp(timestamp.unit(), "UTC");
  const Value value = cast_text(text, zoned);
  return value ? as_type(value, type) : nullptr;
}

RequestValues read_request(const BoundEndpoint& endpoint, const server::Request& request,
                           std::vector<ParameterMistake>& mistakes) {
  return Reader(endpoint, request, mistakes).read();
}

}  // namespace trommel::endpoints
