#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "cli/profiling.h"
#include "cli/verb.h"
#include "config/yaml_text.h"
#include "telemetry/numbers.h"

namespace trommel::cli {

namespace {

struct Options {
  std::string from, folder = ".";
  FileOptions reading;
  bool force = false;
};

/// What the two files are written from.
struct Findings {
  profile::Profile profile;
  std::string typed;  ///< as the user named it
  std::string name;   ///< of the pipeline, its source and its outputs
  Node files;         ///< settings of the source, its path from the folder of the pipeline file
  bool has_contract = true;
};

std::string plain_extension(const std::string& path) {
  std::string name = name_of(path);
  for (const char* packed : {".gz", ".zst", ".bz2", ".xz", ".lz4"}) {
    if (name.ends_with(packed)) name.resize(name.size() - std::string_view(packed).size());
  }
  const size_t dot = name.rfind('.');
  return dot == std::string::npos || dot == 0 ? "" : name.substr(dot + 1);
}

/// A folder stands for the files of the kind that it holds most of.
Result<std::string> glob_of(Session& session, const std::string& folder) {
  ASSIGN(const auto entries, session.env.list(folder));
  std::map<std::string, int64_t> kinds;
  std::map<std::string, bool> packed;
  for (const FileInfo& entry : entries) {
    const std::string kind = plain_extension(entry.path);
    if (entry.is_directory || kind.empty() || kind == "yaml" || kind == "yml") continue;
    ++kinds[kind];
    if (!entry.path.ends_with("." + kind)) packed[kind] = true;
  }
  const auto most =
      std::max_element(kinds.begin(), kinds.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == kinds.end())
    return external_error(folder, "there is no data file in it", "name a file, or a glob such as 'in/**/*.csv'");
  if (kinds.size() > 1)
    session.note(fmt::format("{}: taking the {} of kind .{}; there are others", folder, most->second, most->first));
  return join_path(folder, "*." + most->first + (packed[most->first] ? "*" : ""));
}

/// A name for parts and tables: letters, digits and _.
std::string part_name(const std::string& path) {
  std::string stem = name_of(path);
  if (stem.find_first_of("*?[{") != std::string::npos) stem = name_of(folder_of(path));
  stem = stem.substr(0, stem.find('.'));
  std::string out;
  for (const char c : stem) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) out += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (!letter && !out.empty() && out.back() != '_') out += '_';
  }
  while (out.ends_with('_')) out.pop_back();
  if (out.empty() || (out[0] >= '0' && out[0] <= '9')) out = "data" + (out.empty() ? "" : "_" + out);
  return out == "sound" || out == "lake" || out == "tidy" || out == "table" ? out + "_rows" : out;
}

/// Relative paths of a pipeline file start at its folder.
std::string path_from(const std::string& folder, const std::string& path) {
  namespace fs = std::filesystem;
  if (fs::path(path).is_absolute()) return path;
  return fs::absolute(path)
      .lexically_normal()
      .lexically_proximate(fs::absolute(folder + "/").lexically_normal())
      .string();
}

/// Columns that only differ in case and punctuation are one to a contract.
bool can_have_contract(const profile::Profile& profile) {
  if (profile.names_changed) return false;
  std::vector<std::string> keys;
  for (const profile::Column& column : profile.columns) keys.push_back(name_key(column.name));
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) == keys.end() && (keys.empty() || !keys.front().empty());
}

std::string one_line(const std::string& text) { return printable(text); }

std::string contract_file(const Findings& found) {
  const profile::Profile& profile = found.profile;
  std::string out = fmt::format(
      "# The columns of {}, as {} had them when `trommel init` looked.\n"
      "# Types: docs/guide/types.md; rules: trommel describe contract. Rules behind a # held too: take what is "
      "meant.\n",
      one_line(found.typed), rows_text(profile.rows));
  if (!profile.null_markers.empty()) {
    std::string list;
    for (const std::string& marker : profile.null_markers) list += (list.empty() ? "" : ", ") + yaml_scalar(marker);
    out += fmt::format("nulls: [{}]    # texts that mean NULL\n", list);
  }
  out += "columns:\n";
  for (const profile::Column& column : profile.columns) {
    const bool required = column.nulls == 0 && profile.rows > 0;
    std::string line = fmt::format("  {}: ", yaml_scalar(column.name));
    line += required ? fmt::format("{{ type: {}, required: true }}", profile::contract_type(column))
                     : profile::contract_type(column);
    std::string also;
    for (const profile::Rule& rule : column.rules) {
      if (rule.name == "required" || rule.name == "nulls" || rule.broken > 0) continue;
      also += fmt::format("{}{}: {}", also.empty() ? "" : ", ", rule.name, rule.value);
    }
    if (!also.empty()) line += std::string(line.size() < 50 ? 50 - line.size() : 1, ' ') + "# " + one_line(also);
    out += line + "\n";
  }
  return out +
         "extra: fail        # a column that is not named here: fail, drop or keep\n"
         "missing: fail      # a column that does not come: fail or null\n";
}

