#include "spec/describe.h"

#include <fmt/format.h>

#include "cli/manual.h"
#include "cli/pipeline_schema.h"
#include "cli/verb.h"
#include "telemetry/log.h"
#include "telemetry/table.h"

namespace trommel::cli {

namespace {

struct Options {
  std::string name, markdown;
  bool json = false, all = false, schema = false, man = false;
};

struct Described {
  std::string section;
  const SpecInfo* info;
};

std::vector<Described> all_of(const Components& components) {
  std::vector<Described> out;
  for (const SpecInfo* info : pipeline_specs()) out.push_back({"pipeline", info});
  for (const SourceKind& kind : components.sources) out.push_back({"source", kind.spec});
  for (const TransformKind& kind : components.transforms) out.push_back({"transform", kind.spec});
  for (const SinkKind& kind : components.sinks) out.push_back({kind.is_store ? "store" : "sink", kind.spec});
  return out;
}

// `files` is a source and a sink: each has a page of its own.
std::string page_name(const Described& described, const std::vector<Described>& all) {
  const auto same = std::count_if(all.begin(), all.end(),
                                  [&](const Described& other) { return other.info->name == described.info->name; });
  return same > 1 ? described.section + "_" + described.info->name : described.info->name;
}

int write_pages(Session& session, const std::vector<Described>& all, const std::string& folder) {
  if (auto made = session.env.make_directories(folder); !made) return session.fail(made.error());
  std::string index = "# Reference\n\nWritten by `trommel describe --all --markdown`; do not edit.\n";
  std::string section;
  for (const Described& described : all) {
    const std::string page = page_name(described, all) + ".md";
    if (described.section != section) index += fmt::format("\n## {}\n\n", described.section);
    section = described.section;
    index += fmt::format("- [{}]({}): {}\n", described.info->name, page, described.info->summary);
    const std::string text =
        describe_markdown(*described.info, described.section == "pipeline" ? "" : described.section);
    if (auto written = session.env.write_text(join_path(folder, page), text); !written)
      return session.fail(written.error());
  }
  if (auto written = session.env.write_text(join_path(folder, "README.md"), index); !written)
    return session.fail(written.error());
  return done;
}

int list(Session& session, const std::vector<Described>& all, bool json) {
  if (json) {
    std::string out;
    for (const Described& described : all) {
      out += fmt::format("{}{{\"kind\":{},\"name\":{},\"summary\":{}}}", out.empty() ? "" : ",",
                         json_text(described.section), json_text(described.info->name),
                         json_text(described.info->summary));
    }
    session.out("[" + out + "]\n");
    return done;
  }
  Table table({{"kind"}, {"name"}, {"what it does"}});
  for (const Described& described : all) table.add({described.section, described.info->name, described.info->summary});
  session.out(table.text(session.out_terminal.width));
  session.out("\n`trommel describe NAME` tells its settings.\n");
  return done;
}

int describe(Session& session, const CLI::App& app, const Options& options) {
  const std::vector<Described> all = all_of(session.components);
  if (!options.markdown.empty()) return write_pages(session, all, options.markdown);
  if (options.man) {
    std::vector<std::pair<std::string, const SpecInfo*>> specs;
    for (const Described& described : all) specs.emplace_back(described.section, described.info);
    session.out(manual_page(command_of(app), specs, session.version));
    return done;
  }
  if (options.schema) {
    session.out(pipeline_json_schema(session.components) + "\n");
    return done;
  }
  if (options.name.empty() && !options.all) return list(session, all, options.json);
  std::vector<Described> found;
  std::vector<std::string> names;
  for (const Described& described : all) {
    names.push_back(described.info->name);
    if (options.all || described.info->name == options.name || page_name(described, all) == options.name)
      found.push_back(described);
  }
  if (found.empty()) {
    const std::string near = did_you_mean(options.name, names);
    return session.wrong(fmt::format("there is no component `{}`", printable(options.name)),
                         near.empty() ? "`trommel describe` lists them" : fmt::format("did you mean `{}`?", near));
  }
  std::string text;
  for (const Described& described : found) {
    if (!text.empty()) text += options.json ? "," : "\n";
    text +=
        options.json
            ? describe_json(*described.info)
            : fmt::format("{}: {}", described.section,
                          describe_text(*described.info,
                                        std::max(60, session.out_terminal.width ? session.out_terminal.width : 100)));
  }
  session.out(options.json ? "[" + text + "]\n" : text);
  return done;
}

}  // namespace

void add_describe(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb = add_verb(app, "describe", "List the components, or tell the settings of one",
                            "  trommel describe\n  trommel describe clean\n  trommel describe files --json\n"
                            "  trommel describe --schema > pipeline.schema.json   # for editors");
  auto options = std::make_shared<Options>();
  verb->add_option("NAME", options->name, "A component, such as files, clean, sql")->type_name("");
  verb->add_flag("--json", options->json, "As JSON");
  verb->add_flag("--all", options->all, "Every component");
  verb->add_option("--markdown", options->markdown, "Write a page for each into this folder")->type_name("DIR");
  verb->add_flag("--schema", options->schema, "The JSON Schema of a pipeline file");
  verb->add_flag("--man", options->man, "The manual page, for `man -l -`");
  verb->callback([&session, &action, &app, options] {
    action = [&session, &app, options] { return describe(session, app, *options); };
  });
}

}  // namespace trommel::cli
