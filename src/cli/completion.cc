#include <algorithm>

#include "cli/commands.h"
#include "cli/verb.h"

namespace trommel::cli {

namespace {

std::vector<std::string> component_words(const Components& components) {
  std::vector<std::string> names;
  for (const SpecInfo* info : pipeline_specs()) names.push_back(info->name);
  for (const SourceKind& kind : components.sources) names.push_back(kind.spec->name);
  for (const TransformKind& kind : components.transforms) names.push_back(kind.spec->name);
  for (const SinkKind& kind : components.sinks) names.push_back(kind.spec->name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

int completion(Session& session, const CLI::App& app, const std::string& shell) {
  const Command trommel = command_of(app);
  const std::vector<std::string> components = component_words(session.components);
  session.out(shell == "bash"  ? bash_completion(trommel, components)
              : shell == "zsh" ? zsh_completion(trommel, components)
                               : fish_completion(trommel, components));
  return done;
}

}  // namespace

void add_completion(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb =
      add_verb(app, "completion", "Print the script that lets a shell complete verbs, options and files",
               "  trommel completion bash\n  trommel completion zsh\n  trommel completion fish\n\n"
               "For one shell: source <(trommel completion bash). For all of yours, put the script where the\n"
               "shell looks: ~/.local/share/bash-completion/completions/trommel, a folder of zsh's fpath as\n"
               "_trommel, ~/.config/fish/completions/trommel.fish. A package has done so already.");
  auto shell = std::make_shared<std::string>();
  verb->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("");
  verb->callback([&session, &action, &app, shell] {
    action = [&session, &app, shell] { return completion(session, app, *shell); };
  });
}

}  // namespace trommel::cli
