#include "schedule/cron.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>

namespace trommel::schedule {

namespace {

constexpr std::string_view kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                        "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view kWeekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Kind {
  const char* name;
  int low, high;  ///< as they may be written
  std::span<const std::string_view> names;
};

const std::array<Kind, 5> kKinds = {{{"minute", 0, 59, {}},
                                     {"hour", 0, 23, {}},
                                     {"day of the month", 1, 31, {}},
                                     {"month", 1, 12, kMonths},
                                     {"day of the week", 0, 7, kWeekdays}}};

constexpr std::pair<std::string_view, std::string_view> kNicknames[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}};

/// Reads one field; mistakes go to the list.
class FieldReader {
 public:
  FieldReader(const Kind& kind, std::string_view text, size_t at, std::vector<CronMistake>& mistakes)
      : kind_(kind), mistakes_(mistakes) {
    field_.text = std::string(text);
    field_.at = at;
    field_.star = text.starts_with('*');
  }

  Cron::Field read() {
    const std::string_view text = field_.text;
    for (size_t at = 0; at <= text.size();) {
      const size_t end = std::min(text.find(',', at), text.size());
      item(text.substr(at, end - at), field_.at + at);
      at = end + 1;
    }
    if (text.starts_with("*/") && text.find(',') == std::string_view::npos)
      field_.step = number(text.substr(2)).value_or(1);
    return std::move(field_);
  }

 private:
  void item(std::string_view text, size_t at) {
    const size_t slash = text.find('/');
    const std::string_view range = text.substr(0, slash);
    int step = 1;
    if (slash != std::string_view::npos) {
      const auto read = number(text.substr(slash + 1));
      if (!read || *read < 1 || *read > kind_.high) {
        return wrong(at + slash + 1,
                     fmt::format("the step `{}` must be a number from 1 to {}", text.substr(slash + 1), kind_.high));
      }
      step = *read;
    }
    int from = kind_.low, to = kind_.high == 7 ? 6 : kind_.high;
    if (range != "*") {
      const size_t dash = range.find('-');
      const auto first = value(range.substr(0, dash), at);
      if (!first) return;
      from = to = *first;
      if (dash != std::string_view::npos) {
        const auto last = value(range.substr(dash + 1), at + dash + 1);
        if (!last) return;
        to = *last;
      } else if (slash != std::string_view::npos) {
        to = kind_.high == 7 ? 6 : kind_.high;  // `5/15` counts on to the end, as in most crons
      }
      if (to < from)
        return wrong(
            at, fmt::format("the range `{}` runs backwards", range),
            fmt::format("write both ends apart: `{}-{},{}-{}`", from, kind_.high == 7 ? 6 : kind_.high, kind_.low, to));
    }
    for (int value = from; value <= to; value += step)
      field_.values |= uint64_t{1} << (kind_.high == 7 ? value % 7 : value);
  }

  std::optional<int> value(std::string_view text, size_t at) {
    std::optional<int> out = number(text);
    for (size_t i = 0; !out && i < kind_.names.size(); ++i) {
      std::string lower(text);
      for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
      if (lower == kind_.names[i]) out = static_cast<int>(i) + kind_.low;
    }
    if (out && *out >= kind_.low && *out <= kind_.high) return out;
    wrong(
        at, fmt::format("`{}` is no {}", text, kind_.name),
        fmt::format("{} to {}{}", kind_.low, kind_.high,
                    kind_.names.empty() ? "" : fmt::format(", or {} to {}", kind_.names.front(), kind_.names.back())));
    return std::nullopt;
  }