/// The entries of the source's settings, each on a line of its own.
std::string settings_lines(const Node& settings) {
  std::string out, text = yaml_text(settings);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out += "      " + text.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

std::string pipeline_file(const Findings& found) {
  const profile::Profile& profile = found.profile;
  const std::string& name = found.name;
  std::string out = fmt::format("# Written by `trommel init` from {}: {}, {} columns.\n", one_line(found.typed),
                                rows_text(profile.rows), profile.columns.size());
  for (const std::string& guess : profile.guesses) out += "#   " + one_line(guess) + "\n";
  out += fmt::format(
      "# It runs as it is: `trommel run` with this file. Every key: trommel describe pipeline, source_files, clean, "
      "check, sql.\n"
      "name: {0}\n\nsources:\n  {0}:\n    files:                      # a guess that is wrong is set right here: "
      "delimiter: \";\", nulls: [NA]\n{1}",
      name, settings_lines(found.files));
  if (found.has_contract) {
    out += "    contract: contract.yaml     # names and types; a value that does not fit is a reject\n";
  } else {
    out += "    # no contract: names that differ only in case and punctuation are one name to it\n";
  }
  out += "\ntransforms:\n";
  const std::string input = found.has_contract ? "sound" : "tidy";
  if (found.has_contract) {
    out += fmt::format(
        "  # tidy: {{ clean: {{ from: {0}, names: snake_case, trim: true }} }}     # then `from: tidy` below\n"
        "  sound: {{ check: {{ from: {0}, contract: contract.yaml }} }}     # the contract's rules; a row that breaks "
        "one is a reject\n",
        name);
  } else {
    out += fmt::format("  tidy: {{ clean: {{ from: {}, trim: true }} }}\n", name);
  }
  out += fmt::format("  # chosen: {{ sql: \"SELECT * FROM {} WHERE …\" }}     # then `from: chosen` below\n", input);
  out += fmt::format(
      "\nsinks:\n  lake: {{ from: {0}, files: {{ path: output/{1}.parquet }} }}\n"
      "  # table: {{ from: {0}, store: \"duckdb:output/{1}.duckdb\", table: {1} }}\n\n",
      input, name);
  if (profile.unread > 0) {
    const profile::Unread& first = profile.first_unread.front();
    out += fmt::format("max_rejects: {}                # that many rows could not be read, such as {}: {}\n",
                       profile.unread, one_line(first.place), one_line(first.reason));
  } else {
    out += "max_rejects: 0                # rows that may be rejected before nothing is published: 100, or 0.1%\n";
  }
  return out + "# log: log.txt                # a line for each action\n";
}

Result<Findings> look(Session& session, const Options& options, Problems& problems) {
  Findings found;
  found.typed = options.from;
  std::string path = options.from;
  const auto info = session.env.info(path);
  if (info && info->is_directory) {
    ASSIGN(path, glob_of(session, path));
  }
  ProfileOptions how;
  how.reading = options.reading;
  ASSIGN(found.profile, profile_of(session, path, how, problems));
  if (!problems.empty()) return found;
  found.name = part_name(path);
  found.files = file_settings(path_from(options.folder, path), options.reading, problems);
  found.has_contract = can_have_contract(found.profile);
  return found;
}

int init(Session& session, const Options& options) {
  Problems problems;
  if (options.from == "-" || is_store(options.from))
    return session.wrong(options.from + " is no data file that could be read again", "name a file, a folder or a glob");
  const std::string pipeline = join_path(options.folder, "pipeline.yaml"),
                    contract = join_path(options.folder, "contract.yaml");
  for (const std::string& path : {pipeline, contract}) {
    if (session.env.exists(path) && !options.force)
      return session.fail(Error{Error::Domain::external, path, "it is there already",
                                "--force replaces it, -o FOLDER writes elsewhere", false});
  }
  const auto found = look(session, options, problems);
  if (!problems.empty()) return session.fail(problems);
  if (!found) return session.fail(found.error());
  if (auto made = session.env.make_directories(options.folder); !made) return session.fail(made.error());
  if (found->has_contract) {
    if (auto written = session.env.write_text(contract, contract_file(*found)); !written)
      return session.fail(written.error());
  }
  if (auto written = session.env.write_text(pipeline, pipeline_file(*found)); !written)
    return session.fail(written.error());
  session.out(
      fmt::format("{}: {} of {} columns\nwrote {}{}\n\nNext:\n  trommel plan {}    # what it would do\n  trommel run "
                  "{}     # do it\n",
                  options.from, rows_text(found->profile.rows), found->profile.columns.size(),
                  found->has_contract ? contract + " and " : "", pipeline, pipeline, pipeline));
  return done;
}

}  // namespace

void add_init(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb =
      add_verb(app, "init", "Write a pipeline and a contract from a data file, commented, that run as they are",
               "  trommel init sales.csv\n"
               "  trommel init input/ -o jobs/sales\n"
               "  trommel init 'in/*.csv.gz' --in 'nulls=[NA]' --force");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->from, "Data file, folder of them, or glob; all of it is looked at")
      ->required()
      ->type_name("");
  verb->add_option("-o,--output", options->folder, "Folder for pipeline.yaml and contract.yaml; default: here")
      ->type_name("DIR");
  verb->add_flag("--force", options->force, "Replace files that are there");
  add_file_options(*verb, options->reading);
  verb->callback([&session, &action, options] { action = [&session, options] { return init(session, *options); }; });
}

}  // namespace trommel::cli
