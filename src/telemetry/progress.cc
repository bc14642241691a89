#include "telemetry/progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "telemetry/numbers.h"

namespace trommel {

namespace {
constexpr int64_t first_draw_us = 500'000;
constexpr int64_t redraw_us = 100'000;
constexpr int64_t plain_line_us = 10'000'000;
constexpr int64_t window_us = 5'000'000;  // long enough to be calm, short enough to show a stall
}  // namespace

std::string progress_text(const ProgressFigures& now, double rows_per_s, double bytes_per_s) {
  std::string text = count_text(now.rows) + " rows";
  const bool known = now.bytes_expected > 0;
  text += known ? fmt::format("  {} of {}", bytes_text(now.bytes), bytes_text(now.bytes_expected))
                : fmt::format("  {}", bytes_text(now.bytes));
  if (known) text += "  " + share_text(static_cast<double>(now.bytes) / static_cast<double>(now.bytes_expected));
  if (!now.doing.empty()) {
    text += "  " + now.doing;
  } else {
    text += fmt::format("  {} rows/s  {}/s", count_text(static_cast<int64_t>(rows_per_s)),
                        bytes_text(static_cast<int64_t>(bytes_per_s)));
    if (known && bytes_per_s > 0 && now.bytes < now.bytes_expected) {
      const double left_us = static_cast<double>(now.bytes_expected - now.bytes) / bytes_per_s * 1e6;
      text += fmt::format("  {} left",
                          left_us < 1e6 ? "1 s" : duration_text(static_cast<int64_t>(left_us / 1e6) * 1'000'000));
    }
  }
  if (now.rejected > 0) text += fmt::format("  {} rejected", count_text(now.rejected));
  return text;
}

void ProgressLine::update(const ProgressFigures& now) {
  const int64_t at = env_.steady_us();
  const bool terminal = console_.terminal().is_terminal;
  const int64_t wait =
      drawn_us_ >= 0 ? (terminal ? redraw_us : plain_line_us) : (terminal ? first_draw_us : plain_line_us);
  if (at - (drawn_us_ >= 0 ? drawn_us_ : started_us_) < wait) return;
  if (marks_.empty()) marks_.push_back({started_us_, 0, 0});
  marks_.push_back({at, now.rows, now.bytes});
  while (marks_.size() > 2 && at - marks_[1].at_us >= window_us) marks_.pop_front();
  const Mark& then = marks_.front();
  const double seconds = std::max(1e-6, static_cast<double>(at - then.at_us) / 1e6);
  const std::string text = progress_text(now, static_cast<double>(now.rows - then.rows) / seconds,
                                         static_cast<double>(now.bytes - then.bytes) / seconds);
  drawn_us_ = at;
  if (terminal) {
    console_.live(text);
  } else {
    console_.print(text);
  }
}

}  // namespace trommel
