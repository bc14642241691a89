// A data file that was named on the command line, and how to read it: shared by the verbs that need no pipeline file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/reading.h"
#include "cli/session.h"
#include "component/source.h"
#include "query/database.h"
#include "spec/node.h"

namespace CLI {
class App;
}

namespace trommel::cli {

/// What is said of the file beside its name; the rest is guessed.
struct FileOptions {
  std::string format, delimiter;
  std::vector<std::string> settings;  ///< `nulls=NA`: any setting of the files source, its value as in a pipeline file
};

/// `--from`, `-d` and `--in`.
void add_file_options(CLI::App& verb, FileOptions& options);

Node text_node(const std::string& text);
Node map_node();
void put(Node& map, const std::string& name, Node value);
/// `NAME=VALUE`, the value read as YAML.
void put_setting(Node& map, const std::string& setting, Problems& problems);

/// The settings of a files source that reads `path`.
Node file_settings(const std::string& path, const FileOptions& options, Problems& problems);

/// The file, glob or standard input (`-`), looked at and ready to be read. Null where `problems` tell of the options.
/// What must be kept while it is read goes to the folder `scratch`.
Result<std::shared_ptr<Source>> bind_file(Session& session, const std::string& path, const FileOptions& options,
                                          const std::string& scratch, Problems& problems,
                                          const std::optional<Contract>& contract = std::nullopt);

struct LoadedRows {
  int64_t rows = 0, unread = 0;
  bool names_changed = false;
  std::vector<UnreadRow> first_unread;  ///< a hundred at most
};

/// Fills a new table with all rows of the source, once more with wider types when the guesses did not hold. Names that
/// differ in case alone are one name to SQL: the later ones get a number.
Result<LoadedRows> load_rows(query::Connection& connection, Source& source, const std::string& table);

}  // namespace trommel::cli
