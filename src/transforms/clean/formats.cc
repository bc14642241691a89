#include "transforms/clean/formats.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>

#include "batch/time_unit.h"

namespace trommel {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"january",   "february", "march",    "april",
                                                      "may",       "june",     "july",     "august",
                                                      "september", "october",  "november", "december"};
constexpr std::array<std::string_view, 7> kDays = {"monday", "tuesday",  "wednesday", "thursday",
                                                   "friday", "saturday", "sunday"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 0x20) : c; }

/// What has been read of a time so far.
struct Fields {
  int64_t year = 1970;
  int month = 1, day = 1, day_of_year = 0;
  int hour = 0, minute = 0, second = 0;
  int64_t nanosecond = 0;
  std::optional<bool> afternoon;
  std::optional<int64_t> zone_seconds, epoch;
  bool twelve_hours = false, has_time = false;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool all(std::string_view format, Fields& fields) {
    for (size_t at = 0; at < format.size(); ++at) {
      const char c = format[at];
      if (c == ' ') {
        while (!text_.empty() && text_.front() == ' ') text_.remove_prefix(1);
      } else if (c != '%') {
        if (!literal(c)) return false;
      } else if (++at == format.size() || !field(format[at], fields)) {
        return false;
      }
    }
    return true;
  }
  bool ended() const { return text_.empty(); }

