#include "simulation/simulate.h"

#include <fmt/format.h>

#include <optional>

#include "codecs/csv/csv.h"
#include "connectors/files/files.h"
#include "engine/run.h"
#include "simulation/judge.h"
#include "simulation/model.h"
#include "simulation/world.h"
#include "transforms/dedupe/dedupe.h"

namespace trommel {
namespace {

constexpr int64_t kLivesMax = 300;
constexpr int64_t kTroubleMax = 60;  // crashes and faults of one seed; after that the outside is kind

/// In which part of an epoch it happened.
std::string phase_of(const std::string& touch) {
  const auto about = [&](const char* part) { return touch.find(part) != std::string::npos; };
  if (about("checkpoint-")) return "checkpoint";
  if (about("commit to store") || about(".tmp -> ") || about("sync folder /job/out") ||
      about("sync folder /job/.trommel/job/rejects"))
    return "commit";
  if (about("taken.jsonl") || about("remove /job/in") || about("remove /job/apart") || about("/done") ||
      about("/refused") || about("remove folder"))
    return "durable";
  if (about(".tmp") || about("temporaries") || about("/spool") || about("/transforms") || about("file system"))
    return "prepare";
  return "read";
}

class Simulation {
 public:
  Simulation(uint64_t seed, bool trace)
      : world_(seed, trace ? [](const std::string& line) { fmt::print("{}\n", line); }
                           : std::function<void(const std::string&)>{}) {
    components_.sources.push_back(files_source({csv_format()}));
    components_.transforms.push_back(dedupe_transform());
    components_.transforms.push_back(sieve_transform());
    components_.sinks.push_back(files_sink({csv_encoder()}));
    components_.sinks.push_back(model_store(world_));
  }

  SimulationResult go() {
    while (result_.lives < kLivesMax && !over_) live();
    if (!over_) result_.wrong.push_back(fmt::format("no end in {} lives", kLivesMax));
    result_.touches = world_.env.touches();
    for (const auto& file : world_.files) result_.rows += static_cast<int64_t>(file.rows.size());
    if (!over_ || !result_.wrong.empty() || result_.stopped) return result_;
    result_.wrong = judge(world_);
    return result_;
  }

 private:
  /// One process, from its start to its end, whatever that is.
  void live() {
    ++result_.lives;
    const bool kind = result_.faults + crashes_ >= kTroubleMax || world_.dice.chance(0.1);
    const bool last = kind && (world_.all_dropped() || world_.dice.chance(0.5));
    if (last) world_.drop_the_rest();
    world_.env.faults = kind ? Faults{} : world_.scenario.faults;
    const int64_t faults = world_.env.faults_told();
    if (world_.env.log) world_.env.log(fmt::format("--- life {}{}", result_.lives, last ? ", the last" : ""));
    try {
      const auto report = run();
      const int64_t own = world_.env.faults_told() - faults;
      result_.faults += own;
      if (!report) {
        ended_badly(report.error(), own > 0);
      } else if (report->outcome == RunReport::Outcome::refused) {
        give_up("refused: " + report->message);
      } else {
        result_.epochs += report->epochs;
        if (last) over_ = true;
      }
    } catch (const Crash& crash) {
      result_.faults += world_.env.faults_told() - faults;
      ++crashes_;
      const std::string phase = phase_of(crash.during);
      ++result_.crashes[phase];
      world_.crash(phase == "commit" || phase == "durable");
    } catch (const NoEnd& none) {
      give_up("no end: at " + none.during);
    }
    world_.env.restart();
  }

  void ended_badly(const Error& error, bool expected) {
    if (world_.env.log) world_.env.log("run ended: " + error.text());
    const auto tells = [text = error.text()](const std::string& what) { return text.find(what) != std::string::npos; };
    if (!world_.rotted.empty() && (tells("the newest checkpoint that can be read") || tells(world_.rotted))) {
      result_.stopped = over_ = true;
    } else if (!expected || error.domain == Error::Domain::internal) {
      give_up("a run ended: " + error.text());
    }
  }

  void give_up(std::string why) {
    result_.wrong.push_back(std::move(why));
    over_ = true;
  }

  Result<RunReport> run() {
    Problems problems;
    std::map<std::string, std::vector<std::string>> known = {
        {"sources", {"files"}}, {"transforms", {"sieve", "dedupe"}}, {"sinks", {"files"}}, {"stores", {"model"}}};
    const auto nothing_set = [](const std::string&) { return std::optional<std::string>{}; };
    const Faults faults = std::exchange(world_.env.faults, Faults{});  // what is tested begins with the run
    Pipeline pipeline =
        load_pipeline(world_.env, std::string(World::kFolder) + "/pipeline.yaml", nothing_set, known, problems);
    world_.env.faults = faults;
    TROMMEL_CHECK(problems.empty(), problems.text());
    pipeline.settings.block_bytes = world_.scenario.block_bytes;
    RunOptions options;
    options.stepped = true;
    options.seed = world_.dice.next();
    options.once = true;
    if (world_.env.log) options.say = [this](const std::string& line) { world_.env.log("said: " + line); };
    auto report = run_pipeline(pipeline, components_, world_.env, options, problems);
    if (!problems.empty()) return config_error("job", problems.text());
    return report;
  }

  World world_;
  Components components_;
  SimulationResult result_;
  int64_t crashes_ = 0;
  bool over_ = false;
};

}  // namespace

SimulationResult simulate(uint64_t seed, bool trace) { return Simulation(seed, trace).go(); }

}  // namespace trommel