  static std::optional<int> number(std::string_view text) {
    int out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || text.front() == '-')
      return std::nullopt;
    return out;
  }

  void wrong(size_t at, std::string what, std::string hint = {}) {
    mistakes_.push_back({at, std::move(what), std::move(hint)});
  }

  const Kind& kind_;
  std::vector<CronMistake>& mistakes_;
  Cron::Field field_;
};

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// The words of a text and where they begin.
std::vector<std::pair<size_t, std::string_view>> words_of(std::string_view text) {
  std::vector<std::pair<size_t, std::string_view>> words;
  for (size_t at = 0; at < text.size();) {
    if (is_blank(text[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && !is_blank(text[end])) ++end;
    words.emplace_back(at, text.substr(at, end - at));
    at = end;
  }
  return words;
}

/// Whether any year has such a day; weekdays come in every month.
bool has_a_day(const Cron& cron) {
  static constexpr int kLongest[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const auto& [minute, hour, day, month, weekday] = cron.fields;
  if (!day.star && !weekday.star) return true;
  for (unsigned m = 1; m <= 12; ++m) {
    if (!month.has(m)) continue;
    for (unsigned d = 1; d <= static_cast<unsigned>(kLongest[m - 1]); ++d) {
      if (day.has(d)) return true;
    }
  }
  return false;
}

}  // namespace

std::optional<int> Cron::Field::only() const {
  if (std::popcount(values) != 1) return std::nullopt;
  return std::countr_zero(values);
}

bool Cron::has(Day the_day) const {
  const std::chrono::year_month_day date(the_day);
  if (!fields[month].has(static_cast<unsigned>(date.month()))) return false;
  const bool by_day = fields[day].has(static_cast<unsigned>(date.day()));
  const bool by_weekday = fields[weekday].has(std::chrono::weekday(the_day).c_encoding());
  const bool either = !fields[day].star && !fields[weekday].star;
  return either ? by_day || by_weekday : by_day && by_weekday;
}

std::optional<Cron> parse_cron(std::string_view text, std::vector<CronMistake>& mistakes) {
  Cron cron;
  cron.text = std::string(text);
  if (text.starts_with('@')) {
    for (const auto& [name, meaning] : kNicknames) {
      if (text != name) continue;
      auto out = parse_cron(meaning, mistakes);
      out->text = cron.text;
      return out;
    }
    mistakes.push_back(
        {0, fmt::format("unknown nickname `{}`", text), "known: @hourly, @daily, @weekly, @monthly, @yearly"});
    return std::nullopt;
  }
  const auto words = words_of(text);
  if (words.size() != 5) {
    mistakes.push_back({0, fmt::format("a cron text has five fields, not {}", words.size()),
                        "minute, hour, day of the month, month, day of the week: `0 6 * * *` is 06:00 each day"});
    return std::nullopt;
  }
  const size_t before = mistakes.size();
  for (size_t i = 0; i < words.size(); ++i)
    cron.fields[i] = FieldReader(kKinds[i], words[i].second, words[i].first, mistakes).read();
  if (mistakes.size() > before) return std::nullopt;
  if (!has_a_day(cron)) {
    mistakes.push_back({cron.fields[Cron::day].at,
                        fmt::format("no month of `{}` has a day `{}`: it would never run",
                                    cron.fields[Cron::month].text, cron.fields[Cron::day].text),
                        ""});
    return std::nullopt;
  }
  return cron;
}

std::vector<CronMistake> cron_surprises(const Cron& cron) {
  std::vector<CronMistake> out;
  const auto& [minute, hour, day, month, weekday] = cron.fields;
  if (day.step > 1 && day.step < 31) {
    const int last = 1 + 30 / day.step * day.step, gap = 32 - last;
    const auto at_minute = minute.only(), at_hour = hour.only();
    const std::string at = at_minute && at_hour ? fmt::format(", at: \"{:02}:{:02}\"", *at_hour, *at_minute) : "";
    out.push_back({day.at,
                   fmt::format("`{}` counts from the first of each month: it runs on the {}{} and again on the 1st, {} "
                               "later",
                               day.text, last,
                               last == 31   ? "st"
                               : last == 21 ? "st"
                                            : "th",
                               gap == 1 ? "a day" : fmt::format("{} days", gap)),
                   fmt::format("for every {} days write `schedule: {{ every: {}d{}, from: 2026-01-01 }}`", day.step,
                               day.step, at)});
  }
  for (const auto& [field, size, unit] : {std::tuple{&minute, 60, "m"}, std::tuple{&hour, 24, "h"}}) {
    if (field->step == 1 || size % field->step == 0) continue;
    out.push_back(
        {field->at,
         fmt::format("`{}` begins anew at 0: after {} comes 0, not {}", field->text,
                     (size - 1) / field->step * field->step, (size - 1) / field->step * field->step + field->step),
         fmt::format("for every {}{} write `schedule: {{ every: {}{}, from: 2026-01-01 }}`", field->step, unit,
                     field->step, unit)});
  }
  if (!day.star && !weekday.star) {
    out.push_back({day.at,
                   fmt::format("it runs on days of the month `{}` and on days of the week `{}`, not only where "
                               "both hold",
                               day.text, weekday.text),
                   "so does every cron"});
  } else if (day.only() && *day.only() > 28) {
    out.push_back({day.at, fmt::format("months without a {}. are passed over", *day.only()), ""});
  }
  return out;
}

}  // namespace trommel::schedule
