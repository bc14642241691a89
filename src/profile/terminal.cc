// A profile for people in a terminal.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "profile/profile.h"
#include "telemetry/numbers.h"

namespace trommel::profile {

namespace {

constexpr int width_elsewhere = 100;
constexpr std::array<const char*, 8> heights = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<const char*, 8> widths = {"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};

/// A bar of `cells` at most, in eighths of a cell; the smallest share is still seen.
std::string bar(double share, int cells) {
  const auto eighths = std::max<int64_t>(share > 0 ? 1 : 0, std::llround(share * cells * 8));
  std::string out;
  for (int64_t i = 0; i < eighths / 8; ++i) out += widths[7];
  if (eighths % 8 > 0) out += widths[static_cast<size_t>(eighths % 8 - 1)];
  return out;
}

std::string padded(const std::string& text, int width) {
  return text + std::string(static_cast<size_t>(std::max(0, width - display_width(text))), ' ');
}

class Writer {
 public:
  Writer(const Profile& profile, const Terminal& terminal)
      : profile_(profile), terminal_(terminal), width_(terminal.width > 0 ? terminal.width : width_elsewhere) {}

  std::string text() {
    head();
    for (const Column& column : profile_.columns) write(column);
    missing();
    line("");
    line(terminal_.paint("Suggested contract", Colour::bold) +
         ": a rule that rows of this data break is marked above; check what you take");
    out_ += contract_lines(profile_);
    return std::move(out_);
  }

 private:
  void line(const std::string& text) { out_ += text + "\n"; }
  /// A word in front, the rest cut to the width.
  void fact(const std::string& word, const std::string& text) {
    line("  " + terminal_.paint(padded(word, 10), Colour::dim) + cut_to_width(text, width_ - 12));
  }
  std::string share(int64_t rows) const {
    return share_text(profile_.rows > 0 ? static_cast<double>(rows) / static_cast<double>(profile_.rows) : 0);
  }
  int64_t looked_at() const { return profile_.sampled > 0 ? profile_.sampled : profile_.rows; }

  void head() {
    std::string text = fmt::format("{}, {} columns", rows_text(profile_.rows), profile_.columns.size());
    if (profile_.bytes >= 0) text += ", " + bytes_text(profile_.bytes);
    if (profile_.copies) text += fmt::format(", {} equal to an earlier one", count_text(*profile_.copies));
    line(terminal_.paint(printable(profile_.name), Colour::bold) + ": " + text);
    for (const std::string& guess : profile_.guesses) line("  " + cut_to_width(printable(guess), width_ - 2));
    if (profile_.sampled > 0)
      line(fmt::format(
          "  over all rows: NULLs, least, greatest, mean; estimated: distinct; the rest from a sample of {}",
          rows_text(profile_.sampled)));
    if (profile_.unread > 0) {
      line(terminal_.paint(fmt::format("  {} could not be read and are in no figure", rows_text(profile_.unread)),
                           Colour::yellow));
      for (size_t i = 0; i < profile_.first_unread.size() && i < 3; ++i)
        line(cut_to_width(fmt::format("    {}: {}", printable(profile_.first_unread[i].place),
                                      printable(profile_.first_unread[i].reason)),
                          width_));
    }
  }

  void write(const Column& column) {
    line("");
    line(terminal_.paint(printable(column.name), Colour::bold) + "  " +
         terminal_.paint(type_name(*column.type), Colour::cyan));
    std::string counts =
        fmt::format("{}{} distinct", column.distinct_exact ? "" : "about ", count_text(column.distinct));
    counts = (column.nulls > 0 ? fmt::format("{} NULL ({}), ", count_text(column.nulls), share(column.nulls))
                               : "no NULL, ") +
             counts;
    if (column.distinct_exact && column.distinct == profile_.rows && profile_.rows > 1) counts += ": each row its own";
    fact("values", counts);
    order_facts(column);
    text_facts(column);
    if (column.distinct > 1 && !column.histogram.buckets.empty()) histogram(column);
    if (column.distinct > 0 && (column.quantiles.empty() || column.distinct <= 20)) top(column);
    for (const Odd& odd : column.odd)
      fact(&odd == &column.odd.front() ? "odd" : "",
           fmt::format("{} ({}): {}", odd.value.empty() ? "the empty text" : printable(odd.value), rows_text(odd.rows),
                       printable(odd.why)));
    rules(column);
  }

  void order_facts(const Column& column) {
    if (column.quantiles.empty()) return;
    std::string text = fmt::format("{} … {}", *column.min, *column.max);
    if (column.mean)
      text += fmt::format(", mean {} ± {}", figure_text(*column.mean), figure_text(column.deviation.value_or(0)));
    if (column.zeros > 0) text += fmt::format(", {} zero", share(column.zeros));
    if (column.negatives > 0) text += fmt::format(", {} negative", share(column.negatives));
    fact("range", text);
    text.clear();
    for (const Quantile& quantile : column.quantiles)
      text += fmt::format("{}{:g}% {}", text.empty() ? "" : "   ", quantile.share * 100, quantile.text);
    fact("quantiles", text);
  }

  void text_facts(const Column& column) {
    if (column.nature != Nature::text || column.distinct == 0) return;
    std::string text = column.min_length == column.max_length
                           ? fmt::format("{} characters", column.max_length)
                           : fmt::format("{} … {} characters, {} on average", column.min_length, column.max_length,
                                         figure_text(column.mean_length));
    if (column.empty > 0) text += fmt::format(", {} empty", share(column.empty));
    fact("length", text);
    text.clear();
    for (size_t i = 0; i < column.shapes.size() && i < 4; ++i)
      text += fmt::format("{}{} {}", i > 0 ? "   " : "", printable(column.shapes[i].value),
                          share_text(static_cast<double>(column.shapes[i].rows) / static_cast<double>(looked_at())));
    if (column.shape_count > 4) text += fmt::format("   and {} more", count_text(column.shape_count - 4));
    fact("shapes", text);
  }

  void histogram(const Column& column) {
    const auto& buckets = column.histogram.buckets;
    const int64_t most = std::max_element(buckets.begin(), buckets.end(), [](const Bucket& a, const Bucket& b) {
                           return a.rows < b.rows;
                         })->rows;
    if (most == 0) return;
    std::string bars;
    for (const Bucket& bucket : buckets) {
      const auto eighths =
          static_cast<size_t>(std::ceil(8 * static_cast<double>(bucket.rows) / static_cast<double>(most)));
      bars += eighths == 0 ? " " : heights[eighths - 1];
    }
    std::string text =
        fmt::format("{} {} {}", buckets.front().low, terminal_.paint(bars, Colour::green), buckets.back().high);
    if (column.histogram.below > 0) text = fmt::format("{} below ", count_text(column.histogram.below)) + text;
    if (column.histogram.above > 0) text += fmt::format(" {} above", count_text(column.histogram.above));
    line("  " + terminal_.paint(padded("histogram", 10), Colour::dim) + text);
  }

  void top(const Column& column) {
    int widest = 0;
    const size_t shown = std::min<size_t>(column.top.size(), 5);
    for (size_t i = 0; i < shown; ++i) widest = std::max(widest, display_width(printable(column.top[i].value)));
    widest = std::min(widest, std::max(8, width_ / 3));
    const int room = std::max(4, width_ - 12 - widest - 20);
    for (size_t i = 0; i < shown; ++i) {
      const ValueCount& value = column.top[i];
      const double of_all = static_cast<double>(value.rows) / static_cast<double>(std::max<int64_t>(1, looked_at()));
      line("  " + terminal_.paint(padded(i == 0 ? "most" : "", 10), Colour::dim) +
           padded(cut_to_width(value.value.empty() ? "(empty)" : printable(value.value), widest), widest) + "  " +
           terminal_.paint(bar(of_all, room), Colour::green) +
           fmt::format(" {} {}", share_text(of_all), count_text(value.rows)));
    }
  }

  void rules(const Column& column) {
    for (const Rule& rule : column.rules) {
      std::string text = fmt::format("{}: {}  ({})", rule.name, rule.value, rule.why);
      if (rule.broken > 0)
        text += fmt::format("; {} {} it", rows_text(rule.broken), rule.broken == 1 ? "breaks" : "break");
      fact(&rule == &column.rules.front() ? "rules" : "", text);
    }
  }

  void missing() {
    if (profile_.missing.empty()) return;
    line("");
    line(terminal_.paint("Missing together", Colour::bold));
    for (const MissingPattern& pattern : profile_.missing) {
      std::string names;
      for (const size_t column : pattern.columns)
        names += (names.empty() ? "" : ", ") + printable(profile_.columns[column].name);
      line(cut_to_width(fmt::format("  {:>5} {:>12}  {}", share(pattern.rows), count_text(pattern.rows),
                                    names.empty() ? "nothing" : names),
                        width_));
    }
  }

  const Profile& profile_;
  const Terminal& terminal_;
  const int width_;
  std::string out_;
};

}  // namespace

std::string terminal_text(const Profile& profile, const Terminal& terminal) { return Writer(profile, terminal).text(); }

}  // namespace trommel::profile
