#include "engine/status.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/lock_holder.h"
#include "engine/commit_groups.h"
#include "engine/timetable.h"

namespace trommel {

namespace {

constexpr int64_t kEvery = 1'000'000;  // microseconds between two writes

std::string path_in(const std::string& folder) { return folder + "/status.json"; }

Json to_json(const Retrying& retrying) {
  return {{"what", retrying.what},
          {"since_us", retrying.since_us},
          {"attempts", retrying.attempts},
          {"error", retrying.error},
          {"next_us", retrying.next_us}};
}

struct Figure {
  const char* name;
  int64_t RunStatus::* value;
};
constexpr Figure kFigures[] = {{"process", &RunStatus::process},
                               {"started_us", &RunStatus::started_us},
                               {"updated_us", &RunStatus::updated_us},
                               {"ended_us", &RunStatus::ended_us},
                               {"epochs", &RunStatus::epochs},
                               {"rows_read", &RunStatus::rows_read},
                               {"rows_written", &RunStatus::rows_written},
                               {"rows_rejected", &RunStatus::rows_rejected},
                               {"reading_us", &RunStatus::reading_us},
                               {"epoch_rows_read", &RunStatus::epoch_rows_read},
                               {"epoch_rows_rejected", &RunStatus::epoch_rows_rejected},
                               {"epoch_us", &RunStatus::epoch_us},
                               {"inputs_waiting", &RunStatus::inputs_waiting},
                               {"oldest_waiting_us", &RunStatus::oldest_waiting_us}};

Json to_json(const RunStatus& run) {
  Json out = {{"phase", run.phase}};
  for (const auto& [name, value] : kFigures) out[name] = run.*value;
  out["rows_per_second"] = static_cast<int64_t>(run.rows_per_second());
  out["lag"] = Json::array();
  for (const Lag& one : run.lag)
    out["lag"].push_back({{"what", one.what}, {"rows", one.rows}, {"since_us", one.since_us}});
  out["retrying"] = Json::array();
  for (const Retrying& retrying : run.retrying) out["retrying"].push_back(to_json(retrying));
  out["outcome"] = run.outcome;
  out["message"] = run.message;
  return out;
}

RunStatus run_of(const Json& in) {
  RunStatus run;
  run.phase = in.value("phase", "");
  for (const auto& [name, value] : kFigures) run.*value = in.value(name, int64_t{0});
  for (const Json& one : in.value("lag", Json::array()))
    run.lag.push_back({one.value("what", ""), one.value("rows", int64_t{0}), one.value("since_us", int64_t{0})});
  if (in.contains("retrying")) {
    for (const Json& one : in.at("retrying"))
      run.retrying.push_back({one.value("what", ""), one.value("since_us", int64_t{0}),
                              one.value("attempts", int64_t{0}), one.value("next_us", int64_t{0}),
                              one.value("error", "")});
  }
  run.outcome = in.value("outcome", "");
  run.message = in.value("message", "");
  return run;
}

int64_t rows_written(const Checkpoint& checkpoint) {
  int64_t rows = 0;
  for (const PreparedFile& file : checkpoint.files) rows += file.sink == "rejects" ? 0 : file.rows;
  const auto is_source = [&](const std::string& name) {
    return std::ranges::any_of(checkpoint.taken, [&](const TakenInput& in) { return in.split.source == name; }) ||
           std::ranges::any_of(checkpoint.open, [&](const OpenInput& in) { return in.split.source == name; });
  };
  for (const SealedSegment& segment : checkpoint.segments) rows += is_source(segment.sink) ? 0 : segment.rows;
  return rows;
}

}  // namespace

double RunStatus::rows_per_second() const {
  const int64_t us = reading_us + epoch_us;
  return us <= 0 ? 0 : static_cast<double>(rows_read + epoch_rows_read) * 1e6 / static_cast<double>(us);
}

StatusFile::StatusFile(Env& env, std::string folder, std::string pipeline, bool on)
    : env_(env), folder_(std::move(folder)), pipeline_(std::move(pipeline)), on_(on) {}

void StatusFile::began(int64_t started_us) {
  if (!on_) return;
  const std::lock_guard lock(mutex_);
  status_.phase = "waiting";
  status_.process = env_.process().id;
  status_.started_us = started_us;
  write(true);
}

void StatusFile::reading(const Progress& progress) {
  if (!on_) return;
  const std::lock_guard lock(mutex_);
  status_.phase = "reading";
  status_.epoch_rows_read = progress.rows_read;
  status_.epoch_rows_rejected = progress.rows_rejected;
  status_.epoch_us = progress.elapsed_us;
  dirty_ = true;
  write(false);
}

void StatusFile::lag(std::vector<Lag> sources) {
  if (!on_) return;
  const std::lock_guard lock(mutex_);
  dirty_ = dirty_ || sources != status_.lag;
  status_.lag = std::move(sources);
}

void StatusFile::looked(int64_t inputs, int64_t oldest_us) {
  if (!on_) return;
  const std::lock_guard lock(mutex_);
  dirty_ = dirty_ || inputs != status_.inputs_waiting || oldest_us != status_.oldest_waiting_us;
  status_.inputs_waiting = inputs;
  status_.oldest_waiting_us = oldest_us;
  epoch_began_us_ = inputs > 0 ? env_.steady_us() : 0;
  write(false);
}

void StatusFile::published(const Checkpoint& checkpoint) {
  if (!on_) return;
  const std::lock_guard lock(mutex_);
  status_.phase = "waiting";
  ++status_.epochs;
  status_.rows_read += checkpoint.rows_read;
  status_.rows_written += rows_written(checkpoint);
  status_.rows_rejected += checkpoint.rows_rejected;
  status_.reading_us += std::max<int64_t>(env_.steady_us() - epoch_began_us_, 1);
  status_.epoch_rows_read = status_.epoch_rows_rejected = status_.epoch_us = 0;
  status_.inputs_waiting = std::max<int64_t>(0, status_.inputs_waiting - static_cast<int64_t>(checkpoint.taken.size()));
  dirty_ = true;
  write(false);
}

void StatusFile::retrying(const Retrying& what) {
  if (!on_) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(status_.retrying, [&](const Retrying& one) { return one.what == what.what; });
  if (what.attempts > 0) status_.retrying.push_back(what);
  dirty_ = true;
  write(true);
}

void StatusFile::ended(const Result<RunReport>& report) {
  if (!on_) return;
  const std::lock_guard lock(mutex_);
  status_.phase = "ended";
  status_.ended_us = env_.now_us();
  status_.outcome = report ? outcome_text(report->outcome) : "failed";
  status_.message = report ? report->message : report.error().text();
  status_.retrying.clear();
  status_.epoch_rows_read = status_.epoch_rows_rejected = status_.epoch_us = 0;
  dirty_ = true;
  write(true);
}

void StatusFile::write(bool now) {
  const int64_t steady = env_.steady_us();
  if (!dirty_ || (!now && written_us_ != 0 && steady - written_us_ < kEvery)) return;
  status_.updated_us = env_.now_us();
  const Json json = {{"format", 1}, {"pipeline", pipeline_}, {"run", to_json(status_)}};
  const std::string aside = path_in(folder_) + ".new";
  // Nothing rests on it: a disk that is full is somebody else's to tell.
  if (env_.write_text(aside, json_line(json) + "\n")) (void)env_.rename(aside, path_in(folder_));
  dirty_ = false;
  written_us_ = steady;
}

namespace {

// Files for people, which anybody may have changed: what cannot be read is left out.

void add_run(Env& env, const std::string& folder, PipelineStatus& status) {
  const auto text = env.read_text(path_in(folder));
  if (!text) return;
  try {
    const auto json = parse_json(*text, path_in(folder));
    if (!json || !json->contains("run")) return;
    status.run = run_of(json->at("run"));
    status.pipeline = json->value("pipeline", "");
  } catch (const Json::exception&) {
    status.run.reset();
  }
}

void add_checkpoint(Env& env, const std::string& folder, PipelineStatus& status) {
  StateFolder state(env, folder);
  auto newest = state.newest();
  if (!newest || !*newest) return;
  status.checkpoint = std::move(*newest);
  const Life& life = status.checkpoint->life;
  if (life.until > 0) {
    status.life_read = life.read;
    status.life_rejected = life.rejected;
    status.life_replayed = life.replayed;
    status.life_written = 0;
    for (const Life::Line& line : life.sinks) *status.life_written += line.written;
  }
  if (status.pipeline.empty()) status.pipeline = status.checkpoint->pipeline;
  if (const auto info = env.info(state.checkpoint_path(status.checkpoint->epoch)))
    status.checkpoint_us = info->modified_us;
}

Result<PipelineStatus> status_of_group(Env& env, const std::string& folder) {
  PipelineStatus status;
  status.folder = folder;
  add_run(env, folder, status);
  add_checkpoint(env, folder, status);
  if (const auto kept = kept_schedule(env, folder); kept && kept->next_us)
    status.due = {kept->schedule, *kept->next_us, kept->next};
  if (status.pipeline.empty()) status.pipeline = name_of(folder);
  status.holder = lock_holder(folder + "/lock");
  status.schedule_holder = lock_holder(folder + "/schedule.lock");
  if (!status.run && !status.checkpoint && !status.due && !status.holder)
    return external_error(folder, "no pipeline has run here yet", "its first `trommel run` makes the folder");
  return status;
}

Json to_json(const PipelineStatus& status) {
  const auto held = [](const std::optional<std::string>& holder) { return holder ? Json(*holder) : Json(nullptr); };
  Json out = {{"pipeline", status.pipeline},
              {"state", status.folder},
              {"running", status.holder.has_value()},
              {"holder", held(status.holder)},
              {"schedule_holder", held(status.schedule_holder)}};
  out["epoch"] = status.checkpoint ? Json(status.checkpoint->epoch) : Json(nullptr);
  out["epoch_at_us"] = status.checkpoint ? Json(status.checkpoint_us) : Json(nullptr);
  out["open"] = Json::array();
  if (status.checkpoint) {
    for (const OpenInput& open : status.checkpoint->open)
      out["open"].push_back(
          {{"source", open.split.source}, {"input", open.split.name}, {"at", open.at}, {"size", open.split.size}});
  }
  out["run"] = status.run ? to_json(*status.run) : Json(nullptr);
  out["life"] = status.life_read ? Json{{"rows_read", *status.life_read},
                                        {"rows_written", *status.life_written},
                                        {"rows_rejected", *status.life_rejected},
                                        {"rows_replayed", *status.life_replayed}}
                                 : Json(nullptr);
  out["next_run"] = status.due
                        ? Json{{"schedule", status.due->schedule}, {"at_us", status.due->at_us}, {"at", status.due->at}}
                        : Json(nullptr);
  return out;
}

}  // namespace

Result<std::vector<PipelineStatus>> read_status(Env& env, const std::string& state) {
  std::vector<PipelineStatus> groups;
  for (const GroupFolder& group : group_folders(env, state)) {
    auto status = status_of_group(env, group.folder);
    if (!status && groups.empty()) return tl::unexpected(status.error());
    if (!status) continue;  // it has been planned, and no more
    status->group = group.name;
    groups.push_back(std::move(*status));
  }
  return groups;
}

std::string status_json(const std::vector<PipelineStatus>& groups) {
  Json out = to_json(groups.front());
  for (size_t i = 0; groups.size() > 1 && i < groups.size(); ++i) {
    Json one = to_json(groups[i]);
    one["group"] = groups[i].group;
    if (i == 0) {
      out = std::move(one);
    } else {
      out["groups"].push_back(std::move(one));
    }
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace trommel
