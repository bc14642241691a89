// The pipeline file as it was written: named parts and their settings, each with its place. What the parts mean is the
// plan's business.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "config/contract.h"
#include "config/endpoints.h"
#include "config/schedule.h"
#include "config/server.h"
#include "spec/node.h"
#include "spec/spec.h"
#include "telemetry/log.h"

namespace trommel {

/// Parses YAML into a Node tree: every value with line and column, duplicate keys refused, aliases and `<<` merges
/// resolved, a limit on depth and nodes,
/// `${VAR}` and `${VAR:default}` filled in (`$${` is a literal `${`); an unset variable with no default is a problem.
/// A scalar with a password in a URL, or a key named password, secret, token or credentials is marked secret.
Node parse_yaml(std::string_view text, const std::string& file, const Variables& variables, Problems& problems);
Node load_yaml(Env& env, const std::string& path, const Variables& variables, Problems& problems);

/// `max_rejects: 100` or `0.1%`.
struct RejectBudget {
  int64_t rows = 0;
  double share = -1;  ///< 0..1; negative: `rows` holds
  std::string text() const;
};

/// Where rows come from or go to: `files: {...}` (component + settings), or for sinks `store: NAME` + settings beside
/// it.
struct Part {
  std::string name;
  Place place;
  std::string component;          ///< `files`, `clean`, `sql`; for a store sink the store's kind, such as `duckdb`
  Node settings;                  ///< what stands under the component's key (for a store sink: the keys beside `store`)
  std::vector<std::string> from;  ///< as written; empty: to be found
  Place from_place;
  std::optional<Contract> contract;
  std::string contract_file;
  std::optional<RejectBudget> max_rejects;  ///< of a source
  std::string store;  ///< for a store sink: the address (`duckdb:students.duckdb`), paths made absolute; may be secret
  std::string store_name;                ///< for people
  std::vector<std::string> store_notes;  ///< what `plan` says of the store's settings
};

/// Where a run says what it does, and how.
struct LogSettings {
  std::string file;  ///< empty: standard error
  LogFormat format = LogFormat::plain;
  int64_t max_bytes = LogFile::Options{}.max_bytes;
  int64_t keep = LogFile::Options{}.keep;
};

/// `commit:`. When an endless run closes an epoch.
struct CommitSettings {
  int64_t every_us = 1'000'000;   ///< at least this long from the start of one epoch to that of the next
  int64_t rows = 1'000'000;       ///< read
  int64_t bytes = 1'000'000'000;  ///< read, as they lie in the input
};

/// `rejects:`. Past which limits the reject logs of epochs go; 0: never.
struct RejectLogSettings {
  int64_t max_age_us = int64_t{90} * 86'400'000'000;
  int64_t max_bytes = 1'000'000'000;
};

/// `retry:`. What happens when a store or a folder that rows go to is away.
struct RetrySettings {
  int64_t for_us = -1;            ///< it is tried again for so long; 0: never; -1: as `time_for` says
  int64_t pause_us = 30'000'000;  ///< the longest pause between two tries; they begin at a hundredth of a second
  /// Somebody waits for a run that has an end; one without is to get over an outage.
  int64_t time_for(bool endless) const { return for_us >= 0 ? for_us : endless ? 300'000'000 : 10'000'000; }
};

/// `spool:`. What waits on disk until every sink has it.
struct SpoolSettings {
  int64_t max_bytes = 10'000'000'000;  ///< nothing more is read while it holds so much
};

/// `publish:`. When a run that has an end publishes.
enum class Publish {
  at_end,     ///< all of it, or nothing
  as_you_go,  ///< epoch by epoch, as `commit:` says
};

struct PipelineSettings {
  int64_t memory_bytes = 0;  ///< 0: a share of the machine
  int64_t lanes = 0;         ///< 0: as many as cores
  RejectBudget max_rejects;
  bool ordered = false;
  Publish publish = Publish::at_end;
  CommitSettings commit;
  std::optional<ScheduleSettings> schedule;
  RejectLogSettings rejects;
  RetrySettings retry;
  SpoolSettings spool;
  std::optional<ServerSettings> server;
  std::string state;  ///< folder; default `.trommel/NAME` beside the pipeline file
  LogSettings log;

  /// Not in the file: a backfill. Inputs of these days alone, whether they were taken before or not.
  std::optional<schedule::Days> days;
  /// Not in the file: everything is read anew, as if it never was. Rows that earlier runs wrote must be replaced by it,
  /// or may stay beside (`beside`).
  struct Reset {
    bool beside = false;
  };
  std::optional<Reset> reset;

  // Not in the file: what tests vary to see that it changes nothing.
  int64_t batch_rows = 0;   ///< decoded batches are cut to this many rows; 0: as they come
  int64_t block_bytes = 0;  ///< what a reader aims at per block; 0: from the memory budget
  bool provenance = true;   ///< false: where rows came from is forgotten at once, to measure what it costs
};

struct Pipeline {
  std::string name;
  std::string file;
  std::string folder;  ///< of the file: every relative path in it starts here
  PipelineSettings settings;
  std::vector<Part> sources, tables, transforms, sinks;  ///< in the order of the file
  std::vector<View> views;
  std::vector<Endpoint> endpoints;
};

/// Reads the pipeline file and the contract files that it names. All mistakes of shape go to `problems` (unknown keys,
/// wrong types, missing fields, names used twice, unknown components with "did you mean"). `known` lists the component
/// names by section ("sources", "transforms", "sinks", "stores").
Pipeline load_pipeline(Env& env, const std::string& path, const Variables& variables,
                       const std::map<std::string, std::vector<std::string>>& known, Problems& problems);

/// The Specs of what stands at the top of a pipeline file, for `describe`, the reference and the JSON Schema.
const std::vector<const SpecInfo*>& pipeline_specs();

}  // namespace trommel
