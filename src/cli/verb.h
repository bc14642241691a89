// What the verbs' own files share of CLI11. Include from .cc files of this folder only: the header is heavy.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/session.h"
#include "cli/verbs.h"

namespace trommel::cli {

/// A verb with its one-line help, and examples below its options.
CLI::App* add_verb(CLI::App& app, const std::string& name, const std::string& help, const std::string& examples);

/// `-D NAME=value` for verbs that read a pipeline file.
void add_variables(CLI::App& verb, std::vector<std::string>& definitions);

/// Checks of option values: empty when good, else what is wrong.
std::string byte_size_option(const std::string& text);
std::string reject_budget_option(const std::string& text);

}  // namespace trommel::cli
