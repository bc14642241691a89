#include "profile/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "telemetry/numbers.h"
#include "telemetry/terminal.h"

namespace trommel::profile {

namespace {

double share_of(int64_t rows, int64_t all) {
  return all > 0 ? static_cast<double>(rows) / static_cast<double>(all) : 0;
}

std::string tile(const std::string& value, const std::string& name, bool odd = false) {
  return fmt::format("<div class='tile{}'><b class=num>{}</b><span>{}</span></div>", odd ? " odd" : "", value, name);
}

std::string head(const Profile& profile) {
  int64_t nulls = 0;
  for (const Column& column : profile.columns) nulls += column.nulls;
  const int64_t cells = profile.rows * static_cast<int64_t>(profile.columns.size());
  std::string out = fmt::format("<header><div class=kicker>Data profile</div><h1>{}</h1><div class=tiles>",
                                escaped(printable(profile.name)));
  out += tile(count_text(profile.rows), profile.rows == 1 ? "row" : "rows");
  out += tile(count_text(static_cast<int64_t>(profile.columns.size())), "columns");
  out += tile(share_text(1 - share_of(nulls, cells)), "of all cells filled");
  if (profile.copies) out += tile(count_text(*profile.copies), "rows equal to an earlier one", *profile.copies > 0);
  if (profile.unread > 0) out += tile(count_text(profile.unread), "rows that could not be read", true);
  if (profile.bytes >= 0) out += tile(bytes_text(profile.bytes), "as it lies there");
  out += "</div>";
  if (!profile.guesses.empty() || !profile.first_unread.empty() || profile.sampled > 0) {
    out += "<ul class=guesses>";
    if (profile.sampled > 0)
      out += fmt::format(
          "<li>NULLs, least, greatest and mean are of all rows; distinct counts are estimates; the rest is of a sample "
          "of {}</li>",
          rows_text(profile.sampled));
    for (const std::string& guess : profile.guesses) out += "<li>" + escaped(printable(guess)) + "</li>";
    for (size_t i = 0; i < profile.first_unread.size() && i < 5; ++i)
      out += fmt::format("<li>not read: {}: {}</li>", escaped(printable(profile.first_unread[i].place)),
                         escaped(printable(profile.first_unread[i].reason)));
    out += "</ul>";
  }
  return out + "</header>\n";
}

/// The histogram, or the most frequent values as one.
std::string spark(const Column& column) {
  if (column.distinct < 2) return "";
  if (!column.histogram.buckets.empty()) return bars_svg(column.histogram, "", 26);
  if (column.top.empty() || column.top.front().rows == 1) return "";
  Histogram of_values;
  for (const ValueCount& value : column.top) of_values.buckets.push_back({value.value, value.value, value.rows});
  return bars_svg(of_values, "", 26);
}

std::string overview(const Profile& profile) {
  std::string out =
      "<h2>Columns</h2><div class=panel><table class=overview><thead><tr><th>Column<th class=kind>Type<th>Filled"
      "<th class='right distinct'>Distinct<th>Values<th></tr></thead><tbody>";
  for (size_t i = 0; i < profile.columns.size(); ++i) {
    const Column& column = profile.columns[i];
    const double filled = 1 - share_of(column.nulls, profile.rows);
    out += fmt::format(
        "<tr><td><a href='#c{}'>{}</a><td class=kind><span class=type>{}</span><td class=complete><div "
        "class=filled><div "
        "class=track><i style='width:{}'></i></div><span class=num>{}</span></div><td class='num right "
        "distinct'>{}{}<td class=spark>{}<td>{}</tr>",
        i, escaped(printable(column.name)), escaped(type_name(*column.type)), percent(filled), share_text(filled),
        column.distinct_exact ? "" : "≈ ", count_text(column.distinct), spark(column),
        column.odd.empty() ? "" : fmt::format("<a class='flag odd' href='#c{}'>odd values</a>", i));
  }
  return out + "</tbody></table></div>\n";
}

std::string missing(const Profile& profile) {
  if (profile.missing.empty()) return "";
  std::vector<size_t> columns;
  for (size_t i = 0; i < profile.columns.size(); ++i) {
    if (profile.columns[i].nulls > 0) columns.push_back(i);
  }
  std::string out =
      "<h2>Missing together</h2><p>Each line is a set of columns that are NULL in the same rows.</p><div "
      "class=panel><table class=together><thead><tr>";
  for (const size_t column : columns)
    out += fmt::format("<th class=dot><span>{}</span>", escaped(printable(profile.columns[column].name)));
  out += "<th class=right>Rows<th class=right>Share<th></tr></thead><tbody>";
  for (const MissingPattern& pattern : profile.missing) {
    out += "<tr>";
    for (const size_t column : columns) {
      const bool gone = std::find(pattern.columns.begin(), pattern.columns.end(), column) != pattern.columns.end();
      out += gone ? "<td class=dot><i class=gone title=NULL></i>" : "<td class=dot><i></i>";
    }
    out += fmt::format("<td class='num right'>{}<td class='num right'>{}<td>{}</tr>", count_text(pattern.rows),
                       share_text(share_of(pattern.rows, profile.rows)), pattern.columns.empty() ? "complete" : "");
  }
  return out + "</tbody></table></div>\n";
}

std::string correlations(const Profile& profile) {
  const Correlations& all = profile.correlations;
  const size_t count = all.columns.size();
  if (count == 0) return "";
  std::string out =
      "<h2>Correlation</h2><p>Pearson's coefficient of each pair of columns of numbers: 1 rise together, -1 one falls "
      "as the other "
      "rises, 0 no straight line between them.</p><div class=panel><table class=heat><thead><tr><th>";
  for (const size_t column : all.columns)
    out += fmt::format("<th class=head><span>{}</span>", escaped(printable(profile.columns[column].name)));
  out += "</tr></thead><tbody>";
  for (size_t a = 0; a < count; ++a) {
    out += fmt::format("<tr><th class=row>{}", escaped(printable(profile.columns[all.columns[a]].name)));
    for (size_t b = 0; b < count; ++b) {
      const double value = std::round(all.values[a * count + b] * 100) / 100 + 0.0;  // never -0.00
      if (a == b || std::isnan(value)) {
        out += "<td>";
        continue;
      }
      out += fmt::format("<td class=num style='background:color-mix(in srgb, var(--{}) {}, transparent)'>{:.2f}",
                         value < 0 ? "minus" : "plus", percent(std::abs(value) * 0.85), value);
    }
    out += "</tr>";
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string percent(double share) { return fmt::format("{:.4g}%", std::clamp(share, 0.0, 1.0) * 100); }

std::string bars_svg(const Histogram& histogram, const std::string& name, int height) {
  const auto& buckets = histogram.buckets;
  int64_t most = 1;
  for (const Bucket& bucket : buckets) most = std::max(most, bucket.rows);
  const size_t count = buckets.size();
  std::string out = fmt::format(
      "<svg viewBox='0 0 {} 100' preserveAspectRatio=none height={} {}>", count * 10, height,
      name.empty() ? "aria-hidden=true" : fmt::format("role=img aria-label='{}'", escaped(printable(name))));
  // Many bars stand close, so that gaps do not flicker.
  const double wide = count > 40 ? 9.4 : 8.6;
  for (size_t i = 0; i < count; ++i) {
    if (buckets[i].rows == 0) continue;
    const double tall = std::max(1.5, 100 * share_of(buckets[i].rows, most));
    const std::string label =
        buckets[i].low == buckets[i].high ? buckets[i].low : buckets[i].low + " … " + buckets[i].high;
    out += fmt::format("<rect x={:.1f} y={:.1f} width={:.1f} height={:.1f}><title>{}: {}</title></rect>",
                       static_cast<double>(i) * 10 + (10 - wide) / 2, 100 - tall, wide, tall, escaped(printable(label)),
                       rows_text(buckets[i].rows));
  }
  return out + "</svg>";
}

std::string html_page(const Profile& profile, const std::string& made_by) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width, "
      "initial-scale=1'>"
      "<meta name=generator content='{}'><title>{}: data profile</title><style>{}</style></head><body>\n",
      escaped(made_by), escaped(printable(profile.name)), page_style());
  out += head(profile) + "<main>" + overview(profile);
  out +=
      "<h2>One by one</h2><p>Below a histogram, on the same axis: the line from 1% to 99% of the values, the box "
      "around "
      "their middle half, the median as a mark, the mean as a dot.</p><div class=cards>\n";
  for (size_t i = 0; i < profile.columns.size(); ++i) out += column_card(profile, i);
  out += "</div>\n" + missing(profile) + correlations(profile);
  out +=
      "<h2>Suggested contract</h2><p>Types and rules that these rows suggest, to be pasted into a contract or "
      "<code>check</code>; "
      "a rule that some rows break is marked above. Take what is meant, leave what only happened to be so.</p><pre>" +
      escaped(contract_lines(profile)) + "</pre></main>";
  out += fmt::format("<footer>Made by {}{}</footer></body></html>\n", escaped(made_by),
                     profile.sampled > 0 ? "" : "; every figure is of all rows");
  return out;
}

}  // namespace trommel::profile
