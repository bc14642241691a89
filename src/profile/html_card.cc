#include <fmt/format.h>

#include <algorithm>

#include "profile/html.h"
#include "telemetry/numbers.h"
#include "telemetry/terminal.h"

namespace trommel::profile {

namespace {

double share_of(int64_t rows, int64_t all) {
  return all > 0 ? static_cast<double>(rows) / static_cast<double>(all) : 0;
}

std::string fact(const std::string& name, const std::string& value) {
  return fmt::format("<div><span>{}</span><b class=num>{}</b></div>", name, escaped(value));
}

class Card {
 public:
  Card(const Profile& profile, size_t number) : profile_(profile), column_(profile.columns[number]), number_(number) {}

  std::string html() const {
    std::string out = fmt::format("<article class=card id=c{}><header><h3>{}</h3><span class=type>{}</span>{}</header>",
                                  number_, escaped(column_.name), escaped(type_name(*column_.type)), flags());
    out += "<div class=facts>" + facts() + "</div>";
    if (column_.distinct > 1 && !column_.histogram.buckets.empty()) out += histogram() + strip() + quantiles();
    if (!column_.top.empty() && (column_.quantiles.empty() || column_.distinct <= 12)) out += tops();
    if (column_.nature == Nature::text && column_.shapes.size() > 1 && column_.max_length <= 40) out += shapes();
    return out + odd() + rules() + "</article>\n";
  }

 private:
  int64_t looked_at() const { return profile_.sampled > 0 ? profile_.sampled : profile_.rows; }

  std::string flags() const {
    std::string out;
    if (column_.distinct_exact && column_.distinct == profile_.rows && profile_.rows > 1)
      out += "<span class=flag>each row its own</span>";
    if (column_.distinct == 1 && column_.nulls == 0) out += "<span class=flag>always the same</span>";
    if (column_.nulls == profile_.rows && profile_.rows > 0) out += "<span class='flag odd'>nothing in it</span>";
    return out;
  }

  std::string facts() const {
    std::string out = fact("filled", share_text(1 - share_of(column_.nulls, profile_.rows)));
    if (column_.nulls > 0) out += fact("NULL", count_text(column_.nulls));
    out += fact("distinct", (column_.distinct_exact ? "" : "≈ ") + count_text(column_.distinct));
    if (column_.nature == Nature::number || column_.nature == Nature::time) {
      if (column_.min) out += fact("least", short_time(*column_.min));
      if (column_.max) out += fact("greatest", short_time(*column_.max));
      if (column_.mean) out += fact("mean", figure_text(*column_.mean));
      if (column_.deviation) out += fact("deviation", figure_text(*column_.deviation));
      if (column_.zeros > 0) out += fact("zero", share_text(share_of(column_.zeros, profile_.rows)));
      if (column_.negatives > 0) out += fact("negative", share_text(share_of(column_.negatives, profile_.rows)));
    }
    if (column_.nature == Nature::text && column_.distinct > 0) {
      out += fact("characters",
                  column_.min_length == column_.max_length
                      ? count_text(column_.max_length)
                      : fmt::format("{} … {}", count_text(column_.min_length), count_text(column_.max_length)));
      if (column_.empty > 0) out += fact("empty", share_text(share_of(column_.empty, profile_.rows)));
      out += fact("shapes", count_text(column_.shape_count));
    }
    return out;
  }

  /// `2013-01-01 10:00:00+00` without what is nothing.
  std::string short_time(std::string text) const {
    if (column_.nature != Nature::time) return text;
    if (text.ends_with("+00")) text.resize(text.size() - 3);
    if (text.size() == 19 && text.ends_with(":00")) text.resize(16);
    return text;
  }

  std::string histogram() const {
    const Histogram& histogram = column_.histogram;
    const auto& buckets = histogram.buckets;
    std::string out = "<div class=chart>" + bars_svg(histogram, "Histogram of " + column_.name, 110) + "</div>";
    out += fmt::format("<div class='axis num'><span>{}</span><span>{}</span><span>{}</span></div>",
                       escaped(buckets.front().low), buckets.size() > 2 ? escaped(buckets[buckets.size() / 2].low) : "",
                       escaped(buckets.back().high));
    if (histogram.below > 0)
      out +=
          fmt::format("<div class=beyond>{} below {}</div>", rows_text(histogram.below), escaped(buckets.front().low));
    if (histogram.above > 0)
      out +=
          fmt::format("<div class=beyond>{} above {}</div>", rows_text(histogram.above), escaped(buckets.back().high));
    return out;
  }

