#include "profile/profile.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/data_file.h"
#include "cli/profiling.h"
#include "cli/scratch.h"
#include "cli/verb.h"
#include "config/parts.h"
#include "telemetry/numbers.h"

namespace trommel::cli {

namespace {

struct Options {
  std::string from, table, html, memory;
  FileOptions reading;
  bool json = false;
};

int show(Session& session, const profile::Profile& profile, const Options& options) {
  if (!options.html.empty()) {
    const std::string page = profile::html_page(profile, "trommel " + session.version);
    if (auto written = session.env.write_text(options.html, page); !written) return session.fail(written.error());
    session.note(fmt::format("{}: {}, {} columns, {}", options.html, rows_text(profile.rows), profile.columns.size(),
                             bytes_text(static_cast<int64_t>(page.size()))));
  }
  if (options.json) session.out(profile::profile_json(profile) + "\n");
  if (!options.json && options.html.empty()) session.out(profile::terminal_text(profile, session.out_terminal));
  return done;
}

int profile_verb(Session& session, const Options& options) {
  Problems problems;
  ProfileOptions how;
  how.table = options.table;
  how.reading = options.reading;
  if (!options.memory.empty()) how.memory_bytes = parse_byte_size(options.memory)->bytes;
  const auto profile = profile_of(session, options.from, how, problems);
  if (!problems.empty()) return session.fail(problems);
  if (!profile) return session.fail(profile.error());
  return show(session, *profile, options);
}

}  // namespace

void add_profile(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb =
      add_verb(app, "profile", "Measure what the columns of a file or table hold, show what is odd, and suggest rules",
               "  trommel profile flights.csv.zip\n"
               "  trommel profile 'in/*.parquet' --html report.html\n"
               "  trommel profile flights.duckdb flights --json\n"
               "  trommel profile sales.csv --in 'nulls=[NA, -]' --memory 512MB");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->from,
                   "Data file, glob, - for standard input, or DuckDB store (file or duckdb:FILE)")
      ->required()
      ->type_name("");
  verb->add_option("TABLE", options->table, "Table or view of the store; may be left out where there is one")
      ->type_name("");
  verb->add_option("--html", options->html, "Write one self-contained page with charts into this file")
      ->type_name("FILE");
  verb->add_flag("--json", options->json, "As one JSON object");
  add_file_options(*verb, options->reading);
  verb->add_option("--memory", options->memory,
                   "Memory that measuring may use, such as 512MB; it spills to disk beyond")
      ->check(byte_size_option)
      ->type_name("BYTES");
  verb->callback(
      [&session, &action, options] { action = [&session, options] { return profile_verb(session, *options); }; });
}

}  // namespace trommel::cli
