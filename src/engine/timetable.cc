#include "engine/timetable.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"

namespace trommel {

namespace {

constexpr int64_t kNap = 100'000;        // microseconds between two looks at the clock, which may jump
constexpr int64_t kOnTime = 60'000'000;  // later than that, a due time counts as missed
constexpr int64_t kHeldNap = 1'000'000;  // between two looks whether another run has ended
constexpr int64_t kCounted = 1000;       // missed due times that are counted one by one

std::string path_in(const std::string& folder) { return folder + "/schedule.json"; }

}  // namespace

std::optional<KeptSchedule> kept_schedule(Env& env, const std::string& folder) {
  const auto text = env.read_text(path_in(folder));
  if (!text) return std::nullopt;
  const auto json = parse_json(*text, path_in(folder));
  if (!json || !json->is_object()) return std::nullopt;
  const auto number = [&](const char* name) -> std::optional<int64_t> {
    const auto found = json->find(name);
    if (found == json->end() || !found->is_number_integer()) return std::nullopt;
    return found->get<int64_t>();
  };
  const auto words = [&](const char* name) {
    const auto found = json->find(name);
    return found != json->end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  return KeptSchedule{words("schedule"), number("seen_to_us"), number("next_us"), words("next")};
}

std::optional<int64_t> Timetable::seen_to(Env& env, const std::string& folder, const schedule::Schedule& schedule) {
  const auto kept = kept_schedule(env, folder);
  return kept && kept->schedule == schedule.text() ? kept->seen_to_us : std::nullopt;
}

Result<> Timetable::open(const std::string& holder) {
  TRY(env_.make_directories(folder_));
  auto lock = env_.lock(folder_ + "/schedule.lock", holder);
  if (!lock) {
    Error error = std::move(lock).error();
    error.what = "the schedule of this pipeline is kept already: " + error.what;
    error.hint = "`run --once` runs it beside that";
    return tl::unexpected(error);
  }
  lock_ = std::move(*lock);
  if (const auto before = seen_to(env_, folder_, settings_.schedule)) {
    seen_to_us_ = *before;
    next_ = settings_.schedule.next(seen_to_us_);
    return {};
  }
  return see_to(env_.now_us());
}

Result<> Timetable::see_to(int64_t due_us) {
  seen_to_us_ = std::max(seen_to_us_, due_us);
  next_ = settings_.schedule.next(seen_to_us_);
  Json json = {{"schedule", settings_.schedule.text()}, {"seen_to_us", seen_to_us_}};
  if (next_) {
    json["next_us"] = *next_;
    json["next"] = settings_.schedule.zone().text(*next_);
  }
  return env_.write_durably(path_in(folder_), json_line(json) + "\n");
}

Result<> Timetable::done(int64_t due_us) { return see_to(due_us); }

void Timetable::tell_missed(int64_t first_us, int64_t last_us) const {
  int64_t count = 1;
  for (auto due = std::optional(first_us); due && *due < last_us && count <= kCounted; ++count)
    due = settings_.schedule.next(*due);
  const char* then = settings_.missed == Missed::skip ? "passed over" : "one run for them now";
  const auto& zone = settings_.schedule.zone();
  if (first_us == last_us) {
    say_(fmt::format("the run that was due at {} was missed: {}", zone.text(first_us),
                     settings_.missed == Missed::skip ? "passed over" : "it runs now"));
  } else {
    say_(fmt::format("{} runs that were due from {} to {} were missed: {}",
                     count > kCounted ? fmt::format("more than {}", kCounted) : fmt::format("{}", count),
                     zone.text(first_us), zone.text(last_us), then));
  }
}

Result<std::optional<int64_t>> Timetable::due() {
  const int64_t now = env_.now_us();
  if (!next_ || *next_ > now) return std::nullopt;
  const int64_t first = *next_;
  if (settings_.missed == Missed::all) {
    if (now - first > kOnTime) tell_missed(first, first);
    return first;
  }
  const int64_t last = settings_.schedule.latest(now).value_or(first);
  const bool late = now - last > kOnTime;
  if (settings_.missed == Missed::once) {
    if (late || first != last) tell_missed(first, last);
    return last;
  }
  if (late) {
    tell_missed(first, last);
    TRY(see_to(last));
    return std::nullopt;
  }
  if (first != last) tell_missed(first, *settings_.schedule.latest(last - 1));
  return last;
}

namespace {

/// Whether another process runs the pipeline just now.
bool held(Env& env, const std::string& folder) { return !env.lock(folder + "/lock", "a look at the schedule"); }

}  // namespace

Result<> keep_timetable(Env& env, Timetable& timetable, const std::string& folder, const schedule::Zone& zone,
                        const std::stop_token& stop, const Timetable::Say& say,
                        const std::function<AfterRun(int64_t due_us)>& run) {
  std::optional<int64_t> told;
  bool told_held = false;
  while (!stop.stop_requested()) {
    if (!timetable.next()) {
      say("the schedule holds no run any more");
      return {};
    }
    if (const int64_t next = *timetable.next(), now = env.now_us(); next > now) {
      if (told != next) say("next run at " + zone.text(next) + "; Ctrl-C ends it cleanly");
      told = next;
      env.sleep_us(std::min(kNap, next - now));
      continue;
    }
    if (held(env, folder)) {
      if (!told_held) say("a run is due, and waits for another one of this pipeline to end");
      told_held = true;
      env.sleep_us(kHeldNap);
      continue;
    }
    told_held = false;
    ASSIGN(const auto due, timetable.due());
    if (!due) continue;
    if (run(*due) == AfterRun::end) return {};
    TRY(timetable.done(*due));
  }
  return {};
}

}  // namespace trommel