 private:
  bool literal(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  template <class Number>
  bool number(size_t digits_min, size_t digits_max, int64_t least, int64_t most, Number& value) {
    int64_t read = 0;
    size_t digits = 0;
    while (digits < digits_max && digits < text_.size() && is_digit(text_[digits]))
      read = read * 10 + (text_[digits++] - '0');
    if (digits < digits_min || read < least || read > most) return false;
    text_.remove_prefix(digits);
    value = static_cast<Number>(read);
    return true;
  }
  /// A whole name, or its first three letters.
  template <size_t count>
  bool name(const std::array<std::string_view, count>& names, int& place) {
    for (size_t i = 0; i < count; ++i) {
      for (const std::string_view wanted : {names[i], names[i].substr(0, 3)}) {
        if (text_.size() < wanted.size()) continue;
        bool same = true;
        for (size_t at = 0; at < wanted.size() && same; ++at) same = small(text_[at]) == wanted[at];
        if (!same) continue;
        text_.remove_prefix(wanted.size());
        place = static_cast<int>(i) + 1;
        return true;
      }
    }
    return false;
  }
  bool fraction(int64_t& nanoseconds) {
    size_t digits = 0;
    int64_t read = 0;
    while (digits < text_.size() && digits < 9 && is_digit(text_[digits])) read = read * 10 + (text_[digits++] - '0');
    if (digits == 0) return false;
    text_.remove_prefix(digits);
    for (; digits < 9; ++digits) read *= 10;
    nanoseconds = read;
    return true;
  }
  /// Z, +HH, +HHMM or +HH:MM.
  bool zone(std::optional<int64_t>& seconds) {
    if (text_.empty()) return false;
    const char sign = text_.front();
    text_.remove_prefix(1);
    if (sign == 'Z' || sign == 'z') {
      seconds = 0;
      return true;
    }
    int64_t hours = 0, minutes = 0;
    if ((sign != '+' && sign != '-') || !number(2, 2, 0, 23, hours)) return false;
    if (!text_.empty() && text_.front() == ':') text_.remove_prefix(1);
    if (!text_.empty() && is_digit(text_.front()) && !number(2, 2, 0, 59, minutes)) return false;
    seconds = (hours * 60 + minutes) * 60 * (sign == '-' ? -1 : 1);
    return true;
  }
  bool half(std::optional<bool>& afternoon) {
    if (text_.size() < 2 || small(text_[1]) != 'm') return false;
    const char c = small(text_[0]);
    if (c != 'a' && c != 'p') return false;
    afternoon = c == 'p';
    text_.remove_prefix(2);
    return true;
  }
  bool field(char which, Fields& out) {
    int unused = 0;
    switch (which) {
      case 'Y':
        return number(4, 4, 1, 9999, out.year);
      case 'y':
        if (!number(2, 2, 0, 99, out.year)) return false;
        out.year += out.year < 69 ? 2000 : 1900;
        return true;
      case 'm':
        return number(1, 2, 1, 12, out.month);
      case 'd':
        return number(1, 2, 1, 31, out.day);
      case 'e':
        while (!text_.empty() && text_.front() == ' ') text_.remove_prefix(1);
        return number(1, 2, 1, 31, out.day);
      case 'j':
        return number(1, 3, 1, 366, out.day_of_year);
      case 'b':
      case 'B':
      case 'h':
        return name(kMonths, out.month);
      case 'a':
      case 'A':
        return name(kDays, unused);
      case 'H':
        out.has_time = true;
        return number(1, 2, 0, 23, out.hour);
      case 'I':
        out.has_time = out.twelve_hours = true;
        return number(1, 2, 1, 12, out.hour);
      case 'M':
        return number(1, 2, 0, 59, out.minute);
      case 'S':
        return number(1, 2, 0, 59, out.second);
      case 'f':
        return fraction(out.nanosecond);
      case 'p':
        return half(out.afternoon);
      case 'z':
        return zone(out.zone_seconds);
      case 's': {
        out.has_time = true;
        const bool minus = !text_.empty() && text_.front() == '-';
        if (minus) text_.remove_prefix(1);
        int64_t seconds = 0;
        if (!number(1, 12, 0, 999'999'999'999, seconds)) return false;
        out.epoch = minus ? -seconds : seconds;
        return true;
      }
      case 'T':
        return all("%H:%M:%S", out);
      case 'R':
        return all("%H:%M", out);
      case 'F':
        return all("%Y-%m-%d", out);
      case 'D':
        return all("%m/%d/%y", out);
      default:
        return which == '%' && literal('%');
    }
  }

  std::string_view text_;
};

std::optional<int64_t> days_of(const Fields& fields) {
  const std::chrono::year year{static_cast<int>(fields.year)};
  if (fields.day_of_year > 0) {
    if (fields.day_of_year == 366 && !year.is_leap()) return std::nullopt;
    const std::chrono::sys_days first = year / 1 / 1;
    return first.time_since_epoch().count() + fields.day_of_year - 1;
  }
  const auto date = year / fields.month / fields.day;
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

template <class Text>
Result<ArrayPtr> as_plain_numbers(const Text& texts, const ColumnFormat& format, std::vector<int64_t>& refused) {
  arrow::StringBuilder builder;
  for (int64_t row = 0; row < texts.length(); ++row) {
    auto status = arrow::Status::OK();
    const auto plain =
        texts.IsNull(row) ? std::nullopt : plain_number(texts.GetView(row), format.decimal, format.thousands);
    if (plain) {
      status = builder.Append(*plain);
    } else {
      status = builder.AppendNull();
      if (texts.IsValid(row)) refused.push_back(row);
    }
    if (!status.ok()) return tl::unexpected(from_arrow(status, "clean: parse"));
  }
  ArrayPtr out;
  if (const auto status = builder.Finish(&out); !status.ok()) return tl::unexpected(from_arrow(status, "clean: parse"));
  return out;
}

// In the unit of the column, or nothing where digits would be lost.
std::optional<int64_t> in_units(const TimeFormat::Time& time, const arrow::DataType& type) {
  const int64_t units = per_second(static_cast<const arrow::TimestampType&>(type).unit()), each = 1'000'000'000 / units;
  int64_t value = 0;
  if (time.nanoseconds % each != 0 || __builtin_mul_overflow(time.seconds, units, &value)) return std::nullopt;
  if (__builtin_add_overflow(value, time.nanoseconds / each, &value)) return std::nullopt;
  return value;
}

template <class Text>
Result<CastOutcome> read_times(const Text& texts, const ColumnFormat& format) {
  const bool date = format.type->id() == arrow::Type::DATE32;
  CastOutcome out;
  arrow::Date32Builder dates;
  arrow::TimestampBuilder times(date ? arrow::timestamp(arrow::TimeUnit::MICRO) : format.type,
                                arrow::default_memory_pool());
  auto status = date ? dates.Reserve(texts.length()) : times.Reserve(texts.length());
  if (!status.ok()) return tl::unexpected(from_arrow(status, "clean: parse"));
  for (int64_t row = 0; row < texts.length(); ++row) {
    std::optional<int64_t> value;
    for (size_t i = 0; texts.IsValid(row) && !value && i < format.times.size(); ++i) {
      const auto time = format.times[i].read(texts.GetView(row));
      if (!time) continue;
      if (!date) {
        value = in_units(*time, *format.type);
      } else if (time->seconds % 86'400 == 0 && time->nanoseconds == 0) {
        value = time->seconds / 86'400;
      }
    }
    if (value && date) {
      dates.UnsafeAppend(static_cast<int32_t>(*value));
    } else if (value) {
      times.UnsafeAppend(*value);
    } else {
      date ? dates.UnsafeAppendNull() : times.UnsafeAppendNull();
      if (texts.IsValid(row)) out.refused.push_back(row);
    }
  }
  status = date ? dates.Finish(&out.column) : times.Finish(&out.column);
  if (!status.ok()) return tl::unexpected(from_arrow(status, "clean: parse"));
  return out;
}

template <class Text>
Result<CastOutcome> read_texts(const Text& texts, const ColumnFormat& format) {
  if (!format.times.empty()) return read_times(texts, format);
  std::vector<int64_t> refused;
  ASSIGN(const ArrayPtr plain, as_plain_numbers(texts, format, refused));
  ASSIGN(CastOutcome out, cast_column(plain, format.type));
  std::vector<int64_t> all;
  std::merge(refused.begin(), refused.end(), out.refused.begin(), out.refused.end(), std::back_inserter(all));
  out.refused = std::move(all);
  return out;
}

}  // namespace

Result<TimeFormat> TimeFormat::of(std::string text) {
  bool any = false;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') continue;
    any = true;
    constexpr std::string_view known = "YymdejbBhaAHIMSfpzsTRFD%";
    if (++at == text.size() || known.find(text[at]) == std::string_view::npos)
      return config_error("",
                          fmt::format("`{}` in `{}` is no part of a date or time",
                                      at == text.size() ? "%" : text.substr(at - 1, 2), text),
                          "such as %Y-%m-%d, %d.%m.%Y %H:%M or %b %e %Y");
  }
  if (!any) return config_error("", fmt::format("`{}` holds no date and no time", text), "such as %d.%m.%Y");
  return TimeFormat(std::move(text));
}

std::optional<TimeFormat::Time> TimeFormat::read(std::string_view text) const {
  Fields fields;
  Reader reader(text);
  if (!reader.all(text_, fields) || !reader.ended()) return std::nullopt;
  Time out;
  out.nanoseconds = fields.nanosecond;
  out.has_zone = fields.zone_seconds.has_value();
  out.has_time = fields.has_time;
  if (fields.epoch) {
    out.seconds = *fields.epoch;
    return out;
  }
  if (fields.twelve_hours && fields.afternoon) fields.hour = fields.hour % 12 + (*fields.afternoon ? 12 : 0);
  const auto days = days_of(fields);
  if (!days) return std::nullopt;
  out.seconds =
      ((*days * 24 + fields.hour) * 60 + fields.minute) * 60 + fields.second - fields.zone_seconds.value_or(0);
  return out;
}

std::optional<std::string> plain_number(std::string_view text, char decimal, char thousands) {
  std::string out;
  size_t at = 0;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    if (text[0] == '-') out += '-';
    at = 1;
  }
  size_t digits = 0, groups = 0;  // digits since the last sign of thousands
  for (; at < text.size(); ++at) {
    if (is_digit(text[at])) {
      out += text[at];
      ++digits;
      continue;
    }
    size_t width = thousands != 0 && text[at] == thousands ? 1 : 0;
    // No-break space and narrow no-break space.
    if (thousands == ' ' && text.substr(at, 2) == "\xc2\xa0") width = 2;
    if (thousands == ' ' && text.substr(at, 3) == "\xe2\x80\xaf") width = 3;
    if (width == 0) break;
    if (digits == 0 || digits > 3 || (groups > 0 && digits != 3)) return std::nullopt;
    ++groups;
    digits = 0;
    at += width - 1;
  }
  if (digits == 0 || (groups > 0 && digits != 3)) return std::nullopt;
  if (at == text.size()) return out;
  if (text[at] != decimal || at + 1 == text.size()) return std::nullopt;
  out += '.';
  for (++at; at < text.size(); ++at) {
    if (!is_digit(text[at])) return std::nullopt;
    out += text[at];
  }
  return out;
}

Result<CastOutcome> read_column(const ArrayPtr& texts, const ColumnFormat& format) {
  if (texts->type_id() == arrow::Type::LARGE_STRING)
    return read_texts(static_cast<const arrow::LargeStringArray&>(*texts), format);
  return read_texts(static_cast<const arrow::StringArray&>(*texts), format);
}

}  // namespace trommel
