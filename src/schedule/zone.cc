#include "schedule/zone.h"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>

#include <algorithm>

namespace trommel::schedule {

struct Zone::Rules {
  cctz::time_zone zone;
};

namespace {

using Seconds = cctz::time_point<cctz::seconds>;

int64_t us_of(const Seconds& time) { return time.time_since_epoch().count() * 1'000'000; }

Seconds seconds_of(int64_t us) { return Seconds(std::chrono::floor<cctz::seconds>(std::chrono::microseconds(us))); }

cctz::civil_second civil(Day day, std::chrono::seconds time_of_day) {
  const std::chrono::year_month_day date(day);
  return cctz::civil_second(static_cast<int>(date.year()), static_cast<int>(static_cast<unsigned>(date.month())),
                            static_cast<int>(static_cast<unsigned>(date.day()))) +
         time_of_day.count();
}

/// The library also takes paths and names of its own; ours are those of the database.
bool may_be_a_name(const std::string& name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '+' || c == '/';
  };
  return !name.empty() && name.front() != '/' && !name.starts_with("Fixed/") && name != "localtime" &&
         std::all_of(name.begin(), name.end(), plain);
}

}  // namespace

Zone::Zone() : rules_(std::make_shared<const Rules>()) {}

Result<Zone> Zone::load(const std::string& name) {
  auto rules = std::make_shared<Rules>();
  if (!may_be_a_name(name) || !cctz::load_time_zone(name, &rules->zone)) {
    return config_error(name, "is no time zone that this system knows",
                        "a name such as Europe/Berlin, America/New_York or UTC; /usr/share/zoneinfo holds them all, of "
                        "the package tzdata");
  }
  Zone zone;
  zone.rules_ = std::move(rules);
  zone.name_ = name;
  return zone;
}

Zone::Shown Zone::shown(Day day, std::chrono::seconds time_of_day) const {
  const auto found = rules_->zone.lookup(civil(day, time_of_day));
  switch (found.kind) {
    case cctz::time_zone::civil_lookup::SKIPPED:
      return {Shown::Times::never, us_of(found.trans), us_of(found.trans)};
    case cctz::time_zone::civil_lookup::REPEATED:
      return {Shown::Times::twice, us_of(found.pre), us_of(found.post)};
    case cctz::time_zone::civil_lookup::UNIQUE:
      break;
  }
  return {Shown::Times::once, us_of(found.pre), us_of(found.pre)};
}

Day Zone::day_of(int64_t us) const {
  const cctz::civil_second shown = rules_->zone.lookup(seconds_of(us)).cs;
  return Day(std::chrono::local_days(std::chrono::year(static_cast<int>(shown.year())) /
                                     std::chrono::month(static_cast<unsigned>(shown.month())) /
                                     std::chrono::day(static_cast<unsigned>(shown.day()))));
}

std::string Zone::text(int64_t us) const {
  const Seconds time = seconds_of(us);
  const bool whole_minute = rules_->zone.lookup(time).cs.second() == 0;
  return cctz::format(whole_minute ? "%Y-%m-%d %H:%M %Z" : "%Y-%m-%d %H:%M:%S %Z", time, rules_->zone);
}

}  // namespace trommel::schedule