  double place(double at) const {
    const Histogram& histogram = column_.histogram;
    if (histogram.last <= histogram.first) return 0;
    return std::clamp((at - histogram.first) / (histogram.last - histogram.first), 0.0, 1.0);
  }

  /// A line from 1% to 99%, a box around the middle half, the median, the mean; on the histogram's axis.
  std::string strip() const {
    const auto& q = column_.quantiles;
    if (q.size() != 7) return "";
    const double low = place(q[0].at), high = place(q[6].at), left = place(q[2].at), right = place(q[4].at);
    std::string out = fmt::format(
        "<div class=strip><i style='left:{};width:{}'></i><i class=box style='left:{};width:{}'></i><i class=middle "
        "style='left:{}'></i>",
        percent(low), percent(high - low), percent(left), percent(right - left), percent(place(q[3].at)));
    if (column_.mean)
      out += fmt::format("<i class=mean style='left:{}' title='mean {}'></i>", percent(place(*column_.mean)),
                         figure_text(*column_.mean));
    return out + "</div>";
  }

  std::string quantiles() const {
    std::string out = fmt::format("<div class='quantiles num{}'>", column_.nature == Nature::time ? " dates" : "");
    for (const Quantile& quantile : column_.quantiles) {
      const std::string name = quantile.share == 0.5 ? "median" : fmt::format("{:g}%", quantile.share * 100);
      out += fmt::format("<div><span>{}</span>{}</div>", name, escaped(quantile.text));
    }
    return out + "</div>";
  }

  std::string bars(const std::vector<ValueCount>& counts, size_t most) const {
    std::string out = "<div class=tops>";
    const int64_t longest = counts.front().rows;
    for (size_t i = 0; i < std::min(counts.size(), most); ++i) {
      const std::string value = counts[i].value.empty() ? "(empty)" : escaped(printable(counts[i].value));
      out += fmt::format(
          "<span class=value title='{0}'>{0}</span><span class=of style='width:{1}'></span><span class='num right'>{2} "
          "· {3}</span>",
          value, percent(share_of(counts[i].rows, longest)), count_text(counts[i].rows),
          share_text(share_of(counts[i].rows, looked_at())));
    }
    return out + "</div>";
  }

  std::string tops() const {
    // Values that are all there once have no order worth a chart.
    if (column_.top.front().rows == 1 && column_.distinct > 10) return "";
    const auto& buckets = column_.histogram.buckets;
    if (column_.distinct > 1 && !buckets.empty() && buckets.front().low == buckets.front().high)
      return "";  // told above
    return "<h4>Most frequent</h4>" + bars(column_.top, column_.distinct <= 12 ? 12 : 6);
  }
  std::string shapes() const { return "<h4>Shapes</h4>" + bars(column_.shapes, 5); }

  std::string odd() const {
    if (column_.odd.empty()) return "";
    std::string out = "<h4>Odd values</h4><div class=odds>";
    for (const Odd& odd : column_.odd)
      out += fmt::format("<div><code>{}</code><span>{}: {}</span></div>",
                         odd.value.empty() ? "(empty)" : escaped(printable(odd.value)), rows_text(odd.rows),
                         escaped(printable(odd.why)));
    return out + "</div>";
  }

  std::string rules() const {
    if (column_.rules.empty()) return "";
    std::string out = "<h4>Suggested rules</h4><div class=rules>";
    for (const Rule& rule : column_.rules) {
      out += fmt::format("<code{} title='{}'>{}: {}</code>", rule.broken > 0 ? " class=broken" : "", escaped(rule.why),
                         rule.name, escaped(rule.value));
      if (rule.broken > 0)
        out += fmt::format("<small>{} {} it</small>", rows_text(rule.broken), rule.broken == 1 ? "breaks" : "break");
    }
    return out + "</div>";
  }

  const Profile& profile_;
  const Column& column_;
  const size_t number_;
};

}  // namespace

std::string column_card(const Profile& profile, size_t number) { return Card(profile, number).html(); }

}  // namespace trommel::profile
