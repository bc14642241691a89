#include "cli/data_file.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <set>

#include "cli/verb.h"

namespace trommel::cli {

namespace {

Place command_line() { return {on_command_line, 0, 0}; }

std::string is_setting(const std::string& text) {
  return text.find('=') == std::string::npos || text.front() == '=' ? text + " is no NAME=VALUE" : "";
}

const SourceKind* files_source(const Components& components) {
  for (const SourceKind& kind : components.sources) {
    if (kind.spec->name == "files") return &kind;
  }
  return nullptr;
}

/// Names that SQL can tell apart.
std::vector<std::string> sql_names(const arrow::Schema& schema) {
  std::vector<std::string> names;
  std::set<std::string> taken;
  const auto lower = [](std::string text) {
    for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return text;
  };
  for (const auto& field : schema.fields()) {
    std::string name = field->name();
    for (int number = 2; !taken.insert(lower(name)).second; ++number)
      name = fmt::format("{}_{}", field->name(), number);
    names.push_back(name);
  }
  return names;
}

}  // namespace

void add_file_options(CLI::App& verb, FileOptions& options) {
  verb.add_option("--from", options.format, "Format of what comes in; default: what its bytes look like")
      ->type_name("FORMAT");
  verb.add_option("-d,--delimiter", options.delimiter, "Delimiter of a CSV that comes in; default: what it looks like")
      ->type_name("CHARACTER");
  verb.add_option("--in", options.settings, "Any setting of the files source (`trommel describe source_files`)")
      ->check(is_setting)
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
}

Node text_node(const std::string& text) {
  Node node;
  node.kind = Node::Kind::scalar;
  node.place = command_line();
  node.scalar = text;
  return node;
}

Node map_node() {
  Node node;
  node.kind = Node::Kind::map;
  node.place = command_line();
  return node;
}

void put(Node& map, const std::string& name, Node value) {
  map.entries.push_back({name, command_line(), std::move(value)});
}

void put_setting(Node& map, const std::string& setting, Problems& problems) {
  const size_t equals = setting.find('=');
  Node value = parse_yaml(setting.substr(equals + 1), on_command_line, process_environment(), problems);
  put(map, setting.substr(0, equals), std::move(value));
}

Node file_settings(const std::string& path, const FileOptions& options, Problems& problems) {
  Node settings = map_node();
  put(settings, "path", text_node(path));
  if (!options.format.empty()) put(settings, "format", text_node(options.format));
  if (!options.delimiter.empty()) put(settings, "delimiter", text_node(options.delimiter));
  for (const std::string& setting : options.settings) put_setting(settings, setting, problems);
  return settings;
}

Result<std::shared_ptr<Source>> bind_file(Session& session, const std::string& path, const FileOptions& options,
                                          const std::string& scratch, Problems& problems,
                                          const std::optional<Contract>& contract) {
  const SourceKind* files = files_source(session.components);
  if (files == nullptr) return internal_error("files", "no component reads files");
  const Node settings = file_settings(path, options, problems);
  if (!problems.empty()) return std::shared_ptr<Source>();
  BindContext context;
  context.env = &session.env;
  context.folder = ".";
  context.state_folder = scratch;
  return files->bind(settings, contract, context, problems);
}

Result<LoadedRows> load_rows(query::Connection& connection, Source& source, const std::string& table) {
  for (int attempt = 0;; ++attempt) {
    auto rows = std::make_shared<SourceRows>(source);
    const std::vector<std::string> names = sql_names(*source.schema());
    auto renamed = source.schema()->WithNames(names);
    if (!renamed.ok()) return tl::unexpected(from_arrow(renamed.status(), "columns"));
    const Schema schema = *renamed;
    TRY(connection.register_stream("rows_of_file", schema, [rows, schema]() -> Result<query::NextRows> {
      return query::NextRows([rows, schema]() -> Result<Rows> {
        ASSIGN(const Rows some, rows->next());
        return some ? arrow::RecordBatch::Make(schema, some->num_rows(), some->columns()) : some;
      });
    }));
    auto loaded = connection.run(
        fmt::format("CREATE OR REPLACE TABLE {} AS SELECT * FROM rows_of_file", query::quote_name(table)));
    connection.unregister_stream("rows_of_file");
    if (!loaded) return tl::unexpected(loaded.error());
    if (!rows->misfits.empty() && attempt < 3) {
      TRY(source.widen(rows->misfits));
      continue;
    }
    return LoadedRows{rows->rows, rows->unread_rows, names != source.schema()->field_names(), std::move(rows->unread)};
  }
}

}  // namespace trommel::cli
