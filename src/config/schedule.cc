#include "config/schedule.h"

namespace trommel {

namespace {

constexpr int64_t kDay = 86'400'000'000;

/// Of a setting; of the whole where it stands alone.
Place place_in(const Node& text, size_t at) {
  Place place = text.place;
  place.column += static_cast<int>(at) + (text.quoted ? 1 : 0);
  return place;
}

class ScheduleReader {
 public:
  ScheduleReader(const ScheduleText& text, const Node& node, Problems& problems)
      : text_(text), node_(node), problems_(problems) {}

  std::optional<ScheduleSettings> read() {
    auto zone = schedule::Zone::load(text_.zone);
    if (!zone)
      found_.add(node_.at_or_self("zone").place, "`" + text_.zone + "` " + zone.error().what, zone.error().hint);
    const auto rule = read_rule();
    problems_.add(found_);
    if (!zone || !rule || !found_.empty()) return std::nullopt;
    return ScheduleSettings{schedule::Schedule(*rule, *zone), text_.missed, notes_};
  }

 private:
  std::optional<std::variant<schedule::Cron, schedule::Every>> read_rule() {
    if (text_.cron.has_value() == text_.every.has_value()) {
      found_.add(node_.place, "`schedule` needs one of `cron` and `every`",
                 "such as \"0 6 * * *\", or { every: 2d, at: \"06:00\", from: 2026-01-01 }");
      return std::nullopt;
    }
    if (text_.cron) return read_cron();
    return read_every();
  }

  std::optional<schedule::Cron> read_cron() {
    for (const char* key : {"at", "from"}) {
      if (node_.is_map() && node_.find(key) != nullptr)
        found_.add(node_.at_or_self(key).place, std::string("`") + key + "` belongs to `every`, not to `cron`",
                   "a cron text holds its own times");
    }
    const Node& node = node_.at_or_self("cron");
    std::vector<schedule::CronMistake> mistakes;
    auto cron = schedule::parse_cron(*text_.cron, mistakes);
    for (const auto& mistake : mistakes) found_.add(place_in(node, mistake.at), mistake.what, mistake.hint);
    if (!cron) return std::nullopt;
    for (const auto& surprise : schedule::cron_surprises(*cron))
      notes_.push_back({place_in(node, surprise.at), surprise.what, surprise.hint});
    return cron;
  }

  std::optional<schedule::Every> read_every() {
    schedule::Every every;
    every.step_us = text_.every->us;
    if (every.step_us < 1'000'000 || every.step_us % 1'000'000 != 0) {
      found_.add(node_.at_or_self("every").place, "`every` must be whole seconds, at least one");
      return std::nullopt;
    }
    // Steps that fill a day begin with each day; others need a day to count from, or a restart would move them.
    const bool needs_from = kDay % every.step_us != 0;
    if (text_.from) {
      const auto day = schedule::parse_day(*text_.from);
      if (!day) {
        found_.add(node_.at_or_self("from").place, "`from` must be a day, not `" + *text_.from + "`",
                   "such as 2026-01-01");
      }
      every.from = day.value_or(schedule::Day{});
    } else if (needs_from) {
      found_.add(node_.place,
                 "`every: " + schedule::step_text(every.step_us) + "` needs `from`, the day that it counts from",
                 "such as from: 2026-01-01");
    }
    if (text_.at) {
      const auto at = schedule::parse_time_of_day(*text_.at);
      if (!at) {
        found_.add(node_.at_or_self("at").place, "`at` must be a time of day, not `" + *text_.at + "`",
                   "hours and minutes with two digits each: \"06:00\"");
      }
      every.at = at.value_or(std::chrono::seconds(0));
    }
    return every;
  }

  const ScheduleText& text_;
  const Node& node_;
  Problems& problems_;
  Problems found_;
  std::vector<Problem> notes_;
};

}  // namespace

const Spec<ScheduleText>& ScheduleText::spec() {
  static const auto spec =
      Spec<ScheduleText>("schedule", "When `trommel run` runs the pipeline: it stays, and runs at each due time")
          .description(
              "A cron text alone, or a map. `trommel plan` shows the next five runs. Two runs of one pipeline never "
              "overlap: a due time that comes while a run is under way is a missed one. Where clocks change, a fixed "
              "time that they jump past is due at the jump, and one that they show twice is due the first time; a cron "
              "text whose hour begins with `*` follows the clock as it shows. Steps of less than a day are counted in "
              "elapsed time.")
          .scalar_is("cron")
          .field("cron", &ScheduleText::cron,
                 "minute, hour, day of the month, month and day of the week; or @hourly, @daily, @weekly, @monthly, "
                 "@yearly",
                 {.example = "0 6 * * *"})
          .field("every", &ScheduleText::every, "in place of `cron`: a step; whole days are days of the calendar",
                 {.example = "2d"})
          .field("at", &ScheduleText::at, "with `every`: the time of day; left out, 00:00", {.example = "06:00"})
          .field("from", &ScheduleText::from,
                 "with `every`: the first day, from which steps are counted; may be left out where steps fill a day",
                 {.example = "2026-01-01"})
          .field("zone", &ScheduleText::zone, "whose clocks are meant, by its name in the IANA database",
                 {.example = "Europe/Berlin"})
          .field("missed", &ScheduleText::missed,
                 "due times that came while the program was not there or a run was under way: one run for all of them, "
                 "one for each, or none")
          .example(
              "schedule: { every: 2d, at: \"06:00\", from: 2026-01-01, zone: Europe/Berlin }\nsources:\n  drops: { "
              "files: { path: input/*.csv } }\nsinks:\n  lake: { files: { path: output/students.parquet } }\n")
          .check([](const ScheduleText& text, const Node& node, Problems& problems) {
            read_schedule(text, node, problems);
          });
  return spec;
}

std::optional<ScheduleSettings> read_schedule(const ScheduleText& text, const Node& node, Problems& problems) {
  return ScheduleReader(text, node, problems).read();
}

}  // namespace trommel
