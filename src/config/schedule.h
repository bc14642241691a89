// `schedule:` of a pipeline file: when `trommel run` is to run it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schedule/schedule.h"
#include "spec/spec.h"

namespace trommel {

/// What becomes of due times that came while nothing could run: the program was not there, or a run was under way.
enum class Missed {
  once,  ///< one run for all of them, at once
  all,   ///< one run for each, the oldest first
  skip,  ///< none
};

template <>
struct EnumNames<Missed> {
  static constexpr EnumName<Missed> list[] = {{"once", Missed::once}, {"all", Missed::all}, {"skip", Missed::skip}};
};

struct ScheduleSettings {
  schedule::Schedule schedule;
  Missed missed = Missed::once;
  std::vector<Problem> notes;  ///< what a reader of it may not expect
};

struct ScheduleText {
  std::optional<std::string> cron;
  std::optional<Duration> every;
  std::optional<std::string> at, from;
  std::string zone = "UTC";
  Missed missed = Missed::once;
  static const Spec<ScheduleText>& spec();
};

/// Nothing where `problems` tell why.
std::optional<ScheduleSettings> read_schedule(const ScheduleText& text, const Node& node, Problems& problems);

}  // namespace trommel
