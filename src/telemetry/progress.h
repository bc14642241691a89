// How far a run is, on one line that redraws itself on a terminal, and as a plain line every ten seconds elsewhere.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/env.h"
#include "telemetry/terminal.h"

namespace trommel {

struct ProgressFigures {
  int64_t rows = 0;
  int64_t bytes = 0;            ///< read so far
  int64_t bytes_expected = -1;  ///< -1: not known, or endless
  int64_t rejected = 0;
  std::string doing;  ///< a word when it is past reading: `publishing`
};

/// `123,456 rows  1.2 MB of 30 MB  4%  52,000 rows/s  8.1 MB/s  3.4 s left`. Rates are over the `window_us` before now.
std::string progress_text(const ProgressFigures& now, double rows_per_s, double bytes_per_s);

/// One thread at a time. Nothing is shown for runs that end within half a second.
class ProgressLine {
 public:
  ProgressLine(Env& env, Console& console) : env_(env), console_(console), started_us_(env.steady_us()) {}
  ~ProgressLine() { console_.end_live(); }

  void update(const ProgressFigures& now);  ///< as often as one likes; it draws ten times a second at most
  void end() { console_.end_live(); }

 private:
  struct Mark {
    int64_t at_us, rows, bytes;
  };
  Env& env_;
  Console& console_;
  const int64_t started_us_;
  int64_t drawn_us_ = -1;
  std::deque<Mark> marks_;
};

}  // namespace trommel
